"""A lane network whose weights were set by hand, not learned: it finds painted lines. Inputs and outputs are LaneATT's."""

import torch
import torch.nn.functional as F
from torch import nn

from laneatt import HEIGHT, STRIPS, WIDTH, make_anchors

SEEN = 36  # rows from the bottom to where the road is still seen
REACH = 28  # how far from an anchor a line may be, in pixels
LINE_WIDTHS = (1, 3, 6, 11)


def ridge_filters():
    """For each width of line: how much brighter it is than the road on its left, and than that on its right."""
    offset = torch.arange(41) - 20
    filters = []
    for width in LINE_WIDTHS:
        half = width // 2
        line = (offset.abs() <= half).float()
        for side in (-offset, offset):
            road = ((side >= half + 2) & (side < half + 2 + max(2, width))).float()
            filters.append(line / line.sum() - road / road.sum())
    return torch.stack(filters).reshape(-1, 1, 1, 41)


class PaintedLines(nn.Module):
    """image [1, 3, 360, 640] -> lanes [1, 2784, 77] and the attention that anchors pay to each other [1, 2784, 2784]."""

    def __init__(self):
        super().__init__()
        start_y, start_x, xs = make_anchors(STRIPS)
        ys = torch.linspace(HEIGHT, 0, STRIPS)[:SEEN]
        columns = xs[:, :SEEN].round().clamp(-REACH, WIDTH - 1 + REACH)
        row = torch.arange(SEEN)
        offset = torch.arange(-REACH, REACH + 1) / REACH
        constants = {
            "brightness": torch.tensor([0.25, 0.25, 0.0]).reshape(1, 3, 1, 1).repeat(1, 1, 2, 1),
            "rows": (ys - 1).round().clamp(max=HEIGHT - 2).int(),
            "ridges": ridge_filters(),
            "window": torch.stack([torch.ones_like(offset), offset]).reshape(2, 1, 1, -1),
            # Into the rows laid end to end, each with REACH more columns on either side.
            "cells": (row * (WIDTH + 2 * REACH) + columns + REACH).int().flatten(),
            "columns": columns,
            "start": torch.cat([start_y, start_x], 1),
            "upwards": row / (SEEN - 1) * 2 - 1,
            "nearness": torch.exp(-(((row[:, None] - row) / 2.5) ** 2) / 2),
            "count": (row + 1).float(),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def paint(self, image):
        """0 to 1 for each pixel of the seen rows: whether a line that is brighter than the road on both sides lies there. [1, 1, 36, 640]"""
        rows = F.conv2d(image, self.brightness).index_select(2, self.rows)
        contrast = F.conv2d(rows, self.ridges, padding=(0, 20))
        ridge = torch.minimum(contrast[:, 0::2], contrast[:, 1::2]).amax(1, keepdim=True)
        return ((ridge - 0.04) * 8).clamp(0, 1)

    def forward(self, image):
        # How much paint there is around each pixel, and its centre of gravity: a soft argmax for all places at once. Then along the anchors.
        around = F.conv2d(self.paint(image), self.window, padding=(0, 2 * REACH))
        around = around.reshape(2, -1).index_select(1, self.cells).reshape(2, -1, SEEN)
        mass, moment = around[0], around[1]
        offset = moment / (mass + 1e-3)
        evidence = (mass / 2).clamp(0, 1)

        # The straight line through the offsets, then what bends away from it, smoothed: gaps between dashes are bridged.
        total = evidence.sum(1, keepdim=True) + 0.01
        mean_row = (evidence * self.upwards).sum(1, keepdim=True) / total
        mean_offset = (evidence * offset).sum(1, keepdim=True) / total
        along = self.upwards - mean_row
        weighted = evidence * along
        tilt = (weighted * (offset - mean_offset)).sum(1, keepdim=True) / ((weighted * along).sum(1, keepdim=True) + 0.02)
        line = mean_offset + tilt * along
        bend = evidence * (offset - line)
        refined = line + bend @ self.nearness / (evidence @ self.nearness + 0.1)

        # A lane: much paint, near the anchor, little bent, with little left unexplained.
        near = (evidence * (1 - offset.abs())).sum(1, keepdim=True) / (total + 8)
        bent = bend.abs().sum(1, keepdim=True) / total
        unexplained = (evidence * (offset - refined).abs()).sum(1, keepdim=True) / total
        logit = 25 * (near - bent - unexplained - 0.24)

        last = ((evidence > 0.5).float() * self.count).amax(1, keepdim=True)
        length = last - self.start[:, :1] * (STRIPS - 1)
        columns = self.columns + REACH * refined
        beyond = columns[:, -1:].expand(-1, STRIPS - SEEN)
        lanes = torch.cat([-logit / 2, logit / 2, self.start, length, columns, beyond], 1)
        attention = torch.softmax(logit.reshape(1, 1, -1), dim=2).expand(1, logit.shape[0], -1)
        return lanes.unsqueeze(0), attention
