"""Ablated layers: what a hook of one's own gives, recorded so that no two stores are confused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import repviz
from repviz.activations.ablation import ABLATIONS, Ablation
from repviz.activations.capture import Capture
from repviz.activations.extraction import extract
from repviz.activations.integrity import verify
from repviz.errors import InputError, Mismatch, UnknownName
from repviz.images import images_from
from repviz.models.model import Model, Preprocessing
from repviz.studies.saved_activations import _title
from repviz.studies.stores import Store, stores_table


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return images_from(rng.integers(0, 256, (40, 1, 8, 8), dtype=np.uint8), labels=["a", "b"] * 20)


@pytest.fixture
def model():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 5)
    )
    return small(module.eval())


def small(module):
    return Model("small", module, Preprocessing((8, 8), 1, (0.5,), (0.5,)), ("3",), "", {})


def by_hand(module, layer, ablated, kind, x):
    """The output of ``layer`` where a hook of one's own replaces that of ``ablated``."""
    name, _, call = ablated.partition(":")
    part, outputs, calls = module.get_submodule(name), [], []
    handle = part.register_forward_hook(lambda *hooked: outputs.append(hooked[2].clone()))
    with torch.no_grad():
        module(x)
    handle.remove()
    intact = outputs[int(call or 1) - 1]
    value = torch.zeros_like(intact) if kind == "zero" else intact.mean(0).expand_as(intact)

    def replace(part, inputs, output):
        calls.append(part)
        return value.clone() if len(calls) == int(call or 1) else output

    handles = [
        part.register_forward_hook(replace),
        module.get_submodule(layer).register_forward_hook(lambda *h: outputs.append(h[2].clone())),
    ]
    with torch.no_grad():
        module(x)
    for handle in handles:
        handle.remove()
    return outputs[-1].flatten(1).numpy()


# truth


@pytest.mark.slow
@pytest.mark.parametrize("kind", ABLATIONS)
@pytest.mark.parametrize(
    ("name", "ablated", "layer"),
    [
        ("alexnet", "conv3", "fc7"),
        ("alexnet", "relu3", "conv5"),
        ("timm:vit_tiny_patch16_224", "blocks.3.attn", "blocks.8"),
        ("timm:vit_tiny_patch16_224", "blocks.5", "norm"),
        ("torchvision:resnet18", "layer2.0.conv1", "layer3"),
        ("torchvision:resnet18", "layer2.0.relu:1", "avgpool"),
    ],
)
def test_published_networks_are_ablated_as_by_a_hook_of_ones_own(
    name, ablated, layer, kind, tmp_path
):
    network = repviz.open_model(name, weights="random")
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():  # without biases, nothing is left after zeros
        for parameter in network.module.parameters():
            parameter += 0.01 * torch.randn(parameter.shape, generator=rng)
    faces = repviz.open_images("drawn-faces:6", size=64)
    acts = repviz.extract(network, faces, tmp_path / "a", [layer], ablate={ablated: kind}, batch=6)
    x = network.preprocessing(torch.from_numpy(faces.pixels()))
    expected = by_hand(network.module, layer, ablated, kind, x)
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(acts[layer][:] / scale, expected / scale, atol=1e-5)


