"""Only weights that repviz drew are called random: in the model, its activations and exports."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from torch import nn

import repviz
from repviz.errors import InputError, Mismatch
from repviz.models import open_model

pytestmark = pytest.mark.slow

NETS = """
import torch
from torch import nn

def _net():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 3))


def drawn():
    return _net()


def loaded():
    net = _net()
    net.load_state_dict({name: torch.full_like(v, 0.5) for name, v in net.state_dict().items()})
    return net


def half_loaded():
    net = _net()
    net.load_state_dict({"1.weight": torch.full((8, 192), 0.5)}, strict=False)
    return net


def declared():
    net = loaded()
    net.weights_from = "our paper, epoch 30"
    return net


def asked(pretrained=False):
    return loaded() if pretrained else drawn()


standing = loaded()
"""
TIMM = "timm:test_resnet"


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nets")
    (folder / "nets_of_mine.py").write_text(NETS)
    sys.path.insert(0, str(folder))
    import nets_of_mine

    network = open_model("torchvision:squeezenet1_1", classes=3, size=64, seed=7)
    torch.save(network.module.state_dict(), folder / "weights.pth")
    half = {name: v for name, v in network.module.state_dict().items() if "classifier" not in name}
    torch.save(half, folder / "half.pth")
    yield nets_of_mine, folder
    sys.path.remove(str(folder))
    sys.modules.pop("nets_of_mine", None)


def trained_in_place(name, **options):
    model = open_model(name, **options)
    with torch.no_grad():
        next(model.module.parameters()).add_(1)
    return model


def squeezenet(**options):
    return open_model("torchvision:squeezenet1_1", classes=3, size=64, **options)


OWN = ("drawn", "loaded", "half_loaded")
CASES = {
    **{
        f"module, {name}": (
            lambda nets, _, name=name: open_model(f"nets_of_mine:{name}", size=8),
            "as the module gave them (sha256 {hash})",
            "given",
        )
        for name in OWN
    },
    **{
        f"memory, {name}": (
            lambda nets, _, name=name: open_model(getattr(nets, name)(), size=8),
            "as the module gave them (sha256 {hash})",
            "given",
        )
        for name in OWN
    },
    "module that declares": (
        lambda nets, _: open_model("nets_of_mine:declared", size=8),
        "our paper, epoch 30 (sha256 {hash})",
        "given",
    ),
    "module asked for weights": (
        lambda nets, _: open_model("nets_of_mine:asked", weights="default", size=8),
        "as the module gave them, asked for pretrained ones (sha256 {hash})",
        "given",
    ),
    "torchvision": (lambda nets, _: squeezenet(seed=3), "random (seed 3)", "untrained"),
    "torchvision, changed in place": (
        lambda nets, _: trained_in_place("torchvision:squeezenet1_1", classes=3, size=64),
        "changed since they were opened as random (seed 0) (sha256 {hash})",
        "given",
    ),
    "torchvision, state dict": (
        lambda nets, folder: squeezenet(weights=str(folder / "weights.pth")),
        "file: weights.pth",
        "trained",
    ),
    "torchvision in memory": (
        lambda nets, _: open_model(squeezenet(seed=3).module, size=64),
        "as the module gave them (sha256 {hash})",
        "given",
    ),
    "timm": (lambda nets, _: open_model(TIMM, classes=3, size=64), "random (seed 0)", "untrained"),
    "timm, changed in place": (
        lambda nets, _: trained_in_place(TIMM, classes=3, size=64),
        "changed since they were opened as random (seed 0) (sha256 {hash})",
        "given",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_manifest_notebook_and_exports_say_what_is_true(nets, tmp_path, case):
    opened, sentence, kind = CASES[case]
    if case.startswith("timm"):
        pytest.importorskip("timm")
    model = opened(*nets)
    images = repviz.open_images("digits", limit=3, size=8)
    layer = list(dict(model.module.named_modules()))[-1]
    acts = repviz.extract(model, images, layers=[layer], out=tmp_path / "acts")
    expected = sentence.format(hash=acts.manifest["weights_hash"][:16])
    assert acts.manifest["weights"] == expected
    assert model.current().weights_kind == kind
    assert f"weights: {expected}<" in acts._repr_html_()
    repviz.export(acts, layer, tmp_path / "x.npy", format="npy")
    assert json.loads((tmp_path / "x.npy.json").read_text())["weights"] == expected
    anndata = pytest.importorskip("anndata")
    repviz.export(acts, layer, tmp_path / "x.h5ad", format="anndata")
    told = anndata.read_h5ad(tmp_path / "x.h5ad").uns["made_of"]
    assert json.loads(told)["weights"] == expected


def test_the_hash_is_of_the_weights_that_were_used(nets, tmp_path):
    model = open_model("nets_of_mine:drawn", size=8)
    images = repviz.open_images("digits", limit=3, size=8)
    before = repviz.extract(model, images, layers=["3"], out=tmp_path / "before")
    with torch.no_grad():
        model.module[3].bias.add_(1)
    after = repviz.extract(model, images, layers=["3"], out=tmp_path / "after")
    assert after["3"][:].mean() - before["3"][:].mean() == pytest.approx(1, abs=1e-5)
    assert after.manifest["weights_hash"] != before.manifest["weights_hash"]


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda folder: squeezenet(weights=str(folder / "half.pth")),
            Mismatch,
            "{folder}/half.pth: the weights must fit this network, but "
            "'classifier.1.weight' is missing, 'classifier.1.bias' is missing. Open the network "
            "that they belong to, with the same number of classes.",
            id="half a state dict",
        ),
        pytest.param(
            lambda folder: open_model("nets_of_mine:standing", weights="default", size=8),
            InputError,
            "open_model('nets_of_mine:standing'): the weights of a network in memory are its own, "
            "got weights='default'. Load them into it, and leave weights out.",
            id="weights for a module that stands",
        ),
    ],
)
def test_messages(nets, call, error, sentence):
    with pytest.raises(error) as caught:
        call(nets[1])
    assert str(caught.value) == sentence.format(folder=nets[1])


def test_a_layer_without_parameters_changes_nothing():
    assert open_model(nn.Sequential(nn.Flatten()), size=8).current().weights.startswith("as the")
