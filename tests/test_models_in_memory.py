"""Networks that stand in memory, and what is said of weights that repviz did not draw."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

import repviz
from repviz.errors import InputError, Unavailable
from repviz.images import open_images
from repviz.models import open_model
from repviz.models.model import Preprocessing
from repviz.models.untrained import untrained_copy

GREY = Preprocessing((8, 8), 1, (0.5,), (0.25,))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def test_a_network_in_memory_is_taken_as_it_is(tmp_path):
    net = Net().train()
    net.norm.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    images = open_images("digits", limit=20, size=8)
    model = open_model(net, preprocessing=GREY, name="my net")
    assert model.module is net
    assert (model.name, model.layers) == ("my net", ("conv", "norm", "head"))
    acts = repviz.extract(model, images, layers=["head"], out=tmp_path / "acts")
    assert net.training
    assert not net.norm.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.eval()
    with torch.no_grad():
        expected = net(GREY(torch.from_numpy(images.pixels()))).numpy()
    np.testing.assert_allclose(acts["head"], expected, rtol=1e-5, atol=1e-6)
    assert acts.manifest["weights"] == f"as the module gave them (sha256 {model.key[:16]})"
    assert acts.manifest["model"] == "my net"
    net.preprocessing = GREY
    by_itself = repviz.extract(net, images, layers=["head"], out=tmp_path / "more")
    np.testing.assert_array_equal(by_itself["head"], acts["head"])


def test_a_network_says_where_its_weights_are_from():
    net = Net()
    net.weights_from = "my paper, epoch 30"
    model = open_model(net, preprocessing=GREY)
    assert model.weights == f"my paper, epoch 30 (sha256 {model.key[:16]})"


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_nets.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def net():\n"
        "    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.BatchNorm1d(4))\n"
        "    net[1].weight.data.fill_(0.5)\n"
        "    return net\n"
        "class Bare(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.token = nn.Parameter(torch.zeros(3))\n"
        "def bare():\n"
        "    return nn.Sequential(nn.Linear(3, 3), Bare())\n"
        "def fails():\n"
        "    raise ValueError('cannot open config')\n"
        "def lazy():\n"
        "    return nn.LazyLinear(3)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_nets", None)


def test_an_untrained_copy_has_the_architecture_and_other_weights(own):
    model = open_model("own_nets:net", size=8)
    assert model.weights.startswith("as the module gave them (sha256 ")
    control = untrained_copy(model, seed=3)
    assert control.weights == "random (seed 3), drawn by each module's reset_parameters"
    assert control.module[1].weight.unique().numel() > 100
    assert torch.equal(model.module[1].weight, torch.full((4, 192), 0.5))
    assert control.key == untrained_copy(model, seed=3).key != untrained_copy(model, seed=4).key
    drawn = untrained_copy(open_model("autoencoder", size=8, bottleneck=2, seed=1), seed=5)
    assert drawn.key == open_model("autoencoder", size=8, bottleneck=2, seed=5).key
    assert drawn.weights == "random (seed 5)"


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda: untrained_copy(open_model("own_nets:bare")),
            Unavailable,
            "untrained_copy: each module of 'own_nets:bare' with parameters must have a method "
            "reset_parameters, and '1' (Bare), which owns 'token', has none. Add one, or skip the "
            "untrained control.",
            id="module without reset_parameters",
        ),
        pytest.param(
            lambda: open_model("own_nets:fails"),
            InputError,
            "open_model('own_nets:fails'): the function must return a network, and it failed "
            "(ValueError: cannot open config). Call it in Python to see the error.",
            id="function that fails",
        ),
        pytest.param(
            lambda: open_model("own_nets:lazy"),
            InputError,
            "open_model('own_nets:lazy'): every parameter must be initialised, got 'weight' "
            "without values. Call the network once on an input of its size, or load its weights "
            "first.",
            id="lazy parameters",
        ),
        pytest.param(
            lambda: open_model(7),
            InputError,
            "open_model: model must be a name or a torch.nn.Module, got int. For example: "
            "'torchvision:resnet18'.",
            id="number to open",
        ),
        pytest.param(
            lambda: open_model(Net(), preprocessing="imagenet"),
            InputError,
            "open_model('Net'): preprocessing must be a repviz.Preprocessing, got str.",
            id="preprocessing by name",
        ),
        pytest.param(
            lambda: repviz.extract(7, None, out="nowhere"),
            InputError,
            "extract: model must be a Model, a torch.nn.Module or a name, got int. Open one with "
            "repviz.open_model.",
            id="number to extract",
        ),
    ],
)
def test_messages(own, call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence
