"""The variant that is the code of 2012, and the table of what differs from paper and code."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from repviz.errors import UnknownName
from repviz.images import open_images
from repviz.models import open_model
from repviz.models.alexnet import VARIANTS
from repviz.models.alexnet_code2012 import MapResponseNorm, UnscaledDropout
from repviz.models.alexnet_differences import AS_CODE, ASPECTS, differences
from repviz.models.normalisation import LocalResponseNorm


def crossing(model) -> set[str]:
    """The layers in which a change of the first tower alone changes the second."""
    x = torch.rand(1, 3, model.module.side, model.module.side) * 255
    found = set()
    with torch.no_grad():
        for name, layer in model.module.named_children():
            x = x.flatten(1) if name == "fc6" else x
            y = layer(x)
            if x.shape[1] != 3:
                changed = x.clone()
                half = x.shape[1] // 2
                changed[:, :half] += 1 + torch.rand_like(changed[:, :half]) * 50
                if not torch.equal(layer(changed)[:, y.shape[1] // 2 :], y[:, y.shape[1] // 2 :]):
                    found.add(name)
            x = y
    return found


@pytest.mark.slow
def test_towers_touch_in_conv3_and_the_fully_connected_layers_alone():
    assert crossing(open_model("alexnet", variant="code2012", classes=4)) == {
        *("conv3", "fc6", "fc7", "fc8")
    }
    # The formula as printed sums over maps of both towers.
    assert crossing(open_model("alexnet", variant="paper", classes=4)) == {
        *("norm1", "norm2", "conv3", "fc6", "fc7", "fc8")
    }


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_normalisation_by_towers_is_that_of_each_tower_alone(order):
    x = (torch.randn(2, 12, 5, 4) * 100).contiguous(memory_format=order)
    y = LocalResponseNorm(divide=True, towers=2)(x)
    alone = LocalResponseNorm(divide=True)
    torch.testing.assert_close(y, torch.cat([alone(x[:, :6]), alone(x[:, 6:])], 1))
    assert y.is_contiguous(memory_format=order)


def test_normalisation_within_maps_is_its_formula():
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64) * 60
    y = MapResponseNorm(n=3, alpha=0.01, beta=0.75)(x)
    around = x[0, 1, 0:2, 1:4]  # (0, 2) lies at the edge: nothing counts beyond it
    expected = x[0, 1, 0, 2] / (1 + 0.01 / 9 * around.square().sum()) ** 0.75
    assert y[0, 1, 0, 2].item() == pytest.approx(expected.item(), rel=1e-12)


def test_dropout_leaves_the_scale_in_training_and_halves_it_in_evaluation():
    x = torch.ones(10_000)
    dropped = UnscaledDropout().train()(x)
    assert set(dropped.tolist()) == {0.0, 1.0}
    assert dropped.mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(UnscaledDropout().eval()(x), x / 2)


def divisor_range(variant: str) -> tuple[float, float]:
    """The smallest and largest divisor in norm1 over drawn faces, k alone being 1."""
    model = open_model("alexnet", variant=variant, init="paper", classes=2)
    pixels = torch.from_numpy(open_images("drawn-faces:8").at(size=96, grey=False).pixels())
    seen = {}
    model.module.norm1.register_forward_hook(lambda _, x, y: seen.update(x=x[0], y=y))
    with torch.no_grad():
        model.module(model.preprocessing(pixels))
    some = seen["x"].abs() > 1e-3
    divisor = (seen["x"][some] / seen["y"][some]) / model.module.norm1.k**0.75
    return divisor.min().item(), divisor.max().item()


@pytest.mark.slow
def test_normalisation_acts_at_the_scale_of_pixels_and_not_of_standardised_ones():
    assert divisor_range("code2012")[1] > 1.01
    low, high = divisor_range("paper")
    assert high - low < 1e-3


@pytest.mark.slow
def test_it_takes_224_pixels_at_0_to_255_without_their_mean():
    model = open_model("alexnet", variant="code2012", classes=2)
    white = torch.full((1, 3, 224, 224), 255, dtype=torch.uint8)
    x = model.preprocessing(white)
    expected = 255 * (1 - torch.tensor([0.485, 0.456, 0.406]))
    torch.testing.assert_close(x[0, :, 0, 0], expected)
    assert model.module.conv1(model.module.pad1(x)).shape == (1, 96, 55, 55)


@pytest.mark.slow
def test_its_first_weights_are_those_of_the_layer_file():
    module = open_model("alexnet", variant="code2012", classes=50).module
    stds = {
        name: round(part.weight.std().item(), 3)
        for name, part in module.named_children()
        if isinstance(part, nn.Conv2d | nn.Linear)
    }
    biases = {
        name: part.bias.unique().tolist()
        for name, part in module.named_children()
        if isinstance(part, nn.Conv2d | nn.Linear)
    }
    wide = dict.fromkeys(("conv3", "conv4", "conv5"), 0.03)
    assert stds == dict.fromkeys(("conv1", "conv2", "fc6", "fc7", "fc8"), 0.01) | wide
    ones = {key: [1.0] for key in ("conv2", "conv4", "conv5", "fc6", "fc7")}
    assert biases == {key: [0.0] for key in ("conv1", "conv3", "fc8")} | ones


def test_every_aspect_says_what_each_variant_or_both_recipes_do():
    recipes = {"recipe paper", "recipe code2012"}
    for aspect in ASPECTS:
        assert set(aspect.variants) in (set(VARIANTS), recipes), aspect.name
        # Where both say the same, one word is enough.
        assert not (aspect.agree and AS_CODE in aspect.variants.values()), aspect.name


def test_code2012_differs_from_the_code_in_the_mean_alone():
    table = differences("code2012")
    assert list(table.loc[table["here"] != table["code"], "aspect"]) == ["mean subtracted"]
    assert list(differences("torchvision").columns) == [
        *("aspect", "here", "paper", "paper_source", "code", "code_source")
    ]
    norm = differences("caffe").set_index("aspect").loc["response normalisation, constants"]
    assert norm["here"] == "as the code, but k = 1 (bvlc_alexnet)"
    assert norm["code_source"] == (
        "AlexNet-Source-Code, layer.py (NormLayerParser divides scale by size), "
        "layers/layer-params-145.cfg (minDiv=2)"
    )


def test_an_unknown_variant_is_named():
    with pytest.raises(UnknownName) as error:
        differences("recipe papr")
    assert str(error.value) == (
        "differences: no variant is called 'recipe papr'. Did you mean 'recipe paper'? Known: "
        "paper, ungrouped, code2012, caffe, torchvision, recipe paper, recipe code2012."
    )