def test_one_call_of_a_layer_can_be_ablated(images, tmp_path):
    torch.manual_seed(0)

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.end = nn.Conv2d(1, 1, 3, padding=1), nn.Identity()

        def forward(self, x):
            return self.end(self.conv(self.conv(x) + x))

    net = Twice().eval()
    acts = extract(small(net), images, tmp_path / "acts", ["end"], ablate={"conv:1": "zero"})
    with torch.no_grad():
        pixels = torch.from_numpy(images.pixels())
        expected = net.conv(small(net).preprocessing(pixels)).flatten(1)
    np.testing.assert_allclose(acts["end"][:], expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("kind", ABLATIONS)
def test_one_of_several_outputs_can_be_ablated(images, tmp_path, kind):
    torch.manual_seed(0)
    model = small(Recurrent().eval())
    acts = extract(model, images, tmp_path / "acts", ["end"], ablate={"lstm[0]": kind})
    with torch.no_grad():
        x = model.preprocessing(torch.from_numpy(images.pixels()))
        states = model.module.lstm(x[:, 0])[0].flatten(1)
    expected = torch.zeros(40, 32) if kind == "zero" else states.mean(0).expand(40, 32)
    np.testing.assert_allclose(acts["end"][:], expected.numpy(), atol=1e-6)


# laws


def test_the_mean_is_that_of_every_unit_over_the_readable_images(model, images, tmp_path):
    plain = extract(model, images, tmp_path / "plain", ["0", "1", "3"])
    acts = extract(model, images, tmp_path / "acts", ["0", "1", "3"], ablate={"0": "mean"})
    mean = plain["0"][:].mean(0)
    np.testing.assert_allclose(acts["0"][:], np.tile(mean, (40, 1)), atol=1e-6)
    np.testing.assert_allclose(acts["1"][:], np.tile(mean.clip(0), (40, 1)), atol=1e-6)
    zero = extract(model, images, tmp_path / "zero", ["0", "3"], ablate={"0": "zero"})
    assert not zero["0"][:].any()
    np.testing.assert_allclose(zero["3"][:], model.module[3].bias.detach().expand(40, 5))


def test_the_mean_of_several_layers_is_that_of_the_network_as_it_is(model, images, tmp_path):
    plain = extract(model, images, tmp_path / "plain", ["0", "3"])
    both = {"0": "zero", "3": "mean"}
    acts = extract(model, images, tmp_path / "acts", ["3"], ablate=both)
    np.testing.assert_allclose(acts["3"][:], np.tile(plain["3"][:].mean(0), (40, 1)), atol=1e-6)


@pytest.mark.parametrize("batch", [3, 40])
def test_the_mean_does_not_depend_on_the_batch(model, images, tmp_path, batch):
    acts = extract(model, images, tmp_path / "acts", ablate={"0": "mean"}, batch=batch)
    usual = extract(model, images, tmp_path / "usual", ablate={"0": "mean"})
    np.testing.assert_allclose(acts["3"][:], usual["3"][:], atol=1e-6)


def test_resumed_shared_and_appended_rows_take_the_means_of_the_first(model, images, tmp_path):
    ablate = {"0": "mean"}
    whole = extract(model, images, tmp_path / "one", ablate=ablate)
    for rank in (1, 0):
        shared = extract(model, images, tmp_path / "parts", ablate=ablate, part=(rank, 2))
    np.testing.assert_array_equal(shared["3"][:], whole["3"][:])
    first = extract(model, images.take(range(32)), tmp_path / "grown", ablate=ablate)
    before = first["3"][:]
    grown = extract(model, images, tmp_path / "grown", ablate=ablate, append=True)
    np.testing.assert_array_equal(grown["3"][:32], before)
    np.testing.assert_allclose(grown["3"][32:], before[:8], atol=1e-6)
    assert all(verify(tmp_path / name).ok for name in ("one", "parts", "grown"))


def test_no_hook_is_left_and_the_network_is_as_it_was(model):
    x = torch.randn(2, 1, 8, 8)
    before = model.module(x)
    with (
        pytest.raises(RuntimeError),
        Ablation(model.module, {"0": "zero"}),
        Capture(model.module, ["3"]) as capture,
    ):
        capture(x[:, :, :4])
    assert not any(part._forward_hooks for part in model.module.modules())
    assert not model.module._forward_pre_hooks
    torch.testing.assert_close(model.module(x), before)


class Halves(nn.Module):
    """The left and the right half of an image by different layers."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.joined = nn.Linear(32, 8), nn.Linear(32, 8), nn.Identity()

    def forward(self, x):
        halves = self.left(x[..., :4].flatten(1)), self.right(x[..., 4:].flatten(1))
        return self.joined(torch.cat(halves, 1))


@pytest.mark.parametrize("kind", ABLATIONS)
def test_what_a_layer_carried_is_lost_in_similarity_and_probe(tmp_path, kind):
    """The label lies in the left half alone, and the right half is noise."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    pixels = rng.integers(0, 120, (120, 1, 8, 8))
    pixels[..., :4] += 100 * labels[:, None, None, None]
    torch.manual_seed(0)
    model, images = small(Halves().eval()), images_from(pixels.astype(np.uint8), labels=labels)
    found = {
        layer: extract(model, images, tmp_path / layer, ["joined"], ablate={layer: kind})["joined"]
        for layer in ("left", "right")
    }
    intact = extract(model, images, tmp_path / "intact", ["joined"])["joined"]
    accuracy = {name: repviz.probe(layer, labels) for name, layer in found.items()}
    assert accuracy["right"].value > 0.95
    assert accuracy["left"].low < 0.5 < accuracy["left"].high
    cka = {name: repviz.similarity(intact, layer) for name, layer in found.items()}
    assert cka["right"].value > 0.9
    assert cka["left"].value < 0.5
    parts = repviz.similarity(found["left"], found["right"])
    assert parts.p > 0.05  # nothing in common


# contracts


def test_the_manifest_names_it_and_two_stores_are_not_confused(model, images, tmp_path):
    plain = extract(model, images, tmp_path / "plain")
    assert "ablated" not in plain.manifest
    acts = extract(model, images, tmp_path / "acts", ablate={"0": "mean"})
    assert acts.manifest["ablated"] == {"0": "mean"}
    assert (plain.network, acts.network) == ("small", "small, 0 ablated (mean)")
    assert "small, 0 ablated (mean), weights" in acts._repr_html_()
    stores = [Store("acts", acts, ("3",), np.arange(40), np.arange(40))]
    assert stores_table(stores)["model"].tolist() == ["small, 0 ablated (mean)"]
    assert _title(stores, 40) == "What layer 3 of small, 0 ablated (mean) holds of 40 images"
    assert plain.key != acts.key
    before = "this folder holds activations extracted with other parameters: ablated"
    for ablate, difference in (
        (None, "was {'0': 'mean'} and is now 'not set'"),
        ({"0": "zero"}, ": 0 was 'mean' and is now 'zero'"),
    ):
        with pytest.raises(Mismatch) as error:
            extract(model, images, tmp_path / "acts", ablate=ablate)
        assert f"{before}{' ' if ablate is None else ''}{difference}" in str(error.value)


def test_missing_means_are_damage(model, images, tmp_path):
    extract(model, images, tmp_path / "acts", ablate={"0": "mean"})
    (tmp_path / "acts" / "means" / "0.npy").unlink()
    assert verify(tmp_path / "acts").damaged == ("means/0.npy",)


# messages


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.idle, self.end = (
            nn.LSTM(8, 4, batch_first=True),
            nn.Identity(),
            nn.Identity(),
        )

    def forward(self, x):
        return self.end(self.lstm(x[:, 0])[0].flatten(1))


@pytest.mark.parametrize(
    ("ablate", "error", "sentence"),
    [
        (
            "end=mean",
            InputError,
            "extract: ablate must map layers to kinds of ablation, got 'end=mean'. For example: "
            "ablate={'conv3': 'mean'}.",
        ),
        (
            {"lost": "mean"},
            UnknownName,
            "capture: no layer is called 'lost'. Did you mean 'lstm'? Known: lstm, idle, end.",
        ),
        (
            {"end": "median"},
            UnknownName,
            "extract: no ablation is called 'median'. Did you mean 'mean'? Known: zero, mean.",
        ),
        (
            {"idle": "zero"},
            InputError,
            "extract: ablated layer 'idle' must run in the forward pass, and it did not. Leave it "
            "out.",
        ),
        (
            {"lstm": "zero"},
            InputError,
            "capture: layer 'lstm' must return one tensor, got 3 in a tuple. Name one of them: "
            "'lstm[0]', 'lstm[1][0]', 'lstm[1][1]'.",
        ),
    ],
)
def test_messages(images, tmp_path, ablate, error, sentence):
    with pytest.raises(error) as caught:
        extract(small(Recurrent()), images, tmp_path / "acts", ["end"], ablate=ablate)
    assert str(caught.value) == sentence


def test_a_layer_that_runs_twice_is_ablated_at_a_call_that_is_named(images, tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU())
    net.append(net[1])
    with pytest.raises(InputError) as error:
        extract(small(net), images, tmp_path / "acts", ["2"], ablate={"1": "zero"})
    assert str(error.value) == (
        "extract: ablated layer '1' must run once in a forward pass, and it runs several times. "
        "Name the call: '1:1' is the first."
    )


def test_an_ablation_without_effect_is_warned_of(model, images, tmp_path):
    with pytest.warns(UserWarning, match="ablating") as caught:
        extract(model, images, tmp_path / "acts", ["0"], ablate={"3": "zero"})
    assert str(caught[0].message) == (
        "extract: ablating 3 changes none of the extracted layers: 0. Extract a later layer."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extract(model, images, tmp_path / "other", ["3"], ablate={"0": "zero"})
