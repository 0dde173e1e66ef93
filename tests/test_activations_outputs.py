"""Layers that return several tensors: each is named by where it lies, as a hook of one's own."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

import repviz
from repviz.activations.capture import Address, Capture, parse_address
from repviz.activations.extraction import extract
from repviz.activations.outputs import replace_tensor, tensor_at, tensors
from repviz.errors import InputError, UnknownName
from repviz.images import images_from
from repviz.models.model import Model, Preprocessing

Pair = namedtuple("Pair", "maps mask")


@dataclass
class States:
    last: torch.Tensor
    hidden: tuple[torch.Tensor, ...]
    note: str = "of no account"


class Container(nn.Module):
    def __init__(self, build):
        super().__init__()
        self.build = build

    def forward(self, x):
        return self.build(x)


class Several(nn.Module):
    """A recurrent layer, and layers that return a dict, a dataclass and a named tuple."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 4, batch_first=True)
        self.mapped = Container(lambda x: OrderedDict(keys=x + 1, values=[x - 1, None]))
        self.states = Container(lambda x: States(2 * x, (3 * x, 4 * x)))
        self.pair = Container(lambda x: Pair(5 * x, None))
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        x = self.lstm(x[:, 0])[0].flatten(1)
        x = self.mapped(x)["keys"] + self.states(x).last + self.pair(x).maps
        return {"logits": self.head(x), "features": x}


NAMES = {
    "lstm[0]": lambda s: s,
    "mapped[keys]": lambda s: s + 1,
    "mapped[values][0]": lambda s: s - 1,
    "states[last]": lambda s: 2 * s,
    "states[hidden][1]": lambda s: 4 * s,
    "pair": lambda s: 5 * s,
    "pair[maps]": lambda s: 5 * s,
    "[features]": lambda s: 8 * s + 1,
}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return images_from(rng.integers(0, 256, (6, 1, 8, 8), dtype=np.uint8))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return small(Several().eval())


def small(module):
    return Model("small", module, Preprocessing((8, 8), 1, (0.5,), (0.5,)), ("head",), "", {})


# truth


def test_each_output_is_that_of_a_hook_of_ones_own(model, images, tmp_path):
    acts = extract(model, images, tmp_path / "acts", NAMES, batch=2)
    assert acts.layers == tuple(NAMES)
    with torch.no_grad():
        x = model.preprocessing(torch.from_numpy(images.pixels()))
        states = model.module.lstm(x[:, 0])[0].flatten(1)
    for name, expected in NAMES.items():
        np.testing.assert_allclose(acts[name][:], expected(states).numpy(), atol=1e-5)


def test_a_glob_reads_every_output_under_its_own_name(model):
    x = torch.randn(3, 1, 8, 8)
    with Capture(model.module, ["*"]) as c:
        passes = [c(x) for _ in range(6)]
    names = [
        *("lstm[0]", "lstm[1][0]", "lstm[1][1]", "mapped[keys]", "mapped[values][0]"),
        *("states[last]", "states[hidden][0]", "states[hidden][1]", "pair", "head"),
    ]
    assert [list(outputs) for outputs in passes] == [names] * 6
    for outputs in passes[1:]:
        for name in names:
            torch.testing.assert_close(outputs[name], passes[0][name])
    assert not c.late


def test_the_table_of_layers_lists_the_names_that_can_be_given(model):
    table = repviz.layers(model).set_index("layer")
    # the last state of a recurrent layer has no row per image: its first axis is the layer
    assert list(table.index) == [
        *("lstm[0]", "mapped[keys]", "mapped[values][0]", "states[last]"),
        *("states[hidden][0]", "states[hidden][1]", "pair", "head"),
    ]
    assert table.loc["lstm[0]", ["type", "output"]].tolist() == ["LSTM", "8x4"]


def test_an_output_of_one_call(images, tmp_path):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.both = Container(lambda x: (x + 1, x * 2))

        def forward(self, x):
            return self.both(self.both(x)[1])[0]

    acts = extract(small(Twice()), images, tmp_path / "acts", ["both:1[0]", "both[0]"])
    first = acts["both:1[0]"][:]
    np.testing.assert_allclose(acts["both[0]"][:], 2 * (first - 1) + 1, atol=1e-6)


