"""Exports BERT as a sentence classifier: python3 export.py [--weights=FILE|FOLDER] makes BERT base in work/full, --small the tiny one of this repository.

Into that folder go:
  model.onnx         input_ids[batch,sequence] i32, segment_ids[batch,sequence] i32 -> output[batch,2] f32
  pytorch/           the same model as transformers keeps it, for time_peers.py
  expected/*.npy     token ids (SHAPE.input_ids, SHAPE.segment_ids), and what PyTorch computed from them (SHAPE.output)
  about.json         where the weights come from; written last

--weights takes a folder of transformers' save_pretrained, or the file of a state dict of BertForSequenceClassification with two labels.
"""

import argparse
import json
import os
import shutil
import sys
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = [(1, 200), (1, 24), (4, 37)]
# The same parts in the same order, little of each.
SMALL = dict(vocab_size=512, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)


def parse_flags():
    """First of all: PyTorch takes seconds to load."""
    parser = argparse.ArgumentParser(description="Exports BERT as a sentence classifier.")
    parser.add_argument("--small", action="store_true", help="a tiny model, into small/")
    parser.add_argument("--weights", help="a folder of save_pretrained, or the file of a state dict; default: seeded")
    flags = parser.parse_args()
    if flags.weights is not None and not os.path.exists(flags.weights):
        sys.exit(f"There are no weights at {flags.weights}: give a folder of save_pretrained or a file of torch.save.")
    return flags


FLAGS = parse_flags()
try:
    import numpy as np
    import onnx  # noqa: F401  (torch.onnx.export wants it)
    import torch
    import transformers
    from transformers import BertConfig, BertForSequenceClassification
except ImportError as error:
    sys.exit(f"The export needs {error.name}: {sys.executable} -m pip install torch transformers onnx numpy")


class Classifier(torch.nn.Module):
    """The model with the inputs and the output that the report's has."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, segment_ids):
        return self.model(input_ids=input_ids, token_type_ids=segment_ids).logits


def make_model(small, weights):
    """The model, and where its weights come from, in one sentence."""
    torch.manual_seed(0)
    if weights is not None and os.path.isdir(weights):
        model = BertForSequenceClassification.from_pretrained(weights, attn_implementation="eager")
        return model.eval(), f"{model.config.num_hidden_layers} layers of BERT, weights from {os.path.basename(weights)}."
    config = BertConfig(num_labels=2, attn_implementation="eager", **(SMALL if small else {}))
    if weights is None:  # wider than BERT's own, for outputs that depend on the words
        config.initializer_range = config.hidden_size**-0.5
    model = BertForSequenceClassification(config)
    name = "A tiny BERT" if small else "BERT base"
    if weights is None:
        spread(model.eval())
        return model, f"{name} with seeded weights: its labels mean nothing."
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval(), f"{name}, weights from {os.path.basename(weights)}."


def spread(model):
    """Scales the head of a seeded model so that both labels come up: else every sentence would get the same."""
    ids, segments = make_ids((32, 64), model.config.vocab_size, 99)
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(ids), token_type_ids=torch.from_numpy(segments)).logits
        deviation = logits.std(0)
        model.classifier.weight /= deviation[:, None]
        model.classifier.bias.copy_(-logits.mean(0) / deviation)


def make_ids(shape, vocabulary, seed):
    """Token ids as BERT has them: [CLS] (101) first, [SEP] (102) between the two segments and last."""
    ids = np.random.default_rng(seed).integers(103, vocabulary, shape).astype(np.int32)
    length = shape[1]
    ids[:, 0], ids[:, length // 2], ids[:, -1] = 101, 102, 102
    segments = (np.arange(length) > length // 2).astype(np.int32)
    return ids, np.tile(segments, (shape[0], 1))


def save_expected(folder, model):
    """Inputs and what PyTorch makes of them."""
    os.makedirs(folder)
    for seed, shape in enumerate(SHAPES):
        ids, segments = make_ids(shape, model.model.config.vocab_size, seed)
        with torch.inference_mode():
            output = model(torch.from_numpy(ids), torch.from_numpy(segments)).numpy()
        for name, array in (("input_ids", ids), ("segment_ids", segments), ("output", output)):
            np.save(os.path.join(folder, f"{shape[0]}x{shape[1]}.{name}.npy"), array)


def export_onnx(path, model):
    axes = {0: "batch", 1: "sequence"}
    options = {
        "input_names": ["input_ids", "segment_ids"],
        "output_names": ["output"],
        "dynamic_axes": {"input_ids": axes, "segment_ids": axes, "output": {0: "batch"}},
        "opset_version": 17,
    }
    args = (torch.ones(2, 24, dtype=torch.int32), torch.zeros(2, 24, dtype=torch.int32))
    with torch.inference_mode():
        try:
            torch.onnx.export(model, args, path, dynamo=False, **options)
        except TypeError:  # a PyTorch that has no choice of exporters
            torch.onnx.export(model, args, path, **options)


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore")  # the exporter's, of what it is going to be replaced by
    started = time.time()

    def say(what):
        print(f"{time.time() - started:6.1f} s  {what}", flush=True)

    folder = os.path.join(HERE, "small" if FLAGS.small else os.path.join("work", "full"))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    say("making the model")
    bert, weights = make_model(FLAGS.small, FLAGS.weights)
    model = Classifier(bert).eval()
    bert.save_pretrained(os.path.join(folder, "pytorch"))
    say("computing what is expected")
    save_expected(os.path.join(folder, "expected"), model)
    say("exporting to ONNX")
    path = os.path.join(folder, "model.onnx")
    export_onnx(path, model)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    with open(os.path.join(folder, "about.json"), "w") as file:
        json.dump({"weights": weights, "versions": versions}, file, indent=2)
        file.write("\n")
    say(f"{os.path.relpath(path)}: {os.path.getsize(path) / 2**20:.1f} MiB. {weights}")


main()
