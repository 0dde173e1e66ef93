"""What is kept of a layer: against sums by hand, and where the axes of a layer are told apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from repviz.activations.axes import Layer, axes_of
from repviz.activations.reduction import REDUCTIONS, reductions
from repviz.cli import options
from repviz.errors import InputError, UnknownName

MAPS = Layer("maps", (6, 4, 4), "chw")
TURNED = Layer("turned", (4, 4, 6), "hwc")
TOKENS = Layer("tokens", (5, 6), "tc")
PATCHES = Layer("patches", (10, 6), "tc", (4, 2))  # two tokens before those of 4x2 patches
FEATURES = Layer("features", (12,), "c")


class Norm2d(nn.LayerNorm):
    """As in ConvNeXt: channels first."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def y(layer, n=3):
    return torch.randn(n, *layer.shape, generator=torch.Generator().manual_seed(0))


def reduced(layer, written, seed=0):
    reduction = reductions([layer], written, seed)[layer.name].reduction
    got = reduction(y(layer))
    assert got.shape[0] == 3
    assert got.numel() == 3 * np.prod(reduction.shape)
    return got.reshape(3, -1)


# truth


def test_means_and_maxima_by_hand():
    for name in ("mean", "max"):
        by_hand = {"mean": torch.Tensor.mean, "max": torch.Tensor.amax}[name]
        torch.testing.assert_close(reduced(MAPS, name), by_hand(y(MAPS), (2, 3)))
        torch.testing.assert_close(reduced(TURNED, name), by_hand(y(TURNED), (1, 2)))
        torch.testing.assert_close(reduced(TOKENS, name), by_hand(y(TOKENS), 1))
        torch.testing.assert_close(reduced(FEATURES, name), y(FEATURES))


def test_the_class_token_is_the_first():
    torch.testing.assert_close(reduced(TOKENS, "cls"), y(TOKENS)[:, 0])


def test_a_grid_holds_the_means_of_its_fields():
    fields = y(MAPS).reshape(3, 6, 2, 2, 2, 2).mean((3, 5))
    torch.testing.assert_close(reduced(MAPS, "grid:2"), fields.flatten(1))
    turned = y(TURNED).permute(0, 3, 1, 2).reshape(3, 6, 2, 2, 2, 2).mean((3, 5))
    torch.testing.assert_close(reduced(TURNED, "grid:2"), turned.flatten(1))


def test_the_mean_over_patches_leaves_class_and_register_tokens_out():
    torch.testing.assert_close(reduced(PATCHES, "patch-mean"), y(PATCHES)[:, 2:].mean(1))
    torch.testing.assert_close(reduced(PATCHES, "mean"), y(PATCHES).mean(1))
    for layer in (MAPS, TURNED, FEATURES):
        torch.testing.assert_close(reduced(layer, "patch-mean"), reduced(layer, "mean"))


def test_patch_tokens_keep_their_places():
    for layer, tokens in ((PATCHES, y(PATCHES)[:, 2:]), (TURNED, y(TURNED))):
        torch.testing.assert_close(reduced(layer, "tokens"), tokens.flatten(1))
    assert reductions([PATCHES], "tokens", 0)["patches"].reduction.shape == (4, 2, 6)
    assert reductions([TURNED], "tokens", 0)["turned"].reduction.shape == (4, 4, 6)


def test_reductions_joined_by_a_plus_are_concatenated():
    both = torch.cat([y(TOKENS)[:, 0], y(TOKENS).mean(1)], dim=1)
    torch.testing.assert_close(reduced(TOKENS, "cls+mean"), both)
    both = torch.cat([reduced(MAPS, "grid:2"), reduced(MAPS, "project:3", 1)], dim=1)
    torch.testing.assert_close(reduced(MAPS, "grid:2+project:3", 1), both)


def test_several_reductions_of_a_layer_are_stored_under_names_of_their_own():
    made = reductions([MAPS, FEATURES], {"maps": ["mean", "max", "mean"], "*": "none"}, 0)
    assert list(made) == ["maps:mean", "maps:max", "features"]
    torch.testing.assert_close(made["maps:max"].reduction(y(MAPS)), reduced(MAPS, "max"))
    assert list(reductions([MAPS], ["grid:2", "cls+mean"][:1], 0)) == ["maps"]
    assert list(reductions([TOKENS], ["mean", "cls+mean"], 0)) == ["tokens:mean", "tokens:cls+mean"]


