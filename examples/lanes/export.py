"""Exports the lane network to ONNX, in FP32 and with FP16 inputs and outputs, and writes down what PyTorch computes.

python3 export.py [--weights=FILE]   LaneATT with a ResNet-18 -> work/full/
python3 export.py --small            a network set by hand that finds painted lines -> small/
"""

import argparse
import importlib.util
import json
import sys
import warnings
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--small", action="store_true", help="the network that is set by hand")
parser.add_argument("--weights", help="a checkpoint of LaneATT")
FLAGS = parser.parse_args()
if FLAGS.weights and not Path(FLAGS.weights).is_file():
    sys.exit(f"There is no file {FLAGS.weights}.\nGive --weights the .pt file of a LaneATT experiment, or leave it out for seeded weights.")

missing = [name for name in ("numpy", "torch", "torchvision", "onnx") if importlib.util.find_spec(name) is None]
if missing:
    sys.exit(f"{sys.executable} has no {', '.join(missing)}. Run: {sys.executable} -m pip install {' '.join(missing)}")

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402

HERE = Path(__file__).resolve().parent
# Of the outputs every 24th anchor is kept for comparison.
EVERY = 24


class Lanes(torch.nn.Module):
    """laneDetect_model: the lanes alone."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        return self.network(image)[0]


class HalfLanes(torch.nn.Module):
    """LaneDet_fp16: FP16 at the borders, the attention as a second output. Inside, TensorRT chooses: build it with --fp16."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        lanes, attention = self.network(image.float())
        return lanes.half(), attention.half()


def read_weights(network, file):
    """LaneATT's checkpoints hold the state dict under 'model'."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        state = state.get("model", state)
    except Exception as error:  # Whatever the bytes of another kind of file lead to.
        sys.exit(
            f"{file} cannot be read as a PyTorch checkpoint ({type(error).__name__}).\n"
            "Give --weights the .pt file of a LaneATT experiment."
        )
    for name, wanted in network.state_dict().items():
        found = list(state[name].shape) if name in state else "nothing"
        if found != list(wanted.shape):
            sys.exit(
                f"{file} is not of LaneATT with ResNet-18 and all 2784 anchors: {name} should be {list(wanted.shape)}, is {found}.\n"
                "Train with backbone: resnet18 and without topk_anchors, or leave --weights out."
            )
    network.load_state_dict(state, strict=False)


def road():
    """90 x 160 pixels, each of which is 4 x 4 of the network's input: a grey road with three lines."""
    y, x = np.mgrid[0:90, 0:160]
    pixels = 90 + (x * 7 + y * 13) % 11
    for bottom, lean in ((10, 0.9), (78, 0.1), (150, -0.9)):
        pixels = np.where((np.abs(x - bottom - lean * (89 - y)) < 0.6) & (y > 44), 230, pixels)
    return np.stack([pixels, pixels, pixels - 10], -1).astype(np.uint8)


def rename(model, old, new):
    """Numbers are names that the exporter gives, and takes from nobody."""
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    for output in model.graph.output:
        if output.name == old:
            output.name = new


def export(module, image, file, outputs):
    with warnings.catch_warnings():
        # That this exporter is the older one, and that some constants are not folded.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (image,), str(file), input_names=["input"], output_names=outputs, opset_version=17, dynamo=False
        )
    model = onnx.load(str(file))
    rename(model, "attention", "914")
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
    print(f"{file.relative_to(HERE)}: {file.stat().st_size / 2**20:.1f} MiB", flush=True)


def main():
    if FLAGS.small:
        from painted import PaintedLines

        network, folder = PaintedLines(), HERE / "small"
        weights = "Set by hand, not learned: it finds painted lines."
    else:
        from laneatt import LaneATT

        torch.manual_seed(4)
        network, folder = LaneATT(), HERE / "work" / "full"
        weights = "LaneATT with a ResNet-18, seeded weights: right numbers, no lanes."
        if FLAGS.weights:
            read_weights(network, FLAGS.weights)
            weights = f"LaneATT with a ResNet-18, weights of {Path(FLAGS.weights).name}."
    network.eval()
    expected = folder / "expected"
    expected.mkdir(parents=True, exist_ok=True)

    pixels = road()
    large = np.repeat(np.repeat(pixels, 4, axis=0), 4, axis=1)
    image = torch.from_numpy(large.astype(np.float32) / np.float32(255)).permute(2, 0, 1).unsqueeze(0).contiguous()
    with torch.no_grad():
        print("PyTorch computes...", flush=True)
        lanes, attention = network(image)
        np.save(expected / "pixels.npy", pixels)
        np.save(expected / "predict_lanes.npy", lanes[0, ::EVERY].numpy())
        np.save(expected / "914.npy", attention[0, ::EVERY, ::EVERY].numpy())
        export(Lanes(network), image, folder / "model.onnx", ["predict_lanes"])
        export(HalfLanes(network), image.half(), folder / "model_fp16.onnx", ["predict_lanes", "attention"])
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "onnx": onnx.__version__}
    (folder / "about.json").write_text(json.dumps({"weights": weights, "versions": versions}, indent=2) + "\n")


main()
