"""Writes the models of the benchmark as ONNX, without network: python3 make.py OUT_DIR [resnet50] [encoder]

resnet50.onnx   input[batch,3,224,224] f32 -> output[batch,1000]
encoder.onnx    input_ids[batch,sequence] i64, attention_mask[batch,sequence] i64 -> logits[batch,2]
"""

import os
import sys
import time

import torch

from definitions import load

MODELS = {
    "resnet50": {
        "args": lambda: (torch.zeros(2, 3, 224, 224),),
        "inputs": ["input"],
        "outputs": ["output"],
        "axes": {"input": {0: "batch"}, "output": {0: "batch"}},
    },
    "encoder": {
        "args": lambda: (torch.ones(2, 24, dtype=torch.int64), torch.ones(2, 24, dtype=torch.int64)),
        "inputs": ["input_ids", "attention_mask"],
        "outputs": ["logits"],
        "axes": {
            "input_ids": {0: "batch", 1: "sequence"},
            "attention_mask": {0: "batch", 1: "sequence"},
            "logits": {0: "batch"},
        },
    },
}


def export(name, path):
    about = MODELS[name]
    model = load(name)
    options = {
        "input_names": about["inputs"],
        "output_names": about["outputs"],
        "dynamic_axes": about["axes"],
        "opset_version": 17,
        "do_constant_folding": True,
    }
    with torch.inference_mode():
        try:
            torch.onnx.export(model, about["args"](), path, dynamo=False, **options)
        except TypeError:  # a PyTorch that has no choice of exporters
            torch.onnx.export(model, about["args"](), path, **options)


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        path = os.path.join(out, f"{name}.onnx")
        if os.path.exists(path):
            print(f"{path} is there already")
            continue
        start = time.time()
        export(name, path + ".part")
        os.replace(path + ".part", path)
        print(f"{path}: {os.path.getsize(path) >> 20} MiB in {time.time() - start:.1f} s")


main()
