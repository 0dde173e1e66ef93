"""The input rectangle that a unit depends on: against fields computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from repviz.activations.receptive_fields import receptive_fields
from repviz.models import open_model
from repviz.models.model import Model, Preprocessing


def opened(module: nn.Module, size: tuple[int, int] = (20, 20), channels: int = 3) -> Model:
    preprocessing = Preprocessing(size, channels, (0.0,) * channels, (1.0,) * channels)
    return Model("small", module.eval(), preprocessing, (), "random (seed 0)", {})


def by_hand(place: int, length: int, steps: list[tuple[int, int, int]]) -> tuple[int, int]:
    """First and one past the last pixel along one axis, clipped at every step.

    ``steps`` are (kernel, stride, padding) from the input on, and ``length`` that of the input.
    """
    lengths = [length]
    for kernel, stride, padding in steps:
        lengths.append((lengths[-1] + 2 * padding - kernel) // stride + 1)
    low = high = place
    for (kernel, stride, padding), within in zip(steps[::-1], lengths[-2::-1], strict=True):
        low = max(0, low * stride - padding)
        high = min(within - 1, high * stride - padding + kernel - 1)
    return low, high + 1


# ---- truth --------------------------------------------------------------------------------------

CONV1, POOL = (11, 4, 0), (3, 2, 0)
DEPTH = {  # AlexNet of 2012, 227x227: (kernel, stride, padding) down to the layer, and its side
    "conv1": ([CONV1], 55),
    "pool1": ([CONV1, POOL], 27),
    "conv2": ([CONV1, POOL, (5, 1, 2)], 27),
    "conv3": ([CONV1, POOL, (5, 1, 2), POOL, (3, 1, 1)], 13),
    "conv4": ([CONV1, POOL, (5, 1, 2), POOL, (3, 1, 1), (3, 1, 1)], 13),
    "conv5": ([CONV1, POOL, (5, 1, 2), POOL, (3, 1, 1), (3, 1, 1), (3, 1, 1)], 13),
}


@pytest.mark.slow
def test_alexnets_fields_are_those_computed_by_hand():
    model = open_model("alexnet")
    places = {
        layer: [(0, 0), (side // 2, side // 3), (side - 1, 1)] for layer, (_, side) in DEPTH.items()
    }
    units = {
        layer: np.array([y * side + x for y, x in places[layer]])
        for layer, (_, side) in DEPTH.items()
    }
    found = receptive_fields(model, units | {"fc6": np.array([0, 4095])})
    for layer, (steps, _) in DEPTH.items():
        expected = []
        for y, x in places[layer]:
            (top, bottom), (left, right) = (by_hand(one, 227, steps) for one in (y, x))
            expected.append([top, left, bottom, right])
        assert found[layer].tolist() == expected, layer
    assert found["fc6"].tolist() == [[0, 0, 227, 227]] * 2
    # The sizes in the middle, as published for this architecture.
    sides = {layer: box[1, 2] - box[1, 0] for layer, box in found.items()}
    assert sides == {
        "conv1": 11,
        "pool1": 19,
        "conv2": 51,
        "conv3": 99,
        "conv4": 131,
        "conv5": 163,
        "fc6": 227,
    }


class Residual(nn.Module):
    """A shortcut round two 3x3 convolutions: the field is that of the longer branch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2)
        self.branch = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
        )
        self.last = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.last(torch.relu(x + self.branch(x)))


def test_a_residual_networks_field_is_that_of_its_longer_branch():
    side = (20 - 3) // 2 + 1
    units = np.array([0, 4 * side + 4, 3 * side * side + 8])  # (channel, y, x): 0,0,0 0,4,4 3,0,8
    found = receptive_fields(opened(Residual()), {"first": units, "last": units})
    assert found["first"].tolist() == [[0, 0, 3, 3], [8, 8, 11, 11], [0, 16, 3, 19]]
    # Two more positions on each side, of 2 pixels each.
    assert found["last"].tolist() == [[0, 0, 7, 7], [4, 4, 15, 15], [0, 12, 7, 19]]


