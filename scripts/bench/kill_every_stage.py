#!/usr/bin/env python
"""SIGKILL at random points of every stage, and what a second run of the same call leaves.

    scripts/bench/kill_every_stage.py [--kills 1000] [--minutes 60] [--seed 0] [--only train,sweep]

A job (train, extract, import, export, encoder, sweep, every kind of study, report) runs in a forked
child that is killed: half of the kills at a random moment, half just before a random operation on
files under its folder (open, rename, remove, mkdir). Then the same call runs again, is killed again
in three cases of four, and at last runs to its end. Checked: each run ends without an error unless
it is killed; every file is there, with the bytes of an uninterrupted run; ``repviz.verify`` passes;
no temporary file is left. Manifests and reports hold times: of manifests all but these is compared,
of reports that they are complete. A file that a killed call had completed is refused by the next,
which is then told to overwrite it.

A job that takes eight times as long is killed half as often. Children inherit what was imported and
compiled in this process, so that their time is spent in the stages.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # a forked child cannot use its parent's threads
os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # which starts threads of its own after a fork

import numpy as np
from forked import import_everything, run_forked, silence
from measuring import parser

import repviz
from repviz.errors import StoreError
from repviz.training.recipes import recipe_settings

TOUCHED = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
TIMES = ("seconds", "cpu_seconds", "process_peak_memory_mb", "finished", "created", "written")
AGAIN = 3 / 4  # of the resumed runs are killed too
# Of 16x16 pixels in grey; the weights are random unless a checkpoint holds others.
NETWORK = """
from torch import nn


def small(classes=5):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, classes)
    )
