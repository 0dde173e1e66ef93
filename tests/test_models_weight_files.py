"""State dicts of others: torchvision's load, code does not run, and what is wrong is named."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import squeezenet1_1

from repviz.errors import Damaged, Mismatch
from repviz.models import open_model
from repviz.models.weight_files import load_state_file


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    net = squeezenet1_1(num_classes=5)
    torch.save(net.state_dict(), path)
    return path, net.eval()


def test_a_state_dict_of_torchvision_gives_its_answers(saved):
    path, net = saved
    model = open_model("torchvision:squeezenet1_1", weights=str(path), classes=5)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model.module(x), net(x), rtol=1e-4, atol=1e-5)
    assert model.weights == "file: squeezenet.pth"


def test_wrapped_in_a_training_state_it_loads_too(saved, tmp_path):
    path, _ = saved
    state = {f"module.{name}": value for name, value in torch.load(path).items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "w.pth")
    found = open_model("torchvision:squeezenet1_1", weights=str(tmp_path / "w.pth"), classes=5)
    assert found.key == open_model("torchvision:squeezenet1_1", weights=str(path), classes=5).key


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.mark.parametrize(
    "save", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what, 2))]
)
def test_code_in_a_file_does_not_run(tmp_path, save):
    path, mark = tmp_path / "bomb.pth", tmp_path / "ran"
    save({"conv": Bomb(str(mark))}, path)
    with pytest.raises(Damaged) as error:
        open_model("torchvision:squeezenet1_1", weights=str(path))
    assert str(error.value).startswith(
        f"{path}: this file is not a complete state dict of tensors ("
    )
    assert str(error.value).endswith(
        "). Write it with torch.save(net.state_dict(), ...), or copy it again from its source."
    )
    assert not mark.exists()


def test_weights_of_another_number_of_classes_are_refused(saved):
    path, _ = saved
    with pytest.raises(Mismatch) as error:
        open_model("torchvision:squeezenet1_1", weights=str(path), classes=6)
    assert str(error.value) == (
        f"{path}: the weights must fit this network, but 'classifier.1.weight' is (5, 512, 1, 1) "
        "where the network has (6, 512, 1, 1), 'classifier.1.bias' is (5,) where the network has "
        "(6,). Open the network that they belong to, with the same number of classes."
    )


def test_weights_of_another_network_are_refused(saved):
    path, _ = saved
    with pytest.raises(Mismatch, match=r"'features\.5\.squeeze\.weight' is missing"):
        open_model("torchvision:squeezenet1_0", weights=str(path), classes=5)


def test_a_weight_file_cut_short_is_refused(saved, tmp_path):
    short = tmp_path / "short.pth"
    short.write_bytes(saved[0].read_bytes()[:-1000])
    with pytest.raises(Damaged, match="is not a complete state dict of tensors"):
        open_model("torchvision:squeezenet1_1", weights=str(short), classes=5)


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(Damaged) as error:
        open_model("torchvision:squeezenet1_1", weights=str(tmp_path / "list.pth"))
    assert str(error.value) == (
        f"{tmp_path / 'list.pth'}: this file must contain a state dict of tensors, got list. "
        "Write it with torch.save(net.state_dict(), ...)."
    )


def small():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
        self.b.weight = self.a.weight


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.module, self.head = nn.Linear(3, 3), nn.Linear(3, 2)


def without(state, ending):
    return {name: value for name, value in state.items() if not name.endswith(ending)}


def renamed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize(
    ("net", "change"),
    [
        (small, lambda state: without(state, "num_batches_tracked")),
        (small, lambda state: renamed(state, "module.")),
        (small, lambda state: renamed(state, "_orig_mod.")),
        (small, lambda state: renamed(state, "module._orig_mod.")),
        (Tied, lambda state: without(state, "b.weight")),
        (Inner, dict),
        (Inner, lambda state: renamed(state, "module.")),
    ],
)
def test_files_that_torch_loads_are_read(tmp_path, net, change):
    saved, fresh = net(), net()
    torch.save(change(saved.state_dict()), tmp_path / "net.pth")
    load_state_file(fresh, tmp_path / "net.pth")
    for name, value in saved.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name


def test_no_advice_to_run_the_code_is_passed_on(tmp_path):
    path = tmp_path / "bomb.pth"
    torch.save({"conv": Bomb(str(tmp_path / "ran"))}, path)
    with pytest.raises(Damaged) as error:
        load_state_file(small(), path)
    assert str(error.value) == (
        f"{path}: this file is not a complete state dict of tensors (it contains Python objects "
        "other than tensors, and loading those can run code). Write it with "
        "torch.save(net.state_dict(), ...), or copy it again from its source."
    )
