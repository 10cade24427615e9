"""BERT for sentence classification in PyTorch, its parameters named as transformers names them."""

import json
import struct

import torch
from torch import nn


class Layer(nn.Module):
    """Self-attention and a feed-forward network, each with its residual and layer norm."""

    def __init__(self, hidden, heads, intermediate, epsilon):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.attended = (nn.Linear(hidden, hidden) for _ in range(4))
        self.attention_norm = nn.LayerNorm(hidden, eps=epsilon)
        self.intermediate = nn.Linear(hidden, intermediate)
        self.output = nn.Linear(intermediate, hidden)
        self.output_norm = nn.LayerNorm(hidden, eps=epsilon)

    def forward(self, states, bias):
        batch, length, hidden = states.shape
        query, key, value = (
            part(states).view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(2, 3) / (hidden // self.heads) ** 0.5 + bias
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, hidden)
        states = self.attention_norm(states + self.attended(mixed))
        return self.output_norm(states + self.output(nn.functional.gelu(self.intermediate(states))))


# transformers' name of each part of a layer
PARTS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}


class BertClassifier(nn.Module):
    """The encoder and a head: on the mean of the tokens, or, as in transformers, on the first one, pooled."""

    def __init__(self, config, labels, pooler=False):
        super().__init__()
        hidden = config["hidden_size"]
        epsilon = config.get("layer_norm_eps", 1e-12)
        self.words = nn.Embedding(config["vocab_size"], hidden)
        self.positions = nn.Embedding(config.get("max_position_embeddings", 512), hidden)
        self.segments = nn.Embedding(config.get("type_vocab_size", 2), hidden)
        self.norm = nn.LayerNorm(hidden, eps=epsilon)
        sizes = (hidden, config["num_attention_heads"], config["intermediate_size"], epsilon)
        self.layers = nn.ModuleList(Layer(*sizes) for _ in range(config["num_hidden_layers"]))
        self.pooler = nn.Linear(hidden, hidden) if pooler else None
        self.classifier = nn.Linear(hidden, labels)

    def embed(self, input_ids, segment_ids):
        # Padding has id 0: the mask is made here, so that a caller cannot forget it.
        mask = (input_ids != 0).float()
        positions = self.positions.weight[: input_ids.shape[1]]
        states = self.norm(self.words(input_ids) + positions + self.segments(segment_ids))
        # -10000 is "never" in FP16 too.
        bias = (1 - mask)[:, None, None, :] * -10000.0
        for layer in self.layers:
            states = layer(states, bias)
        if self.pooler is not None:
            return torch.tanh(self.pooler(states[:, 0]))
        return (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)

    def forward(self, input_ids, segment_ids):
        return self.classifier(self.embed(input_ids, segment_ids))

    def load(self, weights):
        """Takes what transformers saved; a head that is not in it stays as it is."""
        weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
        modules = {
            "embeddings.word_embeddings": self.words,
            "embeddings.position_embeddings": self.positions,
            "embeddings.token_type_embeddings": self.segments,
            "embeddings.LayerNorm": self.norm,
        }
        for index, layer in enumerate(self.layers):
            modules.update({f"encoder.layer.{index}.{name}": getattr(layer, part) for part, name in PARTS.items()})
        if self.pooler is not None:
            modules["pooler.dense"] = self.pooler
        if "classifier.weight" in weights:
            modules["classifier"] = self.classifier
        with torch.no_grad():
            for name, module in modules.items():
                for parameter, tensor in module.named_parameters():
                    tensor.copy_(weights[f"{name}.{parameter}"])


def read_safetensors(data):
    """Tensors by name: an 8-byte length, a JSON header of that length, then the data."""
    (length,) = struct.unpack("<Q", data[:8])
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            first, end = (8 + length + offset for offset in entry["data_offsets"])
            flat = torch.frombuffer(bytearray(data[first:end]), dtype=types[entry["dtype"]])
            tensors[name] = flat.view(entry["shape"])
    return tensors