def test_a_grid_of_patches_is_that_of_their_places():
    maps = y(PATCHES)[:, 2:].reshape(3, 4, 2, 6).permute(0, 3, 1, 2)
    fields = maps.reshape(3, 6, 2, 2, 2, 1).mean((3, 5))
    torch.testing.assert_close(reduced(PATCHES, "grid:2"), fields.flatten(1))


@pytest.mark.parametrize(
    ("part", "shape", "axes"),
    [
        (nn.Conv2d(3, 64, 3), (64, 56, 56), "chw"),
        (nn.Sequential(), (56, 56, 96), "hwc"),  # a stage of Swin
        (nn.LayerNorm(7), (7, 7, 7), "hwc"),
        (Norm2d(7), (7, 7, 7), "chw"),
        (Norm2d(96), (96, 56, 56), "chw"),
        (nn.LayerNorm(96), (96, 56, 56), "chw"),
        (nn.LayerNorm(96), (56, 56, 96), "hwc"),
        (nn.LayerNorm(8), (8, 3, 50), "chw"),  # neither pair has the input's proportions
        (nn.Sequential(), (7, 7, 7), "chw"),
        (nn.Sequential(), (197, 192), "tc"),
        (nn.Conv1d(1, 1, 1), (192, 197), "ct"),
        (nn.Linear(2, 2), (1000,), "c"),
        (nn.Sequential(), (2, 3, 4, 5), ""),
    ],
)
def test_the_axes_are_told_from_the_class_and_the_shape(part, shape, axes):
    assert axes_of(part, shape, (224, 224)) == axes


# laws


def test_a_grid_of_one_field_is_the_mean():
    torch.testing.assert_close(reduced(MAPS, "grid:1"), reduced(MAPS, "mean"))


def test_a_projection_keeps_squared_lengths_on_average():
    wide = Layer("wide", (2000,), "c")
    lengths = [reduced(wide, "project:64", seed).square().sum(1) for seed in range(40)]
    ratio = torch.stack(lengths).mean(0) / y(wide).square().sum(1)
    # 40 x 64 draws: a standard error of sqrt(2 / 2560) = 0.03 or so
    assert (ratio - 1).abs().max() < 0.12


def test_a_projection_follows_its_seed_and_its_layer():
    first = reduced(FEATURES, "project:8", 1)
    torch.testing.assert_close(first, reduced(FEATURES, "project:8", 1))
    assert not torch.equal(first, reduced(FEATURES, "project:8", 2))
    assert not torch.equal(first, reduced(Layer("other", (12,), "c"), "project:8", 1))


def test_the_first_pattern_that_fits_counts():
    made = reductions([MAPS, TOKENS, FEATURES], {"maps": "max", "*s": "mean"}, 0)
    assert [one.written for one in made.values()] == ["max", "mean", "mean"]
    made = reductions([MAPS, TOKENS], {"tok*": "cls"}, 0)
    assert [one.written for one in made.values()] == ["none", "cls"]


def test_a_name_with_brackets_is_no_glob():
    odd = Layer("odd[0]*", (6, 4, 4), "chw")
    assert reductions([odd], {"odd[0]*": "mean"}, 0)["odd[0]*"].written == "mean"


# contracts


@pytest.mark.parametrize("name", REDUCTIONS)
def test_every_reduction_says_the_shape_that_it_gives(name):
    layer = {"cls": TOKENS, "tokens": PATCHES}.get(name, MAPS)
    kind = REDUCTIONS[name]
    assert reduced(layer, kind.usage.replace("SIDE", "2").replace("SIZE", "3")).ndim == 2


def test_what_the_command_line_says_of_reductions_and_ablations():
    assert options.by_layer("mean") == ["mean"]
    assert options.by_layer("cls,cls+mean") == ["cls", "cls+mean"]
    both = options.by_layer("conv*=mean,conv*=max,fc7=none")
    assert both == {"conv*": ["mean", "max"], "fc7": ["none"]}
    written = ["conv3=mean", "odd=name=zero"]
    assert options.ablations(written) == {"conv3": "mean", "odd=name": "zero"}
    with pytest.raises(InputError) as error:
        options.ablations(["conv3"])
    assert str(error.value) == (
        "--ablate: must be LAYER=mean or LAYER=zero, got 'conv3'. For example: --ablate conv3=mean."
    )


# messages


