"""A full or read-only disk: one sentence, exit 2, nothing lost; then the same command goes on.

Each command writes to a small file system with so much room left. Left out where this process may
not mount one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from noisy_patterns import noisy_patterns

import repviz
from repviz import cli
from repviz.models.checkpoints import save_checkpoint

KIB = 1 << 10
SOURCE = "--images array:{work}/images.npz"
CLASSIFIER = """
from torch import nn
def net(classes):
    layers = nn.AvgPool2d(4), nn.Flatten(), nn.Linear(3 * 56 * 56, 64), nn.Linear(64, classes)
    return nn.Sequential(*layers)
"""
SWEEP = f"sweep {SOURCE} --size 16 --effort 0.05 --engines linear-start --bottlenecks 2"
# A command, and the KiB of room with which it is tried before it gets all that it needs.
COMMANDS = {
    "store": (
        f"extract autoencoder --weights {{work}}/model.safetensors {SOURCE} --out {{disk}}/store",
        (0, 8, 64, 400),
    ),
    "cache": (
        f"extract autoencoder --weights {{work}}/model.safetensors {SOURCE} --size 64 --grey "
        "--cache --out {work}/of",
        (0, 8, 64),
    ),
    "import": ("import {work}/matrix.npy --out {disk}/store", (0, 8, 64, 300)),
    "checkpoint": (
        f"train autoencoder --bottleneck 2 --epochs 1 {SOURCE} --out {{disk}}/a.safetensors",
        (0, 8, 64),
    ),
    "resumed checkpoint": (
        f"train full_disk_nets:net --epochs 1 --batch 8 {SOURCE} --out {{disk}}/b.safetensors",
        (0, 8, 64, 3400),
    ),
    "report": ("report {work}/sweep --out {disk}/report.html", (0, 8, 100)),
    "encoder": ("encoder {work}/sweep --bottleneck 2 --out {disk}/e.safetensors", (0, 8)),
    "torchscript": (
        "encoder {work}/sweep --bottleneck 2 --format torchscript --out {disk}/e.pt",
        (0, 8),
    ),
    **{
        kind: (f"export {{work}}/store --format {kind} --out {{disk}}/x.{kind}", rooms)
        for kind, rooms in {
            "npy": (0, 8, 64),
            "parquet": (0, 8, 64),
            "projector": (0, 8, 200),
            "zarr": (0, 8, 64),
            "anndata": (0, 8, 64),
        }.items()
    },
    "figure": ("anatomy alexnet --figure {disk}/a.png", (0, 4, 16)),
    "sweep": (f"{SWEEP} --out {{disk}}/sweep", (0, 64, 300, 600)),
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    pixels, labels = noisy_patterns(4, 10, side=64)
    np.savez(work / "images.npz", images=pixels, labels=labels)
    np.save(work / "matrix.npy", np.random.default_rng(0).normal(size=(2000, 40)))
    (work / "full_disk_nets.py").write_text(CLASSIFIER)
    model = repviz.open_model("autoencoder", form="conv", size=16, bottleneck=2)
    save_checkpoint(model, work / "model.safetensors")
    images = repviz.open_images(f"array:{work}/images.npz")
    repviz.extract(model, images, layers=["encoder.0"], out=work / "store")
    repviz.sweep(images.at(size=16), out=work / "sweep", bottlenecks=2, engines="linear-start")
    return work


class Disk:
    """A file system of 32 MiB, filled up by a file of the user's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ballast = folder / "disk", folder / "disk" / "ballast"
        self.folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", self.folder]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("this process may not mount a file system")

    def leave(self, kib: int) -> None:
        """Fill the disk up to ``kib`` KiB."""
        self.ballast.unlink(missing_ok=True)
        with self.ballast.open("wb") as file:
            while free(self.folder) > kib * KIB:
                file.write(b"\1" * min(1 << 20, free(self.folder) - kib * KIB))
                file.flush()

    def writable(self, may: bool) -> None:
        """Mount the file system again, to be written or only read."""
        mode = "rw" if may else "ro"
        subprocess.run(["mount", "-o", f"remount,{mode}", self.folder], check=True)

    def files(self) -> dict[str, bytes]:
        """The contents of the other files."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and path != self.ballast]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}


def free(folder: Path) -> int:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path)
    yield disk
    subprocess.run(["umount", "--lazy", disk.folder], check=True)


@pytest.fixture
def run(monkeypatch, capsys, work, disk):
    monkeypatch.syspath_prepend(work)
    monkeypatch.setenv("REPVIZ_CACHE", str(disk.folder / "cache"))

    def run(line: str) -> tuple[int, str]:
        words = [word.format(work=work, disk=disk.folder) for word in line.split()]
        monkeypatch.setattr(sys, "argv", ["repviz", "--quiet", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code or 0, capsys.readouterr().err

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_costs_nothing(name, run, disk, record_property):
    line, rooms = COMMANDS[name]
    refused = 0
    for kib in rooms:
        disk.leave(kib)
        code, text = run(line)
        if code == 0:
            break
        refused += 1
        assert code == 2, (kib, text)
        last = text.strip().splitlines()[-1]
        assert last.startswith("repviz: "), (kib, text)
        assert "the disk is full" in last or "o space left on device" in last, (kib, text)
        assert "Free some space and run again" in last, (kib, text)
        assert not [path for path in disk.files() if ".repviz." in path], kib
    assert refused
    record_property("faults", refused)
    disk.ballast.unlink()
    code, text = run(line)
    assert code == 0, text
    for path in disk.folder.iterdir():
        if path.suffix in ("", ".safetensors", ".html", ".npy", ".pt") and path.name != "cache":
            assert repviz.verify(path) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["report", "npy", "encoder", "figure"])
def test_what_was_there_is_there_when_the_disk_is_full(name, run, disk):
    line = COMMANDS[name][0]
    assert run(line)[0] == 0
    before = disk.files()
    disk.leave(4)
    assert run(f"{line} --overwrite")[0] == 2
    assert disk.files() == before


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_read_only_disk_is_said_and_costs_nothing(name, run, disk, record_property):
    line = COMMANDS[name][0]
    disk.writable(False)
    code, text = run(line)
    last = text.strip().splitlines()[-1]
    assert code == 2, text
    assert last.startswith("repviz: "), text
    assert "read-only" in last.lower(), text
    assert "hoose another folder" in last, text
    assert disk.files() == {}
    record_property("faults", 1)
    disk.writable(True)
    assert run(line)[0] == 0