def test_functional_operations_are_read_through_torchvisions_extractor(images, tmp_path):
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(nn.functional.relu(self.conv(x)).mean((2, 3)))

    torch.manual_seed(0)
    net = Functional().eval()
    named = create_feature_extractor(net, ["relu", "mean"])
    acts = extract(small(named), images, tmp_path / "acts", ["[relu]", "[mean]", "conv"])
    np.testing.assert_allclose(acts["[relu]"][:], acts["conv"][:].clip(0), atol=1e-6)
    means = acts["[relu]"][:].reshape(6, 4, -1).mean(2)
    np.testing.assert_allclose(acts["[mean]"][:], means, atol=1e-6)


# laws


@pytest.mark.parametrize(
    "output",
    [
        torch.zeros(2),
        (torch.zeros(2), [torch.ones(1), None]),
        {"a": torch.zeros(2), "b": {"c": torch.ones(1)}, 3: (torch.zeros(1),)},
        States(torch.zeros(2), (torch.ones(1), torch.ones(2))),
        Pair(torch.zeros(1), (torch.ones(1),)),
    ],
)
def test_replacing_a_tensor_changes_that_one_alone_and_leaves_the_original(output: Any):
    before = tensors(output)
    for path in before:
        value = torch.full((3,), 7.0)
        changed = replace_tensor(output, path, value)
        assert type(changed) is type(output)
        assert tensors(changed) == before | {path: value}
        assert tensors(output).keys() == before.keys()
        assert all(tensors(output)[one] is before[one] for one in before)


@pytest.mark.parametrize(
    ("layer", "address"),
    [
        ("relu", Address("relu")),
        ("relu:2", Address("relu", 2)),
        ("relu[0]", Address("relu", None, "[0]")),
        ("relu:2[a][0]", Address("relu", 2, "[a][0]")),
        ("odd[0]", Address("odd[0]")),  # a module's own name
        ("odd[0][1]", Address("odd[0]", None, "[1]")),
        ("[0]", Address("", None, "[0]")),
        (":1", Address(":1")),
        ("re[l]u", Address("re[l]u")),  # a glob
        ("", Address("")),
    ],
)
def test_names_of_calls_and_outputs(layer, address):
    assert parse_address(layer, {"", "relu", "odd[0]"}) == address


# messages


@pytest.mark.parametrize(
    ("layer", "error", "sentence"),
    [
        (
            "lstm",
            InputError,
            "capture: layer 'lstm' must return one tensor, got 3 in a tuple. Name one of them: "
            "'lstm[0]', 'lstm[1][0]', 'lstm[1][1]'.",
        ),
        (
            "states",
            InputError,
            "capture: layer 'states' must return one tensor, got 3 in a States. Name one of them: "
            "'states[last]', 'states[hidden][0]', 'states[hidden][1]'.",
        ),
        (
            "mapped[key]",
            UnknownName,
            "capture: no output of layer 'mapped' is called '[key]'. Did you mean '[keys]'? Known: "
            "[keys], [values][0].",
        ),
        (
            "head[0]",
            InputError,
            "capture: layer 'head[0]' must be one of several outputs, and 'head' returns one "
            "tensor. Name it 'head'.",
        ),
        (
            "lstm[1][0]",
            InputError,
            "extract: layer 'lstm[1][0]' must return one row per image, got shape (1, 2, 4) for 2 "
            "images and (1, 3, 4) for 3. Choose the layer that contains it.",
        ),
    ],
)
def test_messages(model, images, tmp_path, layer, error, sentence):
    with pytest.raises(error) as caught:
        extract(model, images, tmp_path / "acts", [layer])
    assert str(caught.value) == sentence


def test_of_many_outputs_ten_are_listed():
    with pytest.raises(InputError, match=r"'many\[9\]' and 2 more\.$"):
        tensor_at("many", "", [torch.zeros(1)] * 12)
