"""`mean` and `grid` of every normalisation class of timm and torchvision, against sums by hand."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import warnings

import numpy as np
import pytest
import timm.layers
import torch
import torchvision
from torch import nn
from torch.nn.parameter import is_lazy

import repviz
from repviz.activations.axes import Layer, axes_of
from repviz.activations.reduction import reductions
from repviz.models.model import Preprocessing

C, SIDE, SIZE = 32, 8, (64, 64)  # group norms need a multiple of 32 channels


def classes():
    """Every class called a norm that is built from the number of its channels alone."""
    packages = (torch.nn.modules, timm.layers, torchvision.ops, torchvision.models)
    found = {}
    for package in packages:
        for entry in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for name, kind in vars(importlib.import_module(entry.name)).items():
                if inspect.isclass(kind) and issubclass(kind, nn.Module) and "norm" in name.lower():
                    found[f"{kind.__module__}.{kind.__name__}"] = kind
    return {name: kind for name, kind in sorted(found.items()) if norm(kind) is not None}


def norm(kind):
    """A layer of the class with weights of its own; None where it is no norm over channels."""
    try:
        layer = kind(C).eval()
    except TypeError:
        return None
    rng = torch.Generator().manual_seed(1)
    values = [*layer.parameters(), *(b for b in layer.buffers() if b.is_floating_point())]
    # A block with a convolution or a product; a layer that has no weights before its first call.
    if any(is_lazy(value) or value.ndim > 1 for value in values):
        return None
    with torch.no_grad():
        for value in values:
            value.copy_(0.5 + torch.rand(value.shape, generator=rng))
    return layer if maps(layer) is not None else None


def maps(layer, side=SIDE):
    """Its output for maps (2, C, side, side), and whether it takes them with the channels last."""
    x = torch.randn(2, C, side, side, generator=torch.Generator().manual_seed(2))
    for last, given in ((False, x), (True, x.permute(0, 2, 3, 1))):
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("error")  # that of maps of another number of dimensions
                y = layer(given)
        except (RuntimeError, ValueError, AssertionError, UserWarning):
            continue
        if y.shape == given.shape:
            return y, last
    return None


NORMS = classes()


def by_hand(y, last, written):
    """The mean over space, or over its four quarters, wherever the channels are."""
    maps = y.permute(0, 3, 1, 2) if last else y
    if written == "mean":
        return maps.mean((2, 3))
    n, c, h, w = maps.shape
    return maps.reshape(n, c, 2, h // 2, 2, w // 2).mean((3, 5)).flatten(1)


def test_the_classes_are_those_of_both_libraries():
    assert len(NORMS) > 30
    names = {name.rpartition(".")[2] for name in NORMS}
    assert names >= {
        *("LayerNorm", "LayerNorm2d", "GroupNorm", "RmsNorm", "RmsNorm2d", "BatchNormAct2d"),
        *("FrozenBatchNorm2d", "LayerNormAct2d", "GlobalResponseNorm", "BatchNorm2d"),
    }


@pytest.mark.parametrize("written", ["mean", "grid:2"])
@pytest.mark.parametrize("name", NORMS)
def test_channels_are_where_the_layer_has_them(name, written):
    layer = norm(NORMS[name])
    y, last = maps(layer)
    axes = axes_of(layer, tuple(y.shape[1:]), SIZE)
    reduction = reductions([Layer("norm", tuple(y.shape[1:]), axes)], written, 0)["norm"].reduction
    got = reduction(y).reshape(2, -1)
    torch.testing.assert_close(got, by_hand(y, last, written))


@pytest.mark.parametrize("name", NORMS)
def test_where_height_width_and_channels_are_equal_the_layer_decides(name):
    layer = norm(NORMS[name])
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    _, last = maps(layer)
    assert axes_of(layer, (C, C, C), SIZE) == ("hwc" if last else "chw")
    for key, value in layer.state_dict().items():
        assert torch.equal(value, before[key])


class Net(nn.Module):
    """Maps of 32 channels on 8 x 8 pixels, normalised by one layer."""

    def __init__(self, layer, last):
        super().__init__()
        self.stem, self.norm, self.last = nn.Conv2d(3, C, 8, 8), layer, last

    def forward(self, x):
        y = self.stem(x)
        return self.norm(y.permute(0, 2, 3, 1) if self.last else y)


@pytest.mark.parametrize("name", ["timm.layers.norm.LayerNorm2d", "timm.layers.norm.LayerNorm"])
def test_extracted_means_are_those_of_a_hook(name, tmp_path):
    layer = norm(NORMS[name])
    _, last = maps(layer)
    images = repviz.open_images("digits", limit=6, size=64, grey=False)
    model = repviz.open_model(Net(layer, last).eval(), preprocessing=PREPROCESSING)
    x = torch.from_numpy(images.pixels() / np.float32(255))
    with torch.no_grad():
        y = model.module(x)
    for written in ("mean", "grid:2"):
        out = tmp_path / written[:4]
        acts = repviz.extract(model, images, layers=["norm"], reduce=written, out=out)
        expected = by_hand(y, last, written).numpy()
        np.testing.assert_allclose(np.asarray(acts["norm"]), expected, atol=1e-5)


PREPROCESSING = Preprocessing(SIZE, 3, (0.0,) * 3, (1.0,) * 3)
