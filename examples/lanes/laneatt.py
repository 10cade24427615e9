"""LaneATT (Tabelini et al., 2021) for ONNX: anchors, and a network whose state dict has the names of the authors' checkpoints."""

import math

import torch
from torch import nn
from torchvision.models import resnet18

WIDTH, HEIGHT = 640, 360
STRIPS = 72
STRIDE = 32
LEFT_ANGLES = [72, 60, 49, 39, 30, 22]
RIGHT_ANGLES = [180 - angle for angle in LEFT_ANGLES]
BOTTOM_ANGLES = [165, 150, 141, 131, 120, 108, 100, 90, 80, 72, 60, 49, 39, 30, 15]


def make_anchors(rows):
    """Start y, start x (2784 each, 0 to 1), and the columns of the straight lines in `rows` rows from the bottom to the top, in pixels."""
    left = [(0.0, y, angle) for y in torch.linspace(1, 0, 72).tolist() for angle in LEFT_ANGLES]
    bottom = [(x, 1.0, angle) for x in torch.linspace(1, 0, 128).tolist() for angle in BOTTOM_ANGLES]
    right = [(1.0, y, angle) for y in torch.linspace(1, 0, 72).tolist() for angle in RIGHT_ANGLES]
    start_x, start_y, angle = torch.tensor(left + bottom + right, dtype=torch.float64).T.unsqueeze(-1)
    ys = torch.linspace(1, 0, rows, dtype=torch.float64)
    xs = WIDTH * (start_x + (start_y - ys) / torch.tan(angle * math.pi / 180))
    return (1 - start_y).float(), start_x.float(), xs.float()


class LaneATT(nn.Module):
    """image [1, 3, 360, 640] -> lanes [1, 2784, 77] and the attention between anchors [1, 2784, 2784]."""

    def __init__(self, channels=64):
        super().__init__()
        self.feature_extractor = nn.Sequential(*list(resnet18(weights=None).children())[:-2])
        self.rows = HEIGHT // STRIDE
        start_y, start_x, xs = make_anchors(STRIPS)
        count = len(xs)
        pooled = channels * self.rows
        self.conv1 = nn.Conv2d(512, channels, kernel_size=1)
        self.attention_layer = nn.Linear(pooled, count - 1)
        self.cls_layer = nn.Linear(2 * pooled, 2)
        self.reg_layer = nn.Linear(2 * pooled, STRIPS + 1)
        # Large enough that every output depends on the picture, whatever the weights.
        for layer in (self.conv1, self.attention_layer, self.cls_layer, self.reg_layer):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            nn.init.zeros_(layer.bias)
        # Where each anchor passes through the feature map, from its first row on.
        columns = WIDTH // STRIDE
        across = (make_anchors(self.rows)[2].flip(1) / STRIDE).round()
        inside = ((across >= 0) & (across <= columns)).float()
        cells = torch.arange(self.rows) * columns + across.clamp(0, columns - 1).long()
        constants = {
            "start": torch.cat([start_y, start_x], 1).unsqueeze(0),
            "base": torch.cat([torch.zeros(count, 1), xs], 1).unsqueeze(0),
            "cells": cells.flatten(),
            "inside": inside.unsqueeze(0),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def pool(self, features):
        """What the feature map holds along each anchor: [2784, 64 * 11]."""
        channels = features.shape[1]
        along = features.flatten(2)[0].index_select(1, self.cells)
        along = along.reshape(channels, -1, self.rows) * self.inside
        return along.transpose(0, 1).flatten(1)

    def attend(self, anchors):
        """How much each anchor heeds each other one: a softmax over the others, with 0 for itself on the diagonal."""
        others = torch.softmax(self.attention_layer(anchors), dim=1)
        count = anchors.shape[0]
        # Between two elements of the diagonal lie exactly `count` others.
        between = others.reshape(count - 1, count)
        flat = torch.cat([torch.zeros_like(between[:, :1]), between], 1).flatten()
        return torch.cat([flat, torch.zeros_like(flat[:1])]).reshape(count, count)

    def forward(self, image):
        anchors = self.pool(self.conv1(self.feature_extractor(image)))
        attention = self.attend(anchors)
        seen = torch.cat([attention @ anchors, anchors], 1)
        scores = self.cls_layer(seen).unsqueeze(0)
        shifts = self.reg_layer(seen).unsqueeze(0)
        return torch.cat([scores, self.start, self.base + shifts], 2), attention.unsqueeze(0)
