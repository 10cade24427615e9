"""The network: torchvision's wide_resnet101_2, or a small one of its kind."""

import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck


class SmallWideResNet(nn.Sequential):
    """The stem, four stages and head of wide_resnet101_2, each stage a single block, twice as wide inside as ResNet's: 0.2 million weights."""

    def __init__(self):
        layers = [nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        channels = 8
        for stage, planes in enumerate((4, 8, 16, 32)):
            stride, out = (1 if stage == 0 else 2), planes * Bottleneck.expansion
            shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
            layers.append(Bottleneck(channels, planes, stride, shortcut, base_width=128))
            channels = out
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))


def make(small):
    """With the weights that torch.manual_seed gives."""
    return SmallWideResNet() if small else torchvision.models.wide_resnet101_2(weights=None)
