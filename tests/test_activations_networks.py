"""Networks of unusual kinds: each is read as a hook of one's own reads it, or refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import repviz
from repviz.activations.capture import Capture
from repviz.errors import InputError

EXAMPLE = torch.zeros(1, 3, 224, 224)


class Repeats(nn.Module):
    """One convolution, applied three times."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.conv(self.conv(self.conv(x)))


def test_a_call_of_a_layer_that_works_several_times_can_be_chosen(tmp_path):
    torch.manual_seed(0)
    net = Repeats().eval()
    wanted = ["conv:1", "conv:2", "conv:3", "conv"]
    images = [torch.rand(3, 224, 224) for _ in range(6)]
    acts = repviz.extract(net, images, layers=wanted, out=tmp_path / "acts", batch=2)
    model = repviz.open_model(net)
    calls = []
    handle = net.conv.register_forward_hook(lambda part, inputs, output: calls.append(output))
    with torch.no_grad():
        pixels = torch.from_numpy(repviz.images_from(images).at(size=224).pixels())
        net(model.preprocessing(pixels))
    handle.remove()
    assert acts.layers == tuple(wanted)
    for layer, expected in zip(wanted, [*calls, calls[-1]], strict=True):
        np.testing.assert_allclose(acts[layer][:], expected.flatten(1).numpy(), atol=1e-5)
    table = repviz.layers(model).set_index("layer")
    assert table.loc["conv", "calls"] == 3


def test_a_call_that_does_not_happen_is_named():
    with Capture(Repeats(), ["conv:4"]) as capture, pytest.raises(InputError) as caught:
        capture(torch.zeros(1, 3, 8, 8))
    assert str(caught.value) == (
        "capture: layer 'conv:4' must run in the forward pass, and it did not. Leave it out."
    )


