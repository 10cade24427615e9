"""Exports the models of the systems that trt-node must run, as ONNX, without network: python3 export.py OUT_DIR [bert] [resnet50] [wide_resnet101_2]

Weights are random (seed 0): the machine has no network, and what is checked is that the plan agrees with ONNX Runtime, not what the model knows.

bert.onnx              input_ids[batch,sequence] i32, segment_ids[batch,sequence] i32 -> output[batch,2]   (transformers, BERT base)
resnet50.onnx          gpu_0/data_0[1,3,224,224] f32 -> gpu_0/softmax_1[1,1000]                            (torchvision)
wide_resnet101_2.onnx  actual_input_1[batch,3,224,224] f32 -> output1[batch,1000]                          (torchvision)
"""

import os
import sys
import time

import torch


class Bert(torch.nn.Module):
    """BERT base with a classifier of two classes, and the inputs that the report's model has."""

    def __init__(self):
        super().__init__()
        from transformers import BertConfig, BertForSequenceClassification

        self.model = BertForSequenceClassification(BertConfig(num_labels=2, attn_implementation="eager"))

    def forward(self, input_ids, segment_ids):
        return self.model(input_ids=input_ids, token_type_ids=segment_ids).logits


def resnet50():
    from torchvision.models import resnet50 as make

    return torch.nn.Sequential(make(weights=None), torch.nn.Softmax(dim=1))


def wide_resnet101_2():
    from torchvision.models import wide_resnet101_2 as make

    return make(weights=None)


def settle(model, batches=4):
    """Gives batch normalization the statistics of its inputs: with random weights the outputs would else vanish or overflow."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the batches
    with torch.inference_mode():
        for _ in range(batches):
            model(torch.rand(8, 3, 224, 224, device="cuda" if torch.cuda.is_available() else "cpu"))
    return model


MODELS = {
    "bert": {
        "make": Bert,
        "args": lambda: (torch.ones(2, 24, dtype=torch.int32), torch.zeros(2, 24, dtype=torch.int32)),
        "inputs": ["input_ids", "segment_ids"],
        "outputs": ["output"],
        "axes": {
            "input_ids": {0: "batch", 1: "sequence"},
            "segment_ids": {0: "batch", 1: "sequence"},
            "output": {0: "batch"},
        },
    },
    "resnet50": {
        "make": resnet50,
        "image": True,
        "args": lambda: (torch.zeros(1, 3, 224, 224),),
        "inputs": ["gpu_0/data_0"],
        "outputs": ["gpu_0/softmax_1"],
        "axes": {},
    },
    "wide_resnet101_2": {
        "make": wide_resnet101_2,
        "image": True,
        "args": lambda: (torch.zeros(2, 3, 224, 224),),
        "inputs": ["actual_input_1"],
        "outputs": ["output1"],
        "axes": {"actual_input_1": {0: "batch"}, "output1": {0: "batch"}},
    },
}


def export(name, path):
    about = MODELS[name]
    torch.manual_seed(0)
    model = about["make"]()
    if about.get("image"):
        model = settle(model.cuda() if torch.cuda.is_available() else model).cpu()
    model.eval()
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
        start = time.time()
        path = os.path.join(out, f"{name}.onnx")
        export(name, path)
        print(f"{path}: {os.path.getsize(path) >> 20} MiB in {time.time() - start:.1f} s")


main()
