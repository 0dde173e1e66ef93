"""The loop: any step can be the last; several processes are one; it costs next to nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from repviz.errors import InputError, Mismatch, StoreError, UnknownName
from repviz.images import open_images
from repviz.locking import locked_file
from repviz.models import open_model
from repviz.models.checkpoints import read_card
from repviz.models.model import weights_hash
from repviz.training import RECIPES, Settings, loop, train
from repviz.training.batches import BatchStream
from repviz.training.machine import Machine
from repviz.training.schedules import CosineSchedule, PlateauSchedule

pytestmark = pytest.mark.usefixtures("one_thread")

NETS = """
from torch import nn
def small(classes):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(200, classes)
    )
def plain(classes):
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1568, classes))
"""
SETTINGS = Settings(
    epochs=3,
    batch=16,
    learning_rate=1e-3,
    augment={"rotation": 10, "crop": 0.125, "flip": 0.5, "noise": 5},
    save_every=0.0,
)
# What a process of its own runs: train, and write down the table and the weights' hash.
SCRIPT = """
import json, sys, time
sys.path.insert(0, {folder!r})
import torch
torch.set_num_threads(1)
from repviz.images import open_images
from repviz.models import open_model
from repviz.models.model import weights_hash
from repviz.training import Settings, loop, train
from repviz.training.machine import Machine
images = open_images("digits", limit=120, size=16)
model = open_model("small_nets:{net}", classes=10, size=16, channels=1)
step = loop._Run._step
def slow(*given):
    time.sleep({pause})
    step(*given)
    print("step", flush=True)
loop._Run._step = slow
made = train(model, images, out={out!r}, recipe=Settings(**{settings!r}))
machine = Machine()
if machine.process == 0:
    made.table.to_json({out!r} + ".json", orient="records")
