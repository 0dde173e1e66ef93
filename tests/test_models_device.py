"""Where networks run: which devices there are, weights that move and come back, what files say."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

import repviz
from repviz import cli, durable, progress, provenance
from repviz.activations import extraction, filling, layout
from repviz.activations.integrity import verify
from repviz.errors import InputError, Unavailable
from repviz.images import images_from
from repviz.manifold.neighbors import neighbors
from repviz.models import device
from repviz.models.model import Model, Preprocessing
from repviz.studies import study

without_gpu = pytest.mark.skipif(device.has_accelerator(), reason="there is a GPU here")
WHO = "on_device: device must be one that torch finds on this machine (cpu), or auto, got "
HINT = ". A GPU needs its driver, and torch's build for it."


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return images_from(rng.integers(0, 256, (96, 1, 8, 8), dtype=np.uint8))


@pytest.fixture
def model():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
    return Model("small", module, Preprocessing((8, 8), 1, (0.5,), (0.5,)), ("0", "3"), "", {})


@pytest.fixture
def two_gpus(monkeypatch):
    """torch says that there are two GPUs; nothing computes on them."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction, "SHARD_BYTES", 4 * 144 * 32)  # 32 rows: three shards


class Moved(nn.Linear):
    """A layer that records where it is sent, and stays."""

    def __init__(self):
        super().__init__(2, 2)
        self.moves = []

    def to(self, where):
        self.moves.append(str(where))
        return self


def test_auto_is_the_gpu_where_there_is_one(two_gpus):
    found = {name: str(device.find_device("x", name)) for name in ("auto", "cpu", "cuda:1")}
    assert found == {"auto": "cuda", "cpu": "cpu", "cuda:1": "cuda:1"}


@without_gpu
def test_auto_is_the_processor_without_a_gpu():
    assert device.find_device("x", "auto") == torch.device("cpu")


def test_weights_are_moved_and_come_back(two_gpus, monkeypatch):
    monkeypatch.setattr(device, "describe", str)  # no card is asked for its name
    module = Moved()
    with device.on_device("cpu"), device.placed("x", module):
        pass
    with device.placed("x", module):
        pass
    assert module.moves == []
    with device.on_device("cuda:1"), pytest.raises(KeyError), device.placed("x", module):
        raise KeyError
    assert module.moves == ["cuda:1", "cpu"]
    with device.placed("x", module, default="auto"):
        assert module.moves[2:] == ["cuda"]


def test_what_a_network_rounds_on_a_gpu_is_restored(two_gpus):
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    with device.placed("x", Moved(), default="auto"):
        assert not torch.backends.cudnn.allow_tf32
    assert before == (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision())


def test_the_bytes_on_the_processor_are_those_without_a_choice(model, images, tmp_path):
    extraction.extract(model, images, tmp_path / "plain")
    with repviz.on_device("cpu"):
        acts = extraction.extract(model, images, tmp_path / "chosen")
    assert acts.manifest["device"] == "cpu"
    for file in layout.written_files(tmp_path / "plain"):
        other = tmp_path / "chosen" / file.relative_to(tmp_path / "plain")
        assert file.read_bytes() == other.read_bytes()


def test_a_store_that_names_no_device_continues(model, images, tmp_path, small_shards):
    extraction.extract(model, images, tmp_path / "a", part=(0, 2))
    manifest = layout.read_manifest(tmp_path / "a")
    key = manifest["key"]
    del manifest["device"]
    durable.write_record(tmp_path / "a" / "manifest.json", manifest)
    acts = extraction.extract(model, images, tmp_path / "a", part=(1, 2))
    assert acts.finished
    assert acts.manifest["key"] == key
    assert verify(tmp_path / "a").ok


def test_shards_of_another_device_say_so(model, images, tmp_path, small_shards, monkeypatch):
    path, said, appended = tmp_path / "a", [], []

    class Listener:
        say = staticmethod(said.append)
        task = staticmethod(progress.SILENT.task)

    def interrupt(event):
        appended.append(event == progress.Event("shard", "1", "appended"))
        if sum(appended) > 2:  # the second batch of two layers
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.observed_by(interrupt):
        extraction.extract(model, images, path, batch=16)
    assert (path / "unfinished" / "000001" / "saved.json").is_file()
    for module in (extraction, filling):
        monkeypatch.setattr(module, "describe", lambda device: "cuda (a card)")
    with progress.shown_by(Listener):
        acts = extraction.extract(model, images, path, batch=16)
    assert acts.finished
    assert acts.manifest["device"] == "cpu"
    named = [layout.read_commit(path, number).get("device") for number in range(3)]
    assert named == [None, "cuda (a card)", "cuda (a card)"]
    assert f"{path}: begun on cpu, continued on cuda (a card), which rounds otherwise." in said
    assert verify(path).ok
    assert np.isfinite(np.asarray(acts["3"])).all()


def test_a_study_records_where_its_networks_run(tmp_path):
    assert "device" not in provenance.machine()
    with repviz.on_device("cpu"):
        assert provenance.machine()["device"] == "cpu"
        made = study("featuremaps", "drawn-faces:2", out=tmp_path / "s", layers="conv1", channels=1)
    assert made.manifest["machine"]["device"] == "cpu"


@without_gpu
@pytest.mark.parametrize("name", ["cuda", "cuda:1", "abacus", 3, None, ("cpu",)])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(InputError) as error, repviz.on_device(name):
        pass
    assert str(error.value) == f"{WHO}{name!r}{HINT}"


@without_gpu
@pytest.mark.parametrize(
    "words",
    [["extract", "alexnet"], ["study", "layers"], ["study", "faces"], ["featuremaps", "alexnet"]],
)
def test_the_command_line_refuses_it_before_anything_is_written(
    words, monkeypatch, capsys, tmp_path
):
    source = ["--image", "a.png"] if words[0] == "featuremaps" else ["--images", "drawn-faces:4"]
    where = [*source, "--out", str(tmp_path / "a"), "--device", "cuda"]
    monkeypatch.setattr(sys, "argv", ["repviz", *words, *where])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"repviz: {WHO}'cuda'{HINT}\n"
    assert list(tmp_path.iterdir()) == []


def test_devices_that_are_there_are_listed(two_gpus):
    with pytest.raises(InputError) as error:
        neighbors(np.ones((5, 2)), k=1, device="cuda:2")
    assert str(error.value) == (
        "neighbors: device must be one that torch finds on this machine (cpu, cuda, cuda:0, "
        f"cuda:1), or auto, got 'cuda:2'{HINT}"
    )


def test_memory_that_is_full_is_one_sentence(two_gpus):
    with pytest.raises(Unavailable) as error, device.placed("extract", Moved(), default="auto"):
        raise torch.OutOfMemoryError
    assert str(error.value) == (
        "extract: the memory of cuda must hold the network and a batch, and it is full. Use a "
        "smaller batch (--batch), or the processor (--device cpu)."
    )