"""
Job = Callable[[Path, bool], Any]  # the folder to write to; whether files there may be replaced


@dataclass(frozen=True)
class Inputs:
    """What the jobs read, made once."""

    images: Any
    model: Any  # an autoencoder
    classifier: Any
    matrix: np.ndarray
    folder: Path  # with a finished store, checkpoint, sweep and studies


def make_inputs(folder: Path) -> Inputs:
    """Small images, two networks, and what the later stages start from."""
    folder.mkdir()
    (folder / "killed_networks.py").write_text(NETWORK)
    sys.path.insert(0, str(folder))
    images = repviz.open_images("drawn-faces:40", size=16, grey=True)
    model = repviz.open_model(
        "autoencoder", form="conv", size=16, bottleneck=2, width=2, depth=1, seed=1
    )
    classifier = repviz.open_model(
        "killed_networks:small", classes=len(set(images.labels)), size=16, channels=1
    )
    inputs = Inputs(images, model, classifier, images.matrix(), folder)
    for name in ("import", "classify", "sweep"):
        (folder / name).mkdir()
        # In a child, where a training starts the threads of its own that no fork survives.
        finish(make_jobs(inputs)[name], folder / name, folder / f"{name}.log")
    for number, size in enumerate((1, 2)):  # two studies to compare
        repviz.sweep(images, out=folder / f"pca-{number}", bottlenecks=[size, 4], engines=["pca"])
    return inputs


def warm(inputs: Inputs, folder: Path) -> None:
    """Import and compile here, once, what the jobs need; nothing here trains a network."""
    import_everything()
    for name in ("skimage.feature", "sklearn.linear_model", "umap"):
        importlib.import_module(name)
    folder.mkdir()
    make_jobs(inputs)["activations"](folder, False)


def make_jobs(inputs: Inputs) -> dict[str, Job]:
    """Stage -> the call that writes into a folder."""
    return {**_file_jobs(inputs), **_study_jobs(inputs)}


def _file_jobs(inputs: Inputs) -> dict[str, Job]:
    """Trainings, activations and exports."""
    images, model = inputs.images, inputs.model
    settings = recipe_settings("pixels", save_every=0.05)
    store, sweep = inputs.folder / "import" / "acts", inputs.folder / "sweep" / "sweep"
    return {
        "train": lambda folder, overwrite: repviz.train(
            model, images, out=folder / "own.safetensors", epochs=12, batch=8, recipe=settings,
            overwrite=overwrite,
        ),
        "classify": lambda folder, overwrite: repviz.train(
            inputs.classifier, images, out=folder / "classifier.safetensors", epochs=3, batch=8,
            overwrite=overwrite,
        ),
        "extract": lambda folder, overwrite: repviz.extract(
            model, images, layers=["encoder.0", "code"], out=folder / "acts", batch=4
        ),
        "import": lambda folder, overwrite: repviz.import_matrix(
            inputs.matrix, folder / "acts", layer="pixels", labels=images.labels
        ),
        "export": lambda folder, overwrite: [
            repviz.export(store, "pixels", folder / f"x.{end}", format=end, overwrite=overwrite)
            for end in ("npy", "parquet")
        ],
        "encoder": lambda folder, overwrite: repviz.export_encoder(
            sweep, folder / "encoder.safetensors", bottleneck=2, overwrite=overwrite
        ),
    }  # fmt: skip


def _study_jobs(inputs: Inputs) -> dict[str, Job]:
    """A study of each kind, and a report."""
    images, finished = inputs.images, inputs.folder
    checkpoint = finished / "classify" / "classifier.safetensors"

    def report(folder: Path, overwrite: bool) -> None:
        if not (folder / "sweep").exists():
            shutil.copytree(finished / "sweep" / "sweep", folder / "copy", dirs_exist_ok=True)
            (folder / "copy" / "report.html").unlink(missing_ok=True)
            (folder / "copy").rename(folder / "sweep")
        repviz.write_report(folder / "sweep")

    def study(kind: str, source: Any, **options: Any) -> Job:
        return lambda folder, overwrite: repviz.study(kind, source, out=folder / kind, **options)

    network = {"model": "killed_networks:small", "weights": checkpoint}
    return {
        "sweep": lambda folder, overwrite: repviz.sweep(
            images, out=folder / "sweep", bottlenecks=[1, 2], engines=["pca", "linear-start"],
            setup=repviz.SweepSetup(effort=0.005),
        ),
        "activations": study("activations", finished / "import" / "acts"),
        "layers": study("layers", images, layers=["0", "4"], **network),
        "network": study("network", images, units=1, photographs=False, **network),
        "featuremaps": study(
            "featuremaps", images.take(range(2)), channels=2, photographs=False, **network
        ),
        "comparison": study("comparison", [finished / "pca-0", finished / "pca-1"]),
        "faces": study(
            "faces", images, size=16, bottlenecks=[2], epochs=1, samples=100,
            setup=repviz.FacesSetup(convolutional=repviz.ConvolutionalOptions(epochs=1)),
        ),
        "report": report,
    }  # fmt: skip


def child(job: Job, folder: Path, log: Path, *, after: float | None, at: int) -> int:
    """Run a job in a child; its exit status, negative where a signal ended it.

    The child is killed ``after`` so many seconds, or before operation ``at`` on files (0: never).
    """

    def work() -> None:
        silence()
        log.with_suffix(".error").unlink(missing_ok=True)
        try:
            _count_operations(folder, log, at)
            _run(job, folder)
        except BaseException as error:
            log.with_suffix(".error").write_text(f"{type(error).__name__}: {error}")
            raise

    return run_forked(work, after=after)


def _run(job: Job, folder: Path) -> None:
    try:
        job(folder, False)
    except StoreError as error:
        if "this one already exists" in str(error):  # an import that was killed once complete
            return
        if "this file already exists" not in str(error):
            raise
        job(folder, True)


def _count_operations(folder: Path, log: Path, at: int) -> None:
    """Note how many operations on files of ``folder`` there are; die before number ``at``."""
    done, root = 0, str(folder)
    counted = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal done
        if event not in TOUCHED or not str(args[0]).startswith(root):
            return
        done += 1
        if done == at:
            os.kill(os.getpid(), signal.SIGKILL)
        os.pwrite(counted, str(done).encode(), 0)

    sys.addaudithook(hook)


def finish(job: Job, folder: Path, log: Path) -> None:
    """Run a job in a child to its end."""
    if status := child(job, folder, log, after=None, at=0):
        raise SystemExit(f"{folder.name}: {_said(log, status)}")


def _said(log: Path, status: int) -> str:
    error = log.with_suffix(".error")
    return error.read_text() if error.exists() else f"exit status {status}"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under ``folder``, hidden ones too: its hash, or its content without times."""
    return {
        path.relative_to(folder).as_posix(): _timeless(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def _timeless(path: Path) -> bytes:
    if path.name == "manifest.json":
        return json.dumps(_without_times(json.loads(path.read_bytes())), sort_keys=True).encode()
    if path.name == "report.html":
        return b"a report"
    return hashlib.sha256(path.read_bytes()).digest()  # a network's weights are large


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = (*TIMES, "checksum")
        return {key: _without_times(part) for key, part in value.items() if key not in left_out}
    return [_without_times(part) for part in value] if isinstance(value, list) else value


def differences(folder: Path, expected: dict[str, bytes]) -> list[str]:
    """What is wrong with a folder after the last run."""
    got = contents(folder)
    wrong = [f"{name} is missing" for name in expected if name not in got]
    wrong += [f"{name} is left" for name in got if name not in expected]
    wrong += [f"{name} differs" for name in expected if name in got and got[name] != expected[name]]
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.suffix == ".safetensors":
            try:
                repviz.verify(path)
            except Exception as error:
                wrong.append(f"verify: {type(error).__name__}: {error}")
    return wrong


def trial(
    job: Job, work: Path, rng: random.Random, seconds: float, operations: int
) -> tuple[int, int, list[str]]:
    """The number of kills, whether a run ended before its kill, and what was wrong in the end."""
    folder, log = work / "run", work / "log"
    folder.mkdir()
    kills = 0
    while True:
        by_time = rng.random() < 0.5
        after = rng.uniform(0, seconds) if by_time else None
        status = child(
            job, folder, log, after=after, at=0 if by_time else rng.randint(1, operations)
        )
        kills += status == -signal.SIGKILL
        if status == 0:
            return kills, 1, []
        if status not in (0, -signal.SIGKILL):
            return kills, 0, [f"a resumed run: {_said(log, status)}"]
        if rng.random() > AGAIN:
            break
    status = child(job, folder, log, after=None, at=0)
    return kills, 0, [f"the last run: {_said(log, status)}"] if status else []


def main() -> int:
    """Print the kills of each stage and what was wrong; 1 if anything was, else 0."""
    options = parser(__doc__)
    options.add_argument("--kills", type=int, default=1000)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    work = Path(tempfile.mkdtemp(prefix="repviz-kills-"))
    try:
        only = given.only.split(",") if given.only else []
        return run(work, given.kills, given.minutes, given.seed, only)
    finally:
        shutil.rmtree(work)


def run(work: Path, kills: int, minutes: float, seed: int, only: list[str]) -> int:
    """Kill in every stage, until there were so many kills or minutes."""
    rng, end = random.Random(seed), time.monotonic() + 60 * minutes
    inputs = make_inputs(work / "inputs")
    warm(inputs, work / "warm")
    jobs = {name: job for name, job in make_jobs(inputs).items() if not only or name in only}
    expected, lengths, faults = {}, {}, []
    for name, job in jobs.items():
        start, folder, log = time.perf_counter(), work / name, work / f"{name}.log"
        folder.mkdir()
        finish(job, folder, log)
        lengths[name] = time.perf_counter() - start, int(log.read_text())
        expected[name] = contents(folder)
        faults += [f"{name}, uninterrupted: {what}" for what in differences(folder, expected[name])]
        shutil.rmtree(folder)
        print(f"  {name}: {lengths[name][0]:.1f} s uninterrupted", flush=True)
    done, ended = Counter[str](), Counter[str]()
    while sum(done.values()) < kills and time.monotonic() < end:
        name = min(jobs, key=lambda name: done[name] * math.cbrt(lengths[name][0]))
        killed, early, wrong = trial(jobs[name], work, rng, *lengths[name])
        wrong = wrong or differences(work / "run", expected[name])
        done[name] += killed
        ended[name] += early
        for what in wrong:
            faults.append(f"{name}: {re.sub(re.escape(str(work)), '', what)}")
            print(faults[-1], flush=True)
        shutil.rmtree(work / "run")
    for name in jobs:
        seconds, operations = lengths[name]
        print(
            f"  {name}: {done[name]} kills, {ended[name]} ended before; uninterrupted "
            f"{seconds:.1f} s, {operations} operations on files"
        )
    print(f"seed {seed}: {sum(done.values())} kills, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
