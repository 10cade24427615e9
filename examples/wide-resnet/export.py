"""Exports wide_resnet101_2 as TorchScript and ONNX, with what PyTorch computes from two pictures.

Usage: python3 export.py [--weights=STATE_DICT.pth] [--small]

model.pt, model.onnx   actual_input_1 [batch,3,224,224] float32 -> output1 [batch,1000] float32
labels.txt             a line a class; with --weights only, as seeded weights know no classes
expected/pixels.npy    uint8 [2,224,224,3]: picture.jpg resized and cropped by torchvision, and the same upside down in other colours
expected/output1.npy   float32 [2,1000]: PyTorch's answer to both, computed on the CPU

The full model goes to work/full. Its weights are seeded (no package registry has the trained ones); --weights takes torchvision's state dict.
--small makes the same kind of network, with few and narrow blocks, into small/.
"""

import argparse
import importlib.util
import json
import os
import sys
import warnings
import zipfile

parser = argparse.ArgumentParser(usage="python3 export.py [--weights=STATE_DICT.pth] [--small]")
parser.add_argument("--weights")
parser.add_argument("--small", action="store_true")
FLAGS = parser.parse_args()
if FLAGS.small and FLAGS.weights:
    sys.exit("--weights belongs to the full model.\nLeave out --small.")
if FLAGS.weights and not os.path.isfile(FLAGS.weights):
    sys.exit(
        f"There are no weights in {FLAGS.weights}.\nWhere PyTorch has network access: "
        "torch.save(torchvision.models.wide_resnet101_2(weights='DEFAULT').state_dict(), 'wide_resnet101_2.pth')"
    )
missing = [name for name in ("torch", "torchvision", "onnx", "numpy", "PIL") if importlib.util.find_spec(name) is None]
if missing:
    packages = " ".join("pillow" if name == "PIL" else name for name in missing)
    sys.exit(f"{sys.executable} has no {', '.join(missing)}.\nRun: {sys.executable} -m pip install {packages}")

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn

from network import make

HERE = os.path.dirname(os.path.abspath(__file__))
MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
warnings.filterwarnings("ignore", category=DeprecationWarning)  # TorchScript, and the exporter that makes small graphs of it
warnings.filterwarnings("ignore", category=FutureWarning)


def normalize(pixels):
    """uint8 [n,224,224,3] -> the network's input."""
    return (pixels.permute(0, 3, 1, 2).float() / 255 - MEAN) / DEVIATION


def training_pictures(pixels, count):
    """Inputs for settling: random fields of every size laid over each other, and the two pictures shifted, in other colours."""
    fields = torch.zeros(count, 3, 224, 224)
    for cells in (1, 2, 4, 7, 14, 28, 56, 112):
        field = torch.randn(count, 3, cells, cells) / cells**0.5
        fields += nn.functional.interpolate(field, size=224, mode="bilinear")
    shifted = [
        torch.roll(pixels[index % 2].permute(2, 0, 1), torch.randint(224, (2,)).tolist(), (1, 2)) / 255 * torch.rand(3, 1, 1)
        for index in range(count)
    ]
    return (torch.cat([torch.sigmoid(fields), torch.stack(shifted)]) - MEAN) / DEVIATION


def settle(model, pixels, batches=4):
    """Gives batch normalization the statistics of pictures: with seeded weights the outputs would else vanish or overflow."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the batches
    with torch.inference_mode():
        for batch in range(batches):
            print(f"Settling batch normalization: {batch + 1}/{batches}", flush=True)
            model(training_pictures(pixels, 4).to(device))
        spread(model.eval(), training_pictures(pixels, 8).to(device))
    return model.cpu()


def spread(model, pictures):
    """Makes the head tell pictures apart: with seeded weights the features that all pictures share would drown the differences."""
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    seen = []
    hook = head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    scores = model(pictures)
    hook.remove()
    head.weight /= scores.std(dim=0).mean()
    head.bias.copy_(-seen[0].mean(dim=0) @ head.weight.T)


def load_weights(model, file):
    try:
        model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:  # of many kinds: no file of PyTorch, another model's, another shape
        sys.exit(f"{file} is not a state dict of wide_resnet101_2: {str(error).splitlines()[0]}\nGive torchvision's state dict of this model.")


def pictures():
    """torchvision's own way to the network, and a second picture made of the first."""
    way = torchvision.transforms.Compose([torchvision.transforms.Resize(256), torchvision.transforms.CenterCrop(224)])
    first = np.asarray(way(Image.open(os.path.join(HERE, "picture.jpg")).convert("RGB")))
    return torch.from_numpy(np.stack([first, 255 - first[::-1, :, ::-1]]))


def without_debugging(path):
    """Leaves out what TorchScript keeps for stack traces: paths of the machine that made it, which have no place in the repository."""
    with zipfile.ZipFile(path) as whole:
        entries = [(entry, whole.read(entry)) for entry in whole.infolist() if not entry.filename.endswith(".debug_pkl")]
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries:
            archive.writestr(entry, content)


def export_onnx(model, example, file):
    options = {
        "input_names": ["actual_input_1"],
        "output_names": ["output1"],
        "dynamic_axes": {"actual_input_1": {0: "batch"}, "output1": {0: "batch"}},
        "opset_version": 17,
    }
    try:
        torch.onnx.export(model, (example,), file, dynamo=False, **options)
    except TypeError:  # a PyTorch that has no choice of exporters
        torch.onnx.export(model, (example,), file, **options)


def main():
    folder = os.path.join(HERE, "small" if FLAGS.small else os.path.join("work", "full"))
    os.makedirs(os.path.join(folder, "expected"), exist_ok=True)
    about = os.path.join(folder, "about.json")
    if os.path.exists(about):
        os.remove(about)  # it says that all is there

    pixels = pictures()
    torch.manual_seed(0)
    model = make(FLAGS.small)
    labels = os.path.join(folder, "labels.txt")
    if os.path.exists(labels):
        os.remove(labels)  # of other weights
    if FLAGS.weights:
        load_weights(model, FLAGS.weights)
        with open(labels, "w", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in torchvision.models.Wide_ResNet101_2_Weights.IMAGENET1K_V1.meta["categories"])
        words = f"wide_resnet101_2 with the weights of {os.path.basename(FLAGS.weights)}."
    else:
        settle(model, pixels)
        words = "wide_resnet101_2 with seeded weights, untrained: its classes mean nothing."
        if FLAGS.small:
            words = "Four blocks of wide_resnet101_2's kind with seeded weights, untrained: its classes mean nothing."
    model.eval()

    with torch.inference_mode():
        output = model(normalize(pixels))
    np.save(os.path.join(folder, "expected", "pixels.npy"), pixels.numpy())
    np.save(os.path.join(folder, "expected", "output1.npy"), output.numpy())

    example = torch.zeros(2, 3, 224, 224)
    with torch.no_grad():
        torch.jit.trace(model, example).save(os.path.join(folder, "model.pt"))
        if FLAGS.small:
            without_debugging(os.path.join(folder, "model.pt"))
        export_onnx(model, example, os.path.join(folder, "model.onnx"))
    for name in ("model.pt", "model.onnx"):
        file = os.path.join(folder, name)
        print(f"{os.path.relpath(file)}: {os.path.getsize(file) / 2**20:.1f} MiB")
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
    with open(about, "w", encoding="utf-8") as file:
        json.dump({"weights": words, "versions": versions}, file, indent=2)
        file.write("\n")


main()
