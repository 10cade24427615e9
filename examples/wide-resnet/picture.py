"""A picture on its way to a network trained on ImageNet, with NumPy: shorter side 256, middle 224, [0,1], normalized, in planes."""

import sys

import numpy as np


def read(path):
    """RGB pixels [height, width, 3]; with Pillow of any kind of picture, without it of binary .ppm files."""
    try:
        from PIL import Image
    except ImportError:
        if not path.endswith(".ppm"):
            sys.exit(f"{path} is no .ppm file, and {sys.executable} has no Pillow.\nRun: {sys.executable} -m pip install pillow")
        with open(path, "rb") as file:
            kind, width, height, largest, data = file.read().split(maxsplit=4)
        if kind != b"P6" or largest != b"255":
            sys.exit(f"{path} is not a binary PPM file of 8 bits.\nConvert it, or run: {sys.executable} -m pip install pillow")
        return np.frombuffer(data, np.uint8).reshape(int(height), int(width), 3)
    return np.asarray(Image.open(path).convert("RGB"))


def shrink(pixels, length):
    """The first axis at another length, by Pillow's bilinear filter."""
    scale = pixels.shape[0] / length
    width = max(scale, 1.0)
    centre = (np.arange(length)[:, None] + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(pixels.shape[0])[None] + 0.5 - centre) / width)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.floor(np.tensordot(weights, pixels, 1) + 0.5).astype(np.uint8)


def crop(pixels):
    """The shorter side becomes 256, and the middle 224 x 224 of that are taken."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    resized = shrink(pixels.transpose(1, 0, 2), 256 * width // short).transpose(1, 0, 2)
    resized = shrink(resized, 256 * height // short)
    top, left = (round((side - 224) / 2.0) for side in resized.shape[:2])
    return resized[top : top + 224, left : left + 224]


def preprocess(path):
    """[1, 3, 224, 224] float32."""
    scaled = crop(read(path)).astype(np.float32) / 255
    normalized = (scaled - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return np.ascontiguousarray(normalized.transpose(2, 0, 1)[None])
