"""Several jobs fill one folder: the same bytes as one process, whatever the order and the kills."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from repviz import durable, progress
from repviz.activations import extraction, parts
from repviz.activations.extraction import extract
from repviz.activations.integrity import verify
from repviz.activations.store import open_activations
from repviz.errors import Damaged, InputError, Mismatch, StoreError
from repviz.images import images_from
from repviz.models.model import Model, Preprocessing

N = 640


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return images_from(rng.integers(0, 256, (N, 1, 8, 8), dtype=np.uint8))


@pytest.fixture
def model():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
    return Model("small", module, Preprocessing((8, 8), 1, (0.5,), (0.5,)), ("0", "3"), "", {})


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction, "SHARD_BYTES", 4 * 144 * 64)  # 64 rows: ten shards


def bytes_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (2, 0, 1), (0, 0, 1), (11, *range(11))])
def test_parts_in_any_order_give_the_bytes_of_one_process(model, images, tmp_path, order):
    extract(model, images, tmp_path / "one")
    size = max(order) + 1
    for rank in order:
        acts = extract(model, images, tmp_path / "parts", part=(rank, size))
        assert acts.finished == (tmp_path / "parts" / "rows.parquet").is_file()
    assert acts.finished
    assert bytes_of(tmp_path / "parts") == bytes_of(tmp_path / "one")
    assert verify(tmp_path / "parts").ok


def test_components_are_fitted_once_on_all_images(model, images, tmp_path):
    extract(model, images, tmp_path / "one", reduce="pca:3")
    for rank in (1, 0):
        extract(model, images, tmp_path / "parts", reduce="pca:3", part=(rank, 2))
    assert bytes_of(tmp_path / "parts") == bytes_of(tmp_path / "one")


def test_an_interrupted_part_goes_on_and_another_number_of_processes_ends_it(
    model, images, tmp_path
):
    extract(model, images, tmp_path / "one")

    def interrupt(event):
        if event == progress.Event("shard", "5", "written"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.observed_by(interrupt):
        extract(model, images, tmp_path / "parts", part=(1, 2))
    extract(model, images, tmp_path / "parts", part=(0, 2))
    states = []
    with progress.observed_by(states.append):
        extract(model, images, tmp_path / "parts")  # one process, for what is missing
    finished = [int(event.name) for event in states if event.state == "finished"]
    assert finished == [5, 7, 9]
    assert bytes_of(tmp_path / "parts") == bytes_of(tmp_path / "one")


def test_opening_says_whose_shards_are_missing(model, images, tmp_path):
    path = tmp_path / "parts"
    for rank in (0, 2):
        acts = extract(model, images, path, part=(rank, 4))
    with pytest.raises(Damaged) as error:
        open_activations(path)
    with pytest.raises(Damaged) as same:
        _ = acts.rows
    assert str(error.value) == str(same.value)
    assert str(error.value) == (
        f"{path}: the extraction must be finished, got 5 of 10 shards: those of rank 1, 3 of 4 are "
        "missing. Run it again with the same parameters to continue."
    )


def test_a_part_that_ended_while_another_worker_looked_is_left_alone(
    model, images, tmp_path, monkeypatch
):
    """Between its look at the shards and its claim of the part another one computes them all."""
    path, finished = tmp_path / "parts", []
    extract(model, images, tmp_path / "one")

    def claim_late(*arguments):
        monkeypatch.setattr(extraction, "claimed", parts.claimed)
        assert extract(model, images, path, part=(0, 1)).finished
        before.update(bytes_of(path))
        return parts.claimed(*arguments)

    before = {}
    monkeypatch.setattr(extraction, "claimed", claim_late)
    with progress.observed_by(lambda event: finished.append(event.state == "finished")):
        assert extract(model, images, path, part=(0, 1)).finished
    assert sum(finished) == 10  # each shard once
    assert bytes_of(path) == before == bytes_of(tmp_path / "one")


def test_another_number_of_parts_is_refused(model, images, tmp_path):
    path = tmp_path / "parts"
    extract(model, images, path, part=(0, 2))
    with pytest.raises(Mismatch) as error:
        extract(model, images, path, part=(0, 3))
    record = path / "unfinished" / "parts.json"
    assert str(error.value) == (
        f"{path}: this extraction is divided into 2 parts, got 3. Give --of 2; to divide it anew, "
        f"end all its jobs and delete {record}."
    )


def test_one_part_is_computed_by_one_process(model, images, tmp_path):
    path = tmp_path / "parts"
    extract(model, images, path, part=(1, 2))
    with parts.claimed(path, parts.Part(0, 2)), pytest.raises(StoreError, match="only one process"):
        extract(model, images, path, part=(0, 2))


def test_one_process_and_parts_exclude_each_other(model, images, tmp_path):
    with durable.locked(tmp_path / "a"), pytest.raises(StoreError, match="only one process"):
        extract(model, images, tmp_path / "a", part=(0, 2))
    with durable.locked(tmp_path / "b", shared=True):
        with pytest.raises(StoreError, match="only one process"):
            extract(model, images, tmp_path / "b")
        extract(model, images, tmp_path / "b", part=(0, 2))


def test_a_file_system_without_locks_of_folders_says_so(model, images, tmp_path, monkeypatch):
    lock = fcntl.flock

    def flock(handle, how):
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EBADF, "Bad file descriptor")
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    said = []

    class Lines:
        task = progress.SILENT.task
        say = staticmethod(said.append)

    with progress.shown_by(Lines()):
        extract(model, images, tmp_path / "a", part=(0, 1))
    assert said == [
        f"{tmp_path / 'a'}: this file system cannot lock folders, so make sure that no other "
        "process writes to it."
    ]


@pytest.mark.parametrize(
    ("variables", "part"),
    [
        ({"RANK": "2", "WORLD_SIZE": "4"}, (2, 4)),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}, (3, 8)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "5",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_MAX": "7",
                "SLURM_ARRAY_TASK_STEP": "2",
            },
            (2, 4),
        ),
    ],
)
def test_the_environment_of_a_launcher_names_the_part(monkeypatch, variables, part):
    for name in (*parts.RANKS, *parts.SLURM):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert parts.get_part("auto") == parts.Part(*part)
    assert parts.get_part(None) is None  # never unasked


@pytest.mark.parametrize(
    ("part", "variables", "sentence"),
    [
        (
            (2, 2),
            {},
            "extract: the rank must be a whole number from 0 to 1, got 2.",
        ),
        (
            3,
            {},
            "extract: part must be a rank and the number of parts, or 'auto', got 3. For example: "
            "part=(0, 4) (--rank 0 --of 4).",
        ),
        (
            "auto",
            {},
            "extract: with 'auto', either RANK and WORLD_SIZE or SLURM_ARRAY_TASK_ID and "
            "SLURM_ARRAY_TASK_COUNT must be in the environment, got none of them. Give the part: "
            "--rank 0 --of 4.",
        ),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "5",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_ARRAY_TASK_MIN": "1",
                "SLURM_ARRAY_TASK_MAX": "9",
            },
            "extract: the environment must number the parts evenly, got SLURM_ARRAY_TASK_ID=5, "
            "SLURM_ARRAY_TASK_COUNT=3. Give the part: --rank 0 --of 4.",
        ),
    ],
)
def test_messages(monkeypatch, part, variables, sentence):
    for name in (*parts.RANKS, *parts.SLURM):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError) as error:
        parts.get_part(part)
    assert str(error.value) == sentence


SCRIPT = textwrap.dedent("""
    import os, signal, sys
    import numpy as np, torch
    from torch import nn
    from repviz import progress
    from repviz.activations import extraction
    from repviz.images import images_from
    from repviz.models.model import Model, Preprocessing
    out, rank, at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    extraction.SHARD_BYTES = 4 * 144 * 64
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)).eval()
    model = Model("small", module, Preprocessing((8, 8), 1, (0.5,), (0.5,)), ("0", "3"), "", {})
    pixels = np.random.default_rng(0).integers(0, 256, (640, 1, 8, 8), dtype=np.uint8)
    def kill(event):
        global at
        at -= event.state == "appended"
        if at == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    with progress.observed_by(kill):
        part = None if rank < 0 else (rank, 2)
        extraction.extract(model, images_from(pixels), out, part=part)
""")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_two_jobs_at_once_one_of_them_killed(tmp_path):
    def start(out, rank, at=1000):
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(tmp_path / out), str(rank), str(at)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    one = start("one", -1)
    jobs = [start("two", 0), start("two", 1, at=7)]
    assert [job.wait() for job in (one, *jobs)] == [0, 0, -signal.SIGKILL]
    assert start("two", 1).wait() == 0  # the same command again
    assert bytes_of(tmp_path / "two") == bytes_of(tmp_path / "one")
    assert verify(tmp_path / "two").ok
