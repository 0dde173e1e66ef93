"""Captured layers against hand-run ones, in-place operations and early ends included."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models

from repviz.activations.capture import FULL_PASSES, Capture, matching
from repviz.errors import InputError, UnknownName

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "bench"))
import capture_against_reference as bench


def net_in_place():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 5), nn.ReLU()
    )


@pytest.fixture
def x():
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_layer_is_read_before_the_next_one_changes_it(x):
    net = net_in_place()
    with Capture(net, ["0", "1", "3"]) as capture:
        first, second = capture(x), capture(x)  # the whole pass, then the one that ends early
    conv = net[0](x).detach()
    assert conv.min() < 0
    for outputs in (first, second):
        torch.testing.assert_close(outputs["0"], conv)
        torch.testing.assert_close(outputs["1"], conv.relu())
        torch.testing.assert_close(outputs["3"], net[3](conv.relu().flatten(1)).detach())


@pytest.mark.slow
@pytest.mark.parametrize("name", bench.NETS)
def test_torchvisions_nets_give_what_their_not_in_place_twins_give(name):
    net = bench.net(name)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    expected = bench.reference(net, [layer for layer, _ in net.named_modules() if layer], x)
    with Capture(net, ["*"]) as capture:
        first, second = capture(x), capture(x)
    assert first.keys() == second.keys() == expected.keys()
    for got in (first, second):
        assert bench.wrong(got, expected) == []


def test_what_is_kept_is_taken_before_the_next_layer_changes_it(x):
    net = net_in_place()
    with Capture(net, ["0"], keep=lambda name, y: (name, y.amin())) as capture:
        kept = [capture(x)["0"] for _ in range(2)]
    assert [name for name, _ in kept] == ["0", "0"]
    assert all(low == net[0](x).min() < 0 for _, low in kept)
    assert capture.changed == {"0"}


def test_what_a_glob_fits_and_does_no_work_is_left_out(x):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Identity())
    net.register_module("idle", nn.Linear(2, 2))
    net.register_module("many", _Pairs())
    net.forward = lambda x: net.many(net[0](x))
    with Capture(net, ["*"]) as capture:
        first, second = capture(x), capture(x)
    assert list(first) == list(second) == ["0", "many"]
    torch.testing.assert_close(second["many"], net[0](x).detach() + 1)


class _Pairs(nn.Module):
    def forward(self, x):
        return {"states": x + 1, "mask": None}


def test_the_pass_ends_after_the_deepest_layer_asked_for(x):
    net, worked = net_in_place(), []
    for place, part in enumerate(net):
        part.register_forward_hook(lambda *_, place=place: worked.append(place))
    with Capture(net, ["1"]) as capture:
        for _ in range(FULL_PASSES):
            capture(x)
            assert worked == [0, 1, 2, 3, 4]
            worked.clear()
        capture(x)
    assert worked == [0, 1]


def test_a_layer_that_works_twice_is_read_the_last_time(x):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.twice = nn.ReLU(), nn.Identity()

        def forward(self, x):
            return self.twice(self.act(self.act(x) - 1) * 2)

    with Capture(Twice(), ["act", "twice"]) as capture:
        for _ in range(2):
            outputs = capture(x)
            torch.testing.assert_close(outputs["act"], (x.relu() - 1).relu())
            torch.testing.assert_close(outputs["twice"], 2 * (x.relu() - 1).relu())


def test_of_a_layer_that_gives_two_shapes_only_the_last_is_kept(x):
    class Halved(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.MaxPool2d(2)

        def forward(self, x):
            return self.pool(self.pool(x))

    kept = []
    with Capture(Halved(), ["pool"]) as capture:
        capture(x)
        capture.keep = lambda name, y: kept.append(tuple(y.shape))
        capture(x)
        capture(x)
    assert kept == [(*x.shape[:2], x.shape[2] // 4, x.shape[3] // 4)] * 2


class _UntilSmall(nn.Module):
    """Halves its input until it is small: how often depends on the image."""

    def __init__(self):
        super().__init__()
        self.halve, self.small, self.large = nn.Identity(), nn.Identity(), nn.Identity()

    def forward(self, x):
        while x.abs().max() > 1:
            x = self.halve(x / 2)
        return self.large(x) if x.abs().max() > 0.9 else self.small(x)


def test_a_block_that_is_repeated_as_the_image_needs(x):
    x = x / x.abs().max()
    with Capture(_UntilSmall(), ["halve"]) as capture:
        for factor in (1.5, 2.0 + 1e-3, 1.5, 40, 5):
            got = capture(x * factor)["halve"]
            torch.testing.assert_close(got, x * factor / 2 ** np.ceil(np.log2(factor)))


def test_an_expert_that_the_first_image_does_not_reach_is_named(x):
    x = x / x.abs().max()
    with Capture(_UntilSmall(), ["*"]) as capture:
        assert list(capture(x * 1.5)) == ["halve", "small"]
        assert capture.calls == {"halve": 1, "small": 1}
        with pytest.raises(InputError, match="'small' must run in the forward pass"):
            capture(x * 1.99)
    assert capture.late == {"large"}


def test_every_name_of_a_shared_module_can_be_given(x):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    net[1].register_module("alias", net[0])
    with Capture(net, ["1.alias"]) as capture:
        torch.testing.assert_close(capture(x)["1.alias"], net[0](x).detach())


def test_no_hook_is_left_whatever_happens(x):
    net = net_in_place()
    with pytest.raises(RuntimeError), Capture(net, ["3"]) as capture:
        capture(x[:, :2])
    assert not any(part._forward_hooks for part in net.modules())


def test_globs_and_names_give_each_layer_once():
    net = models.alexnet(weights=None)
    assert matching(net, ["classifier.6", "features.1?", "classifier.*"]) == (
        *("classifier.6", "features.10", "features.11", "features.12"),
        *(f"classifier.{place}" for place in range(6)),
    )


def test_layers_by_type():
    net = models.alexnet(weights=None)
    assert matching(net, ["type:Linear"]) == ("classifier.1", "classifier.4", "classifier.6")
    assert "features.2" in matching(net, ["type:_MaxPoolNd"])  # a class that it derives from
    with pytest.raises(UnknownName) as error:
        matching(net, ["type:Conv3d"])
    assert str(error.value) == (
        "capture: no type of layer is called 'Conv3d'. Did you mean 'Conv2d'? Known: "
        "AdaptiveAvgPool2d, Conv2d, Dropout, Linear, MaxPool2d, ReLU, Sequential."
    )


def forward_without_b(x):
    idle = nn.ModuleDict({"a": nn.Identity(), "b": nn.Identity()})
    idle.forward = lambda x: idle["a"](x)
    with Capture(idle, ["a", "b"]) as capture:
        capture(x)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda x: Capture(net_in_place(), ["5"]),
            UnknownName,
            "capture: no layer is called '5'. Known: 0, 1, 2, 3, 4.",
            id="unknown layer",
        ),
        pytest.param(
            lambda x: Capture(net_in_place(), ["conv*"]),
            UnknownName,
            "capture: no layer is called 'conv*'. Known: 0, 1, 2, 3, 4.",
            id="glob without a match",
        ),
        pytest.param(
            lambda x: Capture(net_in_place(), []),
            InputError,
            "capture: at least one layer must be given, got none. Known: 0, 1, 2, 3, 4.",
            id="no layer",
        ),
        pytest.param(
            forward_without_b,
            InputError,
            "capture: layer 'b' must run in the forward pass, and it did not. Leave it out.",
            id="layer that does not run",
        ),
    ],
)
def test_messages(x, call, error, sentence):
    with pytest.raises(error) as caught:
        call(x)
    assert str(caught.value) == sentence
