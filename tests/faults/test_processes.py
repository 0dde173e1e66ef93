"""Commands that are stopped, doubled, robbed of a worker or of their files while they run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import repviz
from repviz import cli, memory, remote
from repviz.activations import writer
from repviz.cores import usable_cores
from repviz.errors import Damaged
from repviz.study_folder import open_study

pytestmark = pytest.mark.slow

STOPPED = "repviz: stopped. Finished work is kept; run the same command again to continue."
MODEL = "autoencoder --size 16 --grey"
COMMANDS = {
    "extract": f"extract {MODEL} --images drawn-faces:400 --batch 2 --out {{out}}",
    "train": "train autoencoder --bottleneck 2 --images digits --limit 300 "
    "--epochs 60 --out {out}/net.safetensors",
    "sweep": "sweep digits --limit 60 --size 16 --engines pca,linear-start --bottlenecks 2,3,4 "
    "--effort 0.05 --out {out}",
    "study": "report {store} --out {out}",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "acts"
    images = repviz.open_images("digits", limit=60)
    repviz.import_matrix(images.matrix(), folder, labels=images.labels)
    return folder


@pytest.fixture
def run(monkeypatch, capsys):
    """A command line in this process: its exit code, and what it says of errors."""

    def run(words: list[str]) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["repviz", "--quiet", *words])
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        with pytest.raises(SystemExit) as end:
            cli.main()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return end.value.code or 0, capsys.readouterr().err

    return run


def begun(
    words: list[str], is_under_way: Callable[[int], bool], threads: int = 1
) -> subprocess.Popen:
    """A command in a process of its own, halted once it is under way, by the process's id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "repviz", "--quiet", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )
    while not is_under_way(process.pid):
        if process.poll() is not None:
            pytest.fail(f"ended with {process.returncode} at once: {process.stderr.read()}")
        time.sleep(0.002)
    process.send_signal(signal.SIGSTOP)
    return process


def is_written(out: Path) -> bool:
    """Whether a folder of activations, a study or a checkpoint is being written in ``out``."""
    names = ("manifest.json", ".net.safetensors.repviz.lock")
    return any((out / name).is_file() for name in names)


def workers(process: int) -> list[int]:
    """The ids of the processes in which a process computes parts."""
    pids = Path(f"/proc/{process}/task/{process}/children")
    children = [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
    named = [(pid, Path(f"/proc/{pid}/cmdline")) for pid in children]
    return [pid for pid, line in named if line.exists() and b"LokyProcess" in line.read_bytes()]


def abandoned(out: Path) -> list[str]:
    return [path.name for path in out.rglob(".*") if ".repviz." in path.name]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_second_writer_is_refused_and_sigterm_leaves_what_goes_on(
    name, store, tmp_path, run, record_property
):
    out = tmp_path / "out"
    words = COMMANDS[name].format(out=out, store=store).split()
    process = begun(words, lambda _: is_written(out))
    code, said = run(words)
    assert code == 2
    assert said.count("\n") == 1
    assert "only one process at a time may write to this" in said
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.splitlines()[-1] == STOPPED
    assert "Traceback" not in said
    assert abandoned(out) == []
    assert run(words)[0] == 0
    assert repviz.verify(out / "net.safetensors" if name == "train" else out) > 0
    assert abandoned(out) == []
    record_property("faults", 2)


def test_a_worker_that_is_killed_ends_the_sweep_in_one_sentence(
    tmp_path, run, record_property, monkeypatch
):
    if usable_cores() < 2 or memory.free_bytes() < 4 * remote.WORKER_BYTES:
        pytest.skip("fits run one after the other here")
    words = f"sweep digits --limit 60 --size 16 --engines conv --bottlenecks 2,3 --out {tmp_path}"
    process = begun(words.split(), lambda process: bool(workers(process)), threads=2)
    process.send_signal(signal.SIGCONT)
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2, said
    assert said == (
        "repviz: processes: every worker process must run to its end, got one that was "
        "killed (out of memory?). Run the same command again: what is finished is kept. With "
        "OMP_NUM_THREADS=1 set, one part runs at a time.\n"
    )
    record_property("faults", 1)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (300, 16, 16), np.uint8)
    for number, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{number:03d}.png")
    return folder


def test_images_that_go_away_or_change_in_mid_run_are_named(
    pictures, tmp_path, run, record_property
):
    out = tmp_path / "out"
    words = f"extract {MODEL} --images folder:{pictures} --batch 2 --out {out}".split()
    process = begun(words, lambda _: is_written(out))
    (pictures / "298.png").unlink()
    (pictures / "299.png").write_bytes((pictures / "000.png").read_bytes())
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "298.png" in said
    assert said.count("\n") == 1
    rows = repviz.open_activations(out).rows
    assert rows.loc[rows["status"] != "ok", "id"].tolist() == ["298.png"]
    assert rows["content_hash"].iloc[-1] == rows["content_hash"].iloc[0]
    assert repviz.verify(out) > 0
    record_property("faults", 2)


def test_a_table_that_changes_in_mid_run_is_named(tmp_path, run, record_property):
    words = COMMANDS["sweep"].format(out=tmp_path).split()

    def has_a_table(_: int) -> bool:
        table = tmp_path / "results" / "images.csv"
        return table.is_file() and bool(open_study(tmp_path).manifest["stages"])

    process = begun(words, has_a_table)
    table = tmp_path / "results" / "images.csv"
    table.write_text(table.read_text().replace("0", "1", 1))
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=300)
    assert process.returncode in (0, 2), said
    with pytest.raises(Damaged, match=r"images\.csv: this file of the finished stage 'images' was"):
        repviz.verify(tmp_path)
    code, said = run(words)
    assert code == 2
    assert "images.csv: this file of the finished stage 'images' was changed" in said
    record_property("faults", 1)


@pytest.mark.parametrize("left", ["commits", "layers", "unfinished"])
def test_what_a_removal_that_was_killed_left_is_removed(left, store, tmp_path, record_property):
    acts = tmp_path / "acts"
    shutil.copytree(store, acts)
    shutil.rmtree(acts / left, ignore_errors=True)
    (acts / left).mkdir()  # its files are gone, and it is not
    writer.remove(acts)
    assert not acts.exists()
    record_property("faults", 1)


def test_a_file_of_the_users_outlives_the_removal(store, tmp_path):
    acts = tmp_path / "acts"
    shutil.copytree(store, acts)
    (acts / "commits" / "notes.txt").write_text("mine")
    (acts / "mine").mkdir()
    writer.remove(acts)
    assert sorted(path.name for path in acts.rglob("*")) == ["commits", "mine", "notes.txt"]
