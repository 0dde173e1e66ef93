"""SqueezeNet v1.0 with weights in Caffe's layout, for scripts/known_data.py.

The network of Iandola et al. 2016 (arXiv:1602.07360, table 1), as the authors published it: pools
after conv1, fire4 and fire8, and a last convolution with a border of one. REPVIZ_SQUEEZENET names
an .npz of its weights: ``conv1/w`` (96, 3, 7, 7), ``fire2/conv1x1_1/b`` (16,) and so on.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from repviz.models.model import Preprocessing

WIDTHS = {i + 2: (16 * (i // 2 + 1), 64 * (i // 2 + 1)) for i in range(8)}  # squeezed, expanded


class Fire(nn.Module):
    """Few maps of 1x1, then many of 1x1 and of 3x3 side by side."""

    def __init__(self, maps: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.conv1x1_1 = nn.Conv2d(maps, squeezed, 1)
        self.conv1x1_2 = nn.Conv2d(squeezed, expanded, 1)
        self.conv3x3_2 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, maps, h, w) to (b, 2 expanded, h, w)."""
        x = self.conv1x1_1(x).relu()
        return torch.cat([self.conv1x1_2(x), self.conv3x3_2(x)], dim=1).relu()


class SqueezeNet(nn.Sequential):
    """(b, 3, 227, 227), blue first, grey levels less Caffe's mean, to the logits (b, 1000)."""

    preprocessing = Preprocessing(
        (227, 227), 3, (104 / 255, 117 / 255, 123 / 255), (1 / 255,) * 3, order="BGR"
    )

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 96, 7, stride=2), nn.ReLU())
        self.pool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        maps = 96
        for i, (squeezed, expanded) in WIDTHS.items():
            self.add_module(f"fire{i}", Fire(maps, squeezed, expanded))
            if i in (4, 8):
                self.add_module(f"pool{i}", nn.MaxPool2d(3, 2, ceil_mode=True))
            maps = 2 * expanded
        self.conv10 = nn.Sequential(nn.Conv2d(maps, 1000, 1, padding=1), nn.ReLU())
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def squeezenet(pretrained: bool = False) -> SqueezeNet:
    """The network, with the published weights or with random ones."""
    net = SqueezeNet()
    if pretrained:
        with np.load(Path(os.environ["REPVIZ_SQUEEZENET"])) as file:
            weights = {_name(key): torch.from_numpy(file[key]) for key in file.files}
        net.load_state_dict(weights)
    return net


def _name(key: str) -> str:
    layer, _, kind = key.rpartition("/")
    layer = {"conv1": "conv1.0", "conv_final": "conv10.0"}.get(layer, layer.replace("/", "."))
    return f"{layer}.{'weight' if kind == 'w' else 'bias'}"
