"""Exports ResNet-50 with a softmax to ONNX: gpu_0/data_0 [1,3,224,224] -> gpu_0/softmax_1 [1,1000], and what PyTorch computes for each picture.

python3 export.py                  torchvision's resnet50 with seeded weights, into work/full/
python3 export.py --weights=FILE   with a state dict of torchvision's, such as resnet50-0676ba61.pth; --labels=FILE has the names of its classes, one a line
python3 export.py --small          a narrow network of the same kind, into small/
"""

import argparse
import glob
import json
import os
import shutil
import sys

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--small", action="store_true")
parser.add_argument("--weights", metavar="FILE")
parser.add_argument("--labels", metavar="FILE")
args = parser.parse_args()
for file in filter(None, (args.weights, args.labels)):
    if not os.path.isfile(file):
        sys.exit(f"There is no file {file}.\nGive the path of one that is there, or leave the flag out for seeded weights.")
if args.small and args.weights:
    sys.exit("--weights are those of the full model.\nLeave --small out.")

try:
    import numpy as np
    import onnx  # torch.onnx.export needs it
    import torch
    import torchvision
    from PIL import Image
    from torch import nn
    from torchvision import transforms
    from torchvision.models.resnet import Bottleneck, resnet50
except ModuleNotFoundError as missing:
    sys.exit(
        f"{sys.executable} has no {missing.name}.\n"
        f"Run: {sys.executable} -m pip install torch torchvision onnx numpy pillow"
    )

here = os.path.dirname(os.path.abspath(__file__))
folder = os.path.join(here, "small" if args.small else "work/full")

crop = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
to_input = transforms.Compose(
    [transforms.ToTensor(), transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])]
)


class SmallResNet(nn.Module):
    """ResNet's stem, bottlenecks, global pooling and 1000 classes, with a sixteenth of its channels."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        blocks, channels = [], 8
        for width, stride in ((8, 1), (16, 2), (24, 2), (32, 2)):
            shortcut = nn.Sequential(nn.Conv2d(channels, width * 4, 1, stride, bias=False), nn.BatchNorm2d(width * 4))
            blocks.append(Bottleneck(channels, width, stride, shortcut))
            blocks.append(Bottleneck(width * 4, width))
            channels = width * 4
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(channels, 1000)

    def forward(self, pictures):
        return self.fc(self.pool(self.blocks(self.stem(pictures))))


def settle(model, batches=6):
    """Gives batch normalization the statistics of its inputs: with random weights these would else vanish or overflow. Each bottleneck adds little to what
    goes past it, as in trained networks: else rounding errors would grow from one to the next."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the batches
        if isinstance(module, Bottleneck):
            nn.init.constant_(module.bn3.weight, 0.25)
    model.train()
    with torch.no_grad():
        for batch in range(batches):
            blobs = torch.randn(8, 3, 3 << batch, 3 << batch)
            model(nn.functional.interpolate(blobs, size=(224, 224), mode="bilinear"))
    return model.eval()


def spread(model, inputs, heads=50):
    """Random features are much alike for all pictures, and a softmax over a random head is nearly flat. So the head sees how a picture differs from the mean
    of ours, scaled so that the first one's best class gets 0.5: as sure of itself as a trained network. Of several heads the one is kept whose best
    classes of the first picture lie farthest apart, as TF32 and FP16 round."""
    head, model.fc = model.fc, nn.Identity()
    with torch.no_grad():
        features = model(inputs).double()
        mean = features.mean(dim=0)
        first = features[0] - mean

        def gap(weight):
            best = (weight @ first).sort(descending=True).values[:6]
            return ((best[:-1] - best[1:]).min() / (best[0] - best[5])).item()

        weight = max((torch.randn(1000, len(mean), dtype=torch.double) for _ in range(heads)), key=gap)
        low, high = 0.0, 1e3
        for _ in range(100):
            scale = (low + high) / 2
            low, high = (scale, high) if torch.softmax(weight @ first * scale, 0).max() < 0.5 else (low, scale)
        head.weight.copy_(weight * scale)
        head.bias.copy_(-scale * (weight @ mean))
    model.fc = head


def main():
    torch.manual_seed(0)
    names = sorted(glob.glob(os.path.join(here, "pictures", "*.png")) + glob.glob(os.path.join(here, "pictures", "*.jpg")))
    names.sort(key=lambda name: "lighthouse" not in name)  # the example's picture is the first
    crops = [crop(Image.open(name).convert("RGB")) for name in names]
    inputs = torch.stack([to_input(picture) for picture in crops])

    print("Making the network ...", flush=True)
    if args.weights:
        network = resnet50(weights=None)
        network.load_state_dict(torch.load(args.weights, map_location="cpu", weights_only=True))
        network.eval()
        weights = f"ResNet-50 with the weights of {os.path.basename(args.weights)}."
    else:
        network = settle(SmallResNet() if args.small else resnet50(weights=None))
        spread(network, inputs)
        what = "A narrow ResNet with eight bottlenecks" if args.small else "torchvision's ResNet-50"
        weights = f"{what}, seeded weights: its answers mean nothing, but are PyTorch's."
    model = nn.Sequential(network, nn.Softmax(dim=1)).eval()

    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "expected"))
    print("Exporting ...", flush=True)
    options = {
        "input_names": ["gpu_0/data_0"],
        "output_names": ["gpu_0/softmax_1"],
        "opset_version": 17,
        "do_constant_folding": True,
    }
    file = os.path.join(folder, "ResNet50.onnx")
    with torch.no_grad():
        try:
            torch.onnx.export(model, (inputs[:1],), file, dynamo=False, **options)
        except TypeError:  # a PyTorch that has no choice of exporters
            torch.onnx.export(model, (inputs[:1],), file, **options)

        for name, picture, tensor in zip(names, crops, inputs):
            place = os.path.join(folder, "expected", os.path.splitext(os.path.basename(name))[0])
            planes = np.asarray(picture).transpose(2, 0, 1).reshape(3 * 224, 224)
            Image.fromarray(planes).save(f"{place}.png", optimize=True)  # red, green and blue below each other
            scores = model(tensor[None])[0]
            np.save(f"{place}.npy", scores.numpy())
            best = ", ".join(f"{score:.6f}:{index}" for score, index in zip(*(x.tolist() for x in scores.topk(5))))
            print(f"{os.path.basename(name)}: {best}")

    if args.labels:
        shutil.copyfile(args.labels, os.path.join(folder, "labels.txt"))
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "onnx": onnx.__version__}
    with open(os.path.join(folder, "about.json"), "w", encoding="utf-8") as about:
        json.dump({"weights": weights, "versions": versions}, about, indent=2)
        about.write("\n")
    print(f"{file}: {os.path.getsize(file) / 2**20:.1f} MiB")


main()