class Noisy(nn.Module):
    """Dropout that ignores evaluation mode."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        return self.head(nn.functional.dropout(self.conv(x), training=True).mean((2, 3)))


class Mixing(Noisy):
    """Batch normalisation without running statistics."""

    def __init__(self):
        super().__init__()
        self.head = nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x):
        return self.head(self.conv(x))


@pytest.mark.parametrize("network", [Noisy, Mixing])
def test_values_that_depend_on_more_than_the_image_are_refused(network, tmp_path):
    images = [torch.rand(3, 64, 64) for _ in range(4)]
    with pytest.raises(InputError) as caught:
        repviz.extract(network(), images, layers=["head"], out=tmp_path / "acts")
    assert str(caught.value) == (
        "extract: layer 'head' must return the same values for the same image, and it does not: "
        "the network draws random numbers, or mixes the images of a batch, in evaluation mode. "
        "Choose an earlier layer, or fix the network."
    )
    assert repviz.extract(network(), images, layers=["conv"], out=tmp_path / "acts").layers


@pytest.mark.parametrize("make", [torch.jit.script, lambda n: torch.jit.trace(n, EXAMPLE)])
def test_torchscript_is_refused(make, tmp_path):
    with pytest.raises(InputError) as caught:
        repviz.extract(make(Repeats().eval()), [torch.rand(3, 16, 16)], out=tmp_path / "acts")
    assert str(caught.value) == (
        "capture: the network must be a torch.nn.Module whose layers can be read, got "
        "TorchScript. Pass the original network."
    )


@pytest.mark.slow
def test_a_compiled_network_is_read_uncompiled(tmp_path):
    torch.manual_seed(0)
    net = Repeats().eval()
    images = [torch.rand(3, 16, 16) for _ in range(3)]
    plain = repviz.extract(net, images, layers=["conv"], out=tmp_path / "plain")
    net.compile()
    compiled = repviz.extract(net, images, layers=["conv"], out=tmp_path / "compiled")
    assert np.array_equal(plain["conv"][:], compiled["conv"][:])


def test_a_network_without_layers_is_refused():
    with pytest.raises(InputError) as caught:
        Capture(nn.ReLU(), ["*"])
    assert str(caught.value) == (
        "capture: the network must have layers with names, got a ReLU without any. Wrap it in an "
        "nn.Sequential."
    )


class Windows(nn.Module):
    """Attention within four windows of each image, as in a Swin transformer."""

    def __init__(self):
        super().__init__()
        self.cut = nn.Conv2d(3, 6, 4, 4)
        self.inside = nn.Linear(6, 5)
        self.block = nn.Identity()

    def forward(self, x):
        maps = self.cut(x).permute(0, 2, 3, 1)  # (b, 56, 56, 6), in windows of 28x28
        windows = maps.reshape(-1, 2, 28, 2, 28, 6).transpose(2, 3).reshape(-1, 784, 6)
        out = self.inside(windows).reshape(-1, 2, 2, 28, 28, 5).transpose(2, 3)
        return self.block(out.reshape(-1, 56, 56, 5))


def test_within_windows_there_is_no_row_per_image_and_the_block_around_them_has_one(tmp_path):
    net = Windows()
    images = [torch.rand(3, 224, 224) for _ in range(2)]
    with pytest.raises(InputError) as caught:
        repviz.extract(net, images, layers=["inside"], out=tmp_path / "acts")
    assert str(caught.value) == (
        "extract: layer 'inside' must return one row per image, got shape (8, 784, 5) for 2 images "
        "and (12, 784, 5) for 3. Choose the layer that contains it."
    )
    acts = repviz.extract(net, images, layers=["block"], reduce="none", out=tmp_path / "acts")
    with torch.no_grad():
        pixels = torch.from_numpy(repviz.images_from(images).at(size=224).pixels())
        expected = net(repviz.open_model(net).preprocessing(pixels))
    np.testing.assert_allclose(acts["block"][:], expected.flatten(1).numpy(), atol=1e-5)


def test_the_patches_of_a_vision_transformer_are_those_of_a_hook_of_ones_own(tmp_path):
    vision_transformer = pytest.importorskip("torchvision.models.vision_transformer")
    torch.manual_seed(0)
    net = vision_transformer.VisionTransformer(224, 32, 2, 2, 8, 16).eval()  # 7x7 patches
    images = [torch.rand(3, 224, 224) for _ in range(3)]
    layer, found = "encoder.layers.encoder_layer_0", []
    handle = net.get_submodule(layer).register_forward_hook(lambda *call: found.append(call[2]))
    with torch.no_grad():
        pixels = torch.from_numpy(repviz.images_from(images).at(size=224).pixels())
        net(repviz.open_model(net).preprocessing(pixels))
    handle.remove()
    tokens = found[0]
    assert tokens.shape == (3, 50, 8)  # the class token, then the patches row by row
    maps = tokens[:, 1:].reshape(3, 7, 7, 8).permute(0, 3, 1, 2)
    expected = {
        "cls": tokens[:, 0],
        "mean": tokens.mean(1),
        "patch-mean": tokens[:, 1:].mean(1),
        "grid:7": maps.flatten(1),
    }
    for place, (reduce, values) in enumerate(expected.items()):
        out = tmp_path / str(place)
        acts = repviz.extract(net, images, layers=[layer], reduce=reduce, out=out)
        np.testing.assert_allclose(acts[layer][:], values.numpy(), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "extra"),
    [
        ("timm:vit_tiny_patch16_224", "blocks.2", 1),
        ("timm:deit_tiny_distilled_patch16_224", "norm", 2),
        ("timm:swin_tiny_patch4_window7_224", "layers.2", None),
    ],
)
def test_token_reductions_of_timm_are_those_of_a_hook_of_ones_own(name, layer, extra, tmp_path):
    network = repviz.open_model(name, weights="random")
    faces, found = repviz.open_images("drawn-faces:4", size=64), []
    handle = network.module.get_submodule(layer).register_forward_hook(
        lambda *call: found.append(call[2])
    )
    with torch.no_grad():
        network.module(network.preprocessing(torch.from_numpy(faces.pixels())))
    handle.remove()
    y = found[0]  # (n, tokens, features), or (n, rows, columns, features) of Swin
    patches = y.flatten(1, 2) if extra is None else y[:, extra:]
    expected = {"mean": y.flatten(1, -2).mean(1), "patch-mean": patches.mean(1)}
    expected["tokens"] = patches
    if extra is not None:
        expected["cls"] = y[:, 0]
        expected["cls+mean"] = torch.cat([y[:, 0], y.mean(1)], dim=1)
        expected["cls+patch-mean"] = torch.cat([y[:, 0], patches.mean(1)], dim=1)
    acts = repviz.extract(network, faces, tmp_path / "acts", [layer], list(expected), batch=4)
    assert acts.layers == tuple(f"{layer}:{written}" for written in expected)
    for written, values in expected.items():
        matrix = acts[f"{layer}:{written}"]
        np.testing.assert_allclose(matrix[:], values.flatten(1).numpy(), atol=2e-5)
    side = 14  # of Swin's third stage, too
    assert acts[f"{layer}:tokens"].feature_shape == (side, side, y.shape[-1])
    if extra is None:
        with pytest.raises(InputError) as error:
            repviz.extract(network, faces, tmp_path / "other", [layer], "cls")
        assert str(error.value) == (
            f"extract: layer '{layer}' must output tokens to have a class token, got shape "
            f"{tuple(y.shape[1:])}. Use 'mean' for it."
        )


def test_several_reductions_of_a_layer_take_one_pass(tmp_path):
    torch.manual_seed(0)
    net = Repeats().eval()
    passes = []
    net.register_forward_hook(lambda *call: passes.append(len(call[2])))
    images = [torch.rand(3, 16, 16) for _ in range(4)]
    reduce = {"conv:1": ["mean", "max", "pca:2"], "conv": "grid:2"}
    layers = ["conv:1", "conv"]
    plain = repviz.extract(net, images, tmp_path / "plain", layers, batch=2)
    passes.clear()
    acts = repviz.extract(net, images, tmp_path / "one", layers, reduce, batch=2)
    assert acts.layers == ("conv:1:mean", "conv:1:max", "conv:1:pca:2", "conv")
    # two batches to fit components, two to store, beside the dry run
    assert sum(passes) == 2 + 3 + 2 + 2 * 4
    maps = plain["conv:1"][:].reshape(4, 3, -1)
    np.testing.assert_allclose(acts["conv:1:mean"][:], maps.mean(2), atol=1e-5)
    np.testing.assert_allclose(acts["conv:1:max"][:], maps.max(2), atol=1e-5)
    alone = repviz.extract(net, images, tmp_path / "two", ["conv:1"], "pca:2", batch=2)
    np.testing.assert_allclose(acts["conv:1:pca:2"][:], alone["conv:1"][:], atol=1e-5)