print("hash", weights_hash(made.model.module), flush=True)
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    (tmp_path / "small_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("small_nets", None)


def small(net="small"):
    return open_model(f"small_nets:{net}", classes=10, size=16, channels=1)


def script(folder: Path, out: Path, net: str = "small", pause: float = 0.0, **settings) -> Path:
    path = folder / "run.py"
    text = SCRIPT.format(folder=str(folder), net=net, out=str(out), pause=pause, settings=settings)
    path.write_text(text)
    return path


def settings_of(settings: Settings) -> dict:
    return settings.decisions | {"save_every": settings.save_every}


class KilledAfterSteps(loop._Run):
    """A training that ends as if the process had, after so many steps."""

    left = 0

    def _step(self, *given):
        if not KilledAfterSteps.left:
            raise MemoryError
        KilledAfterSteps.left -= 1
        super()._step(*given)


@pytest.mark.slow
def test_killed_at_any_step_and_resumed_it_is_the_unbroken_training(nets, tmp_path, monkeypatch):
    images = open_images("digits", limit=60, size=16)
    settings = replace(SETTINGS, epochs=2)
    whole = train(small(), images, recipe=settings)
    monkeypatch.setattr(loop, "_Run", KilledAfterSteps)
    steps = 2 * -(-42 // 16)
    for kill in range(1, steps - 1):
        out = tmp_path / f"{kill}.safetensors"
        for KilledAfterSteps.left in (kill, 1):  # and once more, one step later
            with pytest.raises(MemoryError):
                train(small(), images, out=out, recipe=settings)
        KilledAfterSteps.left = steps
        made = train(small(), images, out=out, recipe=settings)
        assert steps - KilledAfterSteps.left == steps - kill - 1
        assert weights_hash(made.model.module) == weights_hash(whole.model.module)
        pd.testing.assert_frame_equal(made.table, whole.table)


@pytest.mark.slow
def test_kill_9_loses_nothing(nets, tmp_path):
    images = open_images("digits", limit=120, size=16)
    whole = train(small(), images, recipe=SETTINGS)
    out = tmp_path / "net.safetensors"
    path = script(nets, out, pause=0.05, **settings_of(SETTINGS))
    process = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
    for _ in range(7):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not read_card(out)["training"]["finished"]
    made = train(small(), images, out=out, recipe=SETTINGS)
    assert weights_hash(made.model.module) == weights_hash(whole.model.module)
    assert read_card(out)["training"]["finished"]
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_ends(nets, tmp_path, by):
    settings = replace(SETTINGS, save_every=1e9)
    out = tmp_path / "net.safetensors"
    path = script(nets, out, pause=0.05, **settings_of(settings))
    process = subprocess.Popen(
        [sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(4):
        process.stdout.readline()
    process.send_signal(by)
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert f"Stopped: stopped by {by.name}" in err
    assert read_card(out)["training"]["state"]["step"] >= 4


@pytest.mark.slow
def test_two_processes_are_one(nets, tmp_path):
    images = open_images("digits", limit=120, size=16)
    settings = replace(SETTINGS, batch=17, epochs=2)  # 84 images: 5 steps an epoch, uneven parts
    one = train(small("plain"), images, recipe=settings)
    out = tmp_path / "net.safetensors"
    path = script(nets, out, net="plain", **settings_of(settings))
    run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", str(path)]
    env = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_PORT": "29541"}
    done = subprocess.run(run, capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    hashes = re.findall(r"[0-9a-f]{64}", done.stdout)  # both may write on one line
    assert len(set(hashes)) == 1
    assert len(hashes) == 2
    two = pd.DataFrame(json.loads((tmp_path / "net.safetensors.json").read_text()))
    np.testing.assert_allclose(two["train_loss"], one.table["train_loss"], rtol=1e-4)
    for column in ("train_accuracy", "running_train_accuracy", "held_out_accuracy", "n_held_out"):
        np.testing.assert_allclose(two[column], one.table[column], rtol=1e-6)


def test_the_share_of_a_process_leaves_nothing_out_and_counts_nothing_twice(monkeypatch):
    for n in range(9):
        for processes in range(1, 5):
            found = []
            monkeypatch.setattr(Machine, "processes", processes)
            for process in range(processes):
                monkeypatch.setattr(Machine, "process", process)
                found += list(range(n))[Machine().share(n)]
            assert found == list(range(n))


@pytest.mark.slow
def test_a_finished_training_is_read_and_not_repeated(nets, tmp_path, monkeypatch):
    images = open_images("digits", limit=60, size=16)
    out = tmp_path / "net.safetensors"
    first = train(small(), images, out=out, recipe=SETTINGS)
    before = out.stat().st_mtime_ns
    monkeypatch.setattr(loop._Run, "_step", None)
    again = train(small(), images, out=out, recipe=SETTINGS)
    assert weights_hash(again.model.module) == weights_hash(first.model.module)
    pd.testing.assert_frame_equal(again.table, first.table)
    assert out.stat().st_mtime_ns == before
    curves = pd.read_csv(out.with_suffix(".csv"))
    np.testing.assert_allclose(curves["train_loss"], first.table["train_loss"])


def test_the_rate_falls_when_validation_accuracy_stops_rising():
    schedule = PlateauSchedule(epochs=90, steps=4, metric="v", patience=2, drops=1)
    rows = [{"v": value} for value in (0.1, 0.3, 0.2, 0.3, 0.4, 0.4, 0.3, 0.5)]
    factors = [schedule.factor(0, rows[:epochs]) for epochs in range(len(rows) + 1)]
    assert factors == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.0, 0.0])


def test_the_paper_s_recipe_chooses_on_images_of_its_own(nets):
    images = open_images("digits", limit=120, size=16)
    settings = replace(RECIPES["paper"].settings, epochs=2, batch=16, precision="fp32")
    table = train(small(), images, recipe=settings).table
    assert table["n_validation"].iloc[0] + table["n_train"].iloc[0] == 84
    assert table["n_held_out"].iloc[0] == 36
    assert table["learning_rate"].tolist() == [0.01, 0.01]


@pytest.mark.slow
def test_the_loss_of_an_epoch_is_the_mean_over_its_images():
    net = nn.Linear(1, 1, bias=False)
    nn.init.ones_(net.weight)
    x = torch.arange(10.0)[:, None]

    def make(rows, part, random):
        return x[rows[part]], torch.zeros(len(rows[part]), 1)

    seen = []
    loop.run(
        net,
        BatchStream(10, 4, 0, make, "test"),
        loss=nn.functional.mse_loss,
        score=lambda output, target: torch.tensor(len(output)),
        optimizer=torch.optim.SGD(net.parameters(), lr=1e-12),
        schedule=CosineSchedule(1, 3),
        after_epoch=lambda epoch: seen.append(epoch) or {},
    )
    assert seen[0].loss == pytest.approx(sum(i * i for i in range(10)) / 10)
    assert seen[0].score == 1


def test_what_lies_at_the_checkpoint_or_its_curves_is_not_replaced(nets, tmp_path):
    images = open_images("digits", limit=60, size=16)
    settings = replace(SETTINGS, epochs=1)
    faces, curves = tmp_path / "faces.safetensors", tmp_path / "faces.csv"
    curves.write_text("mine")
    with pytest.raises(StoreError) as error:
        train(small(), images, out=faces, recipe=settings)
    assert str(error.value) == (
        f"{curves}: this file already exists and would be overwritten. Choose another name, or "
        "allow it: overwrite=True (--overwrite)."
    )
    assert curves.read_text() == "mine"
    faces.write_text("mine")
    autoencoder = open_model("autoencoder", size=16, bottleneck=2, width=3)
    for model in (small(), autoencoder):
        with pytest.raises(StoreError) as error:
            train(model, images, out=faces, epochs=1)
        assert str(error.value) == (
            f"{faces}: this file already exists and would be overwritten. Choose another name, or "
            "allow it: overwrite=True (--overwrite)."
        )
    assert faces.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob("*faces*")) == [
        "faces.csv",
        "faces.safetensors",
    ]


def test_one_process_at_a_time_trains_into_a_file(nets, tmp_path):
    images = open_images("digits", limit=60, size=16)
    out = tmp_path / "net.safetensors"
    abandoned = tmp_path / ".net.safetensors.999999999.repviz.tmp"
    with locked_file(out):
        with pytest.raises(StoreError) as error:
            train(small(), images, out=out, recipe=SETTINGS)
        assert str(error.value) == (
            f"{out}: only one process at a time may write to this file, and another one is "
            "writing to it. Wait until it ends, or choose another file."
        )
    abandoned.touch()
    train(small(), images, out=out, recipe=replace(SETTINGS, epochs=1))
    assert not list(tmp_path.glob(".*"))


def digits():
    return open_images("digits", limit=60, size=16)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda: train(small(), digits(), recipe="pixels"),
            InputError,
            "train: the recipe must be for the model's task (labels), got 'pixels'. Use labels, "
            "paper, code2012.",
            id="recipe of another task",
        ),
        pytest.param(
            lambda: replace(SETTINGS, schedule="slow"),
            UnknownName,
            "train: no schedule is called 'slow'. Known: cosine, plateau, steps.",
            id="unknown schedule",
        ),
        pytest.param(
            lambda: Machine("int8"),
            UnknownName,
            "train: no precision is called 'int8'. Known: fp32, tf32, bf16, auto.",
            id="unknown precision",
        ),
    ],
)
def test_messages(nets, call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence


def test_numbers_of_numpy_are_those_of_python_in_a_checkpoint(nets, tmp_path):
    recipe = replace(SETTINGS, learning_rate=np.float32(0.125), batch=np.int64(16))
    train(small(), digits(), out=tmp_path / "net.safetensors", epochs=np.int64(1), recipe=recipe)
    card = read_card(tmp_path / "net.safetensors")["recipe"]
    assert (card["learning_rate"], card["batch"], card["epochs"]) == (0.125, 16, 1)


@pytest.mark.slow
def test_a_file_of_another_training_is_refused(nets, tmp_path):
    out = tmp_path / "net.safetensors"
    train(small(), digits(), out=out, recipe=SETTINGS)
    with pytest.raises(Mismatch) as caught:
        train(small(), digits(), out=out, epochs=4, recipe=SETTINGS)
    assert str(caught.value) == (
        f"{out}: this checkpoint belongs to another training run: epochs was 3 and is now 4. "
        "Choose another file, or allow this one to be replaced: overwrite=True (--overwrite)."
    )


@pytest.mark.slow
def test_overwriting_replaces_another_training_and_resumes_this_one(nets, tmp_path, monkeypatch):
    out = tmp_path / "net.safetensors"
    out.write_text("mine")
    first = train(small(), digits(), out=out, recipe=SETTINGS, overwrite=True)
    assert read_card(out)["training"]["finished"]
    train(small(), digits(), out=out, epochs=4, recipe=SETTINGS, overwrite=True)
    assert len(pd.read_csv(out.with_suffix(".csv"))) == 4
    train(small(), digits(), out=out, recipe=SETTINGS, overwrite=True)
    monkeypatch.setattr(loop._Run, "_step", None)
    again = train(small(), digits(), out=out, recipe=SETTINGS, overwrite=True)
    assert weights_hash(again.model.module) == weights_hash(first.model.module)


def test_a_loss_that_is_not_finite_stops_the_training(nets):
    with pytest.raises(InputError) as caught:
        train(small(), digits(), recipe=replace(SETTINGS, learning_rate=900.0))
    assert re.fullmatch(
        r"train: the loss must stay finite, got (nan|inf) by step \d+\. Lower the learning rate, "
        r"or check the images\.",
        str(caught.value),
    )