@pytest.mark.parametrize(
    ("module", "unit", "field"),
    [
        (nn.Conv2d(3, 2, 3, dilation=4), 2 * 12 + 1, [2, 1, 11, 10]),
        (nn.Conv2d(3, 2, (1, 5), padding=(0, 2)), 20 * 20 + 3 * 20 + 4, [3, 2, 4, 7]),
        (nn.AdaptiveAvgPool2d(3), 4, [6, 6, 14, 14]),
        (nn.MaxPool2d(4), 5 + 1, [4, 4, 8, 8]),
        (nn.Upsample(scale_factor=2), 41, [0, 0, 1, 1]),
        (nn.ReflectionPad2d(3), 0, [3, 3, 4, 4]),
        (nn.GroupNorm(1, 3), 7, [0, 0, 20, 20]),
        (nn.InstanceNorm2d(3), 7, [0, 0, 20, 20]),
        (nn.BatchNorm2d(3), 7, [0, 7, 1, 8]),
        (nn.LocalResponseNorm(3), 7, [0, 7, 1, 8]),
    ],
)
def test_single_layers_have_the_field_of_their_definition(module, unit, field):
    found = receptive_fields(opened(nn.Sequential(module)), {"0": np.array([unit])})
    assert found["0"].tolist() == [field]


def test_what_a_gradient_would_miss_belongs_to_the_field():
    """Weights of 0, a ReLU that is off, and the losers of max-pooling."""
    net = nn.Sequential(nn.Conv2d(3, 1, 3), nn.ReLU(), nn.MaxPool2d(2))
    nn.init.zeros_(net[0].weight)
    nn.init.constant_(net[0].bias, -1.0)
    found = receptive_fields(opened(net), {"2": np.array([0, 10])})
    assert found["2"].tolist() == [[0, 0, 4, 4], [2, 2, 6, 6]]


def test_attention_sees_the_complete_image_and_its_patches_do_not():
    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 5, stride=5)
            self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.block(self.patches(x).flatten(2).transpose(1, 2))

    units = {"patches": np.array([0, 16 + 7]), "block": np.array([0, 127])}
    found = receptive_fields(opened(Transformer()), units)
    assert found["patches"].tolist() == [[0, 0, 5, 5], [5, 15, 10, 20]]
    assert found["block"].tolist() == [[0, 0, 20, 20]] * 2


@pytest.mark.slow
def test_a_vision_transformer_sees_the_complete_image_from_its_first_block_on():
    model = open_model("timm:vit_tiny_patch16_224")
    layers = ["patch_embed.proj", "blocks.0", "blocks.11"]
    units = {layer: np.array([14 * 5 + 3]) for layer in layers}
    found = receptive_fields(model, units)
    assert found[layers[0]].tolist() == [[80, 48, 96, 64]]
    assert all(found[layer].tolist() == [[0, 0, 224, 224]] for layer in layers[1:])


@pytest.mark.slow
def test_resnet18s_fields_are_those_computed_by_hand():
    """Its longest path: 7x7/2, a 3x3/2 pool, then two 3x3 per block, the first of stride 1 or 2."""
    steps, sides = [(7, 2, 3), (3, 2, 1)], {"layer1": 24, "layer2": 12, "layer3": 6, "layer4": 3}
    units = {name: np.array([side // 2 * side + 1]) for name, side in sides.items()}
    found = receptive_fields(open_model("torchvision:resnet18", size=96), units)
    for name, side in sides.items():
        stride = 1 if name == "layer1" else 2
        steps += [(3, stride, 1), (3, 1, 1), (3, 1, 1), (3, 1, 1)]
        (top, bottom), (left, right) = (by_hand(one, 96, steps) for one in (side // 2, 1))
        assert found[name].tolist() == [[top, left, bottom, right]], name


# ---- edges --------------------------------------------------------------------------------------


def test_an_input_that_is_no_square_and_grey():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, stride=3), nn.Flatten(), nn.Linear(2 * 3 * 8, 4))
    found = receptive_fields(opened(net, (9, 24), 1), {"0": np.array([23, 47]), "2": np.array([3])})
    assert found["0"].tolist() == [[6, 21, 9, 24]] * 2
    assert found["2"].tolist() == [[0, 0, 9, 24]]


def test_a_network_that_replaces_or_produces_nan_has_no_field_to_be_found():
    class Hides(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nan_to_num(x)

    class Makes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * torch.nan

    net = nn.Sequential(nn.Conv2d(3, 1, 3), Hides(), Makes())
    units = {"0": np.array([0]), "1": np.array([0]), "2": np.array([0])}
    found = receptive_fields(opened(net), units)
    assert found["0"].tolist() == [[0, 0, 3, 3]]
    assert found["1"].tolist() == found["2"].tolist() == [[-1, -1, -1, -1]]


def test_the_network_is_left_as_it_was():
    net = Residual().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    model = opened(net)
    net.train()
    receptive_fields(model, {"last": np.array([0])})
    assert net.training
    assert net.branch.training
    assert all(value.equal(before[name]) for name, value in net.state_dict().items())
    assert not net.last._forward_hooks