@pytest.mark.parametrize(
    ("error", "layer", "written", "sentence"),
    [
        pytest.param(
            UnknownName,
            MAPS,
            "median",
            "extract: no reduction is called 'median'. Did you mean 'mean'? Known: none, mean, "
            "patch-mean, max, cls, tokens, grid, project, pca.",
            id="unknown reduction",
        ),
        *(
            pytest.param(
                InputError,
                MAPS,
                written,
                f"extract: a reduction must be written as grid:SIDE, got '{written}'.",
                id=f"{written} without a side",
            )
            for written in ("grid", "grid:", "grid:x")
        ),
        pytest.param(
            InputError,
            MAPS,
            "mean:2",
            "extract: a reduction must be written as mean, got 'mean:2'.",
            id="mean with a size",
        ),
        pytest.param(
            InputError,
            MAPS,
            "cls",
            "extract: layer 'maps' must output tokens to have a class token, got shape (6, 4, 4). "
            "Use 'mean' for it.",
            id="class token of maps",
        ),
        pytest.param(
            InputError,
            TOKENS,
            "grid:2",
            "extract: layer 'tokens' must output one token per patch of the image, got 5 tokens in "
            "a network that cuts it into no patches. Use 'none' for it.",
            id="grid of tokens",
        ),
        pytest.param(
            InputError,
            Layer("pooled", (1, 6), "tc", (4, 2)),
            "patch-mean",
            "extract: layer 'pooled' must output one token per patch of the image, got 1 tokens in "
            "a network that cuts it into 4x2 patches. Use 'mean' for it.",
            id="patches of a pooled layer",
        ),
        pytest.param(
            InputError,
            Layer("patches", (8, 6), "tc", (4, 2)),
            "cls",
            "extract: layer 'patches' must output a class token, got 8 tokens, one per patch of "
            "the image. Use 'mean' for it.",
            id="class token of patches alone",
        ),
        pytest.param(
            InputError,
            Layer("merged", (6, 6), "tc", (4, 2)),
            "cls",
            "extract: layer 'merged' must output one token per patch of the image, got 6 tokens in "
            "a network that cuts it into 4x2 patches. Use 'mean' for it.",
            id="class token of merged patches",
        ),
        pytest.param(
            InputError,
            MAPS,
            "tokens",
            "extract: layer 'maps' must output tokens, got shape (6, 4, 4). Use 'none' for it.",
            id="tokens of maps",
        ),
        pytest.param(
            InputError,
            TOKENS,
            "tokens",
            "extract: layer 'tokens' must output one token per patch of the image, got 5 tokens in "
            "a network that cuts it into no patches. Use 'none' for it.",
            id="tokens without patches",
        ),
        pytest.param(
            InputError,
            FEATURES,
            "pca:3+mean",
            "extract: principal components of layer 'features' cannot be joined to another "
            "reduction by '+'. Extract both, as a list of reductions.",
            id="joined components",
        ),
        pytest.param(
            InputError,
            MAPS,
            {"maps": []},
            "extract: 'maps' must have at least one reduction, got none.",
            id="no reduction",
        ),
        pytest.param(
            UnknownName,
            MAPS,
            "mean+",
            "extract: no reduction is called ''. Known: none, mean, patch-mean, max, cls, tokens, "
            "grid, project, pca.",
            id="nothing after the plus",
        ),
        pytest.param(
            InputError,
            FEATURES,
            "grid:2",
            "extract: layer 'features' must output maps to be averaged over a grid, got shape "
            "(12,). Use 'none' for it.",
            id="grid of features",
        ),
        pytest.param(
            InputError,
            Layer("odd", (2, 3, 4, 5), ""),
            "mean",
            "extract: layer 'odd' must output maps, tokens or features to be reduced over space, "
            "got shape (2, 3, 4, 5). Use 'none' for it.",
            id="mean of four axes",
        ),
        pytest.param(
            UnknownName,
            MAPS,
            {"conv*": "mean"},
            "extract: no extracted layer is called 'conv*'. Known: maps.",
            id="glob without a match",
        ),
        pytest.param(
            InputError,
            FEATURES,
            "pca:13",
            "extract: layer 'features' has at most 12 components, got 13. Use fewer.",
            id="too many components",
        ),
    ],
)
def test_messages(error, layer, written, sentence):
    with pytest.raises(error) as caught:
        reductions([layer], written, 0)
    assert str(caught.value) == sentence
