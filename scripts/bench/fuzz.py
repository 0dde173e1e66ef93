#!/usr/bin/env python
"""Every reader of files, fed with damaged ones.

    scripts/bench/fuzz.py [--minutes 10] [--seed 0] [--only store,study] [--work FOLDER]

A case copies valid files, changes one of them at random (scripts/bench/mutations.py; half of the
time the records around it get the checksum that it then has, so that its content is read) and reads
them as users do, in a child process. It is at fault if it ends in another exception than
repviz's own, by a signal, after more than 20 s of the processor's time, with 1 GB more memory than
before, with code run, an address reached or a file changed elsewhere. Prints each fault with the
number that repeats it (``--case``), and at last the cases of each reader and the seed; the minutes
are of the processor, children counted.
"""

from __future__ import annotations

import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # a forked child cannot use its parent's threads
os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # which starts threads of its own after a fork

import numpy as np
import torch
from hostile_files import REACHES, RUNS, snapshot
from mutations import mutated, reseal
from PIL import Image

import repviz
from repviz import progress
from repviz.errors import InputError, RepvizError
from repviz.training.recipes import recipe_settings

SECONDS, EXTRA_MEMORY = 20, 1 << 30  # of the processor's time; bytes
SIDE, ROWS = 16, 40
PHOTOS = ("png", "jpg", "bmp", "gif", "tiff", "webp", "ppm")
Read = Callable[[Path, Path, random.Random], Any]  # what is read, a new folder for what is written


@dataclass(frozen=True)
class Target:
    """Files that are read together.

    Attributes
    ----------
    path : str
        The file, or the folder, below that of the valid files.
    read : callable
        Reads them all.
    suffixes : tuple of str
        Of the files that are changed; of any if empty.
    """

    path: str
    read: Read
    suffixes: tuple[str, ...] = ()


def read_store(path: Path, out: Path, rng: random.Random) -> None:
    """Its layers, rows and graphs; an export, an estimate or a study of it."""
    _refused(repviz.verify, path)
    acts = repviz.open_activations(path)
    for name in acts.layers:
        np.asarray(acts[name])
        if acts[name].graphs.is_dir():
            repviz.neighbors(acts[name], k=5, cache=acts[name].graphs)
    acts.rows.to_csv()
    use = rng.randrange(8)
    if use == 0:
        repviz.export(acts, acts.layers[0], out / "x.parquet", format="parquet")
    elif use == 1:
        repviz.dimension(acts[acts.layers[0]], method="mle")
    elif use == 2:
        shutil.copytree(path, out / "acts")
        matrix = np.random.default_rng(0).standard_normal((ROWS, 8))
        repviz.import_matrix(matrix, out / "acts", layer="pixels")
    elif use == 3 and rng.random() < 0.1:
        repviz.build_report(path, out=out / "report")


def read_study(path: Path, out: Path, rng: random.Random) -> None:
    """Its tables, arrays and networks; a report, an encoder, or the study continued."""
    _refused(repviz.verify, path)
    study = repviz.open_study(path)
    for file in sorted(path.glob("results/*.csv")):
        _refused(study.result, file.stem)
    for file in sorted(path.glob("arrays/*.npy")):
        _refused(lambda name: np.asarray(study.array(name)), file.stem)
    use = rng.randrange(6)
    if use == 0:
        repviz.write_report(path, out=out / "report.html")
    elif use == 1:
        repviz.export_encoder(study, out / "encoder.safetensors", bottleneck=2)
    elif use == 2:
        shutil.copytree(path, out / "study")
        images = repviz.open_images(f"array:{path.parent.parent / 'valid' / 'images.npz'}")
        make_sweep(images, out / "study")
    elif use == 3:
        repviz.write_figures(path, out=out / "figures")


def read_report(path: Path, out: Path, rng: random.Random) -> None:
    """The page verified, and a selection looked up in its map."""
    _refused(repviz.verify, path)
    link = "".join(
        rng.choice("#&=selmaprow0123456789abcdef.-_%,") for _ in range(rng.randint(0, 40))
    )
    repviz.selection(path, rng.choice((link, "#map=0.0&rows=AAAA", f"#selection={link}")))


def read_checkpoint(path: Path, out: Path, rng: random.Random) -> None:
    """The network opened, and its training continued."""
    _refused(repviz.verify, path)
    _refused(repviz.open_checkpoint, path)
    model = repviz.open_model("autoencoder", weights=str(path))
    if rng.random() < 0.2:
        repviz.evaluate(model, _pictures())


def read_unfinished(path: Path, out: Path, rng: random.Random) -> None:
    """A training continued from its last checkpoint."""
    _refused(repviz.verify, path / "net.safetensors")
    repviz.train(_classifier(), _pictures(), out=path / "net.safetensors", epochs=2, batch=4)


def read_weights(path: Path, out: Path, rng: random.Random) -> None:
    """A state dict opened into a network."""
    repviz.open_model("fuzzed_networks:small", weights=str(path), size=SIDE, channels=1)


def read_image(path: Path, out: Path, rng: random.Random) -> None:
    """A folder of images decoded, and hashed."""
    images = repviz.open_images(f"folder:{path}", size=SIDE)
    _refused(images.hashes)
    images.matrix()


def read_array(path: Path, out: Path, rng: random.Random) -> None:
    """Images of an array."""
    images = repviz.open_images(f"array:{path}")
    images.hashes()
    images.at(size=SIDE, grey=True).matrix()


def read_matrix(path: Path, out: Path, rng: random.Random) -> None:
    """A matrix imported, and measured."""
    repviz.import_matrix(path, out / "acts")
    acts = repviz.open_activations(out / "acts")
    repviz.dimension(acts[acts.layers[0]], method="mle")


def read_metadata(path: Path, out: Path, rng: random.Random) -> None:
    """A table beside images."""
    from repviz.images.metadata import add_metadata

    add_metadata(_pictures(), path, label=rng.choice((None, "who")))


def read_map(path: Path, out: Path, rng: random.Random) -> None:
    """A saved landmark map, and rows placed on it."""
    from repviz.manifold.embedding.map_files import open_map

    open_map(path).transform(np.zeros((3, 8), np.float32))


def read_export(path: Path, out: Path, rng: random.Random) -> None:
    """An exported file with its card."""
    repviz.verify(path / "x.npy")


TARGETS: dict[str, Target] = {
    "store": Target("store", read_store),
    "study": Target("study", read_study),
    "tables": Target("study", read_study, (".csv",)),
    "arrays": Target("study", read_study, (".npy",)),
    "report": Target("mapped/report.html", read_report),
    "checkpoint": Target("model.safetensors", read_checkpoint),
    "unfinished training": Target("training", read_unfinished),
    "weights": Target("weights.pt", read_weights),
    "weights, safetensors": Target("weights.safetensors", read_weights),
    **{f"image, {form}": Target(f"photos-{form}", read_image) for form in PHOTOS},
    "images, npz": Target("images.npz", read_array),
    "images, npy": Target("images.npy", read_array),
    "matrix": Target("matrix.npy", read_matrix),
    "metadata": Target("metadata.csv", read_metadata),
    "landmark map": Target("map.npz", read_map),
    "export": Target("export", read_export),
}
NETWORK = """
from torch import nn


def small(classes=2):
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(196, classes))
"""


def _refused(call: Callable[..., Any], *arguments: Any) -> None:
    """Let a sentence of repviz's pass, so that what comes after it is reached too."""
    try:
        call(*arguments)
    except RepvizError as error:
        _check_sentence(error)


def _check_sentence(error: RepvizError) -> None:
    if any(ord(char) < 32 for char in str(error)):
        raise AssertionError(f"control characters in the sentence {str(error)!r}")


def _pictures() -> Any:
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, SIDE, SIDE), np.uint8)
    return repviz.images_from(pixels, labels=np.arange(ROWS) % 2)


def _classifier() -> Any:
    return repviz.open_model("fuzzed_networks:small", classes=2, size=SIDE, channels=1)


def make_sweep(images: Any, out: Path) -> None:
    """A small study with tables, arrays and networks."""
    repviz.sweep(
        images, out=out, bottlenecks=2, engines=["pca", "linear-start"],
        setup=repviz.SweepSetup(effort=0.05),
    )  # fmt: skip


def valid_files(folder: Path) -> None:
    """What every case is a damaged copy of."""
    from repviz.manifold.embedding.map_files import save_map
    from repviz.models.checkpoints import save_checkpoint

    folder.mkdir()
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (ROWS, SIDE, SIDE), np.uint8)
    for form in PHOTOS:
        (folder / f"photos-{form}").mkdir()
        Image.fromarray(pixels[0]).save(folder / f"photos-{form}" / f"a.{form}")
    np.savez(folder / "images.npz", images=pixels, labels=np.arange(ROWS) % 2)
    np.save(folder / "images.npy", pixels)
    matrix = rng.standard_normal((ROWS, 8))
    np.save(folder / "matrix.npy", matrix)
    acts = repviz.import_matrix(
        matrix, folder / "store", layer="pixels", labels=np.arange(ROWS) % 2
    )
    repviz.neighbors(acts["pixels"], k=5, cache=acts["pixels"].graphs)
    (folder / "export").mkdir()
    repviz.export(acts, "pixels", folder / "export" / "x.npy", format="npy")
    save_map(repviz.umap_by_landmarks(matrix, landmarks=30), folder / "map.npz")
    (folder / "metadata.csv").write_text(
        "id,who,hair,age\n" + "".join(f"image {i},p{i % 4},grey;long,{i}\n" for i in range(ROWS))
    )
    model = repviz.open_model("autoencoder", size=SIDE, bottleneck=2)
    save_checkpoint(model, folder / "model.safetensors")
    state = _classifier().module.state_dict()
    torch.save(state, folder / "weights.pt")
    from safetensors.torch import save_file

    save_file(state, folder / "weights.safetensors")
    images = repviz.open_images(f"array:{folder}/images.npz")
    make_sweep(images, folder / "study")
    repviz.build_report(folder / "store", out=folder / "mapped")
    _interrupted_training(folder / "training" / "net.safetensors")


class Enough(Exception):
    """A training is ended here, as a kill would."""


class EndAfterSteps:
    """Progress that ends a training after some steps."""

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Its advance raises :class:`Enough` in time."""
        steps = 0

        def advance(done: int) -> None:
            nonlocal steps
            steps += unit == "steps"
            if steps > 6:
                raise Enough

        yield advance

    def say(self, sentence: str) -> None:
        """Nothing is shown."""


def _interrupted_training(out: Path) -> None:
    """The checkpoint of a training that ended after its first steps, with its optimiser's state."""
    settings = recipe_settings("labels", save_every=1e-6)
    with suppress(Enough), progress.shown_by(EndAfterSteps()):
        repviz.train(_classifier(), _pictures(), out=out, epochs=2, batch=4, recipe=settings)


def _read_valid(target: Target, work: Path) -> None:
    out, source = work / "out", work / "valid" / target.path
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    path = out / source.name  # some continue what they read
    shutil.copytree(source, path) if source.is_dir() else shutil.copyfile(source, path)
    with suppress(InputError) if target.read is read_report else nullcontext():  # of the link
        target.read(path, out, random.Random(0))
    shutil.rmtree(out)


def case(target: Target, number: int, seed: int, work: Path) -> tuple[str, str]:
    """Of one damaged copy: how its readers ended, and what they said."""
    rng = random.Random(f"{seed} {number}")
    for name in ("case", "out"):
        shutil.rmtree(work / name, ignore_errors=True)
        (work / name).mkdir()
    source, path = work / "valid" / target.path, work / "case" / Path(target.path).name
    shutil.copytree(source, path) if source.is_dir() else shutil.copyfile(source, path)
    files = [path] if path.is_file() else [p for p in sorted(path.rglob("*")) if p.is_file()]
    files = [file for file in files if not target.suffixes or file.suffix in target.suffixes]
    file = rng.choice(files)
    file.write_bytes(mutated(file.read_bytes(), file.suffix, rng))
    if rng.random() < 0.5:
        with suppress(RepvizError, ValueError, LookupError, TypeError, AttributeError, OSError):
            reseal(path if path.is_dir() else path.parent, file)  # unless it is no record any more
    return _in_child(partial(target.read, path, work / "out", rng), work)


def _in_child(read: Callable[[], Any], work: Path) -> tuple[str, str]:
    before = snapshot(work, but=(work / "case", work / "out", work / "result"))
    result = work / "result"
    result.write_bytes(b"")
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pid = os.fork()
    if not pid:
        _child(read, result)
    start = time.monotonic()
    while True:
        waited, status, usage = os.wait4(pid, os.WNOHANG)
        if waited:
            break
        if time.monotonic() - start > 10 * SECONDS:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        late = number in (signal.SIGXCPU, signal.SIGKILL)
        return "FAULT hang" if late else "FAULT signal", signal.Signals(number).name
    content = result.read_bytes()
    end, said = pickle.loads(content) if content else ("FAULT exit", "no result")
    if (usage.ru_maxrss - base) * 1024 > EXTRA_MEMORY:
        return "FAULT memory", f"{(usage.ru_maxrss - base) >> 10} MB; {end} {said}"
    after = snapshot(work, but=(work / "case", work / "out", work / "result"))
    if after != before:
        changed = [p for p in before | after if before.get(p) != after.get(p)]
        return "FAULT files", " ".join(changed)
    return end, said


def _child(read: Callable[[], Any], result: Path) -> None:
    """Never returns."""
    end, said = "FAULT exit", ""
    events: list[str] = []
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        sys.addaudithook(
            lambda event, args: events.append(event) if event in RUNS + REACHES else None
        )
        read()
        end = "read"
    except RepvizError as error:
        end, said = "refused", str(error)
        try:
            _check_sentence(error)
        except AssertionError as wrong:
            end, said = "FAULT sentence", str(wrong)
    except BaseException as error:
        last = [f for f in traceback.extract_tb(error.__traceback__) if "/repviz/" in f.filename][
            -1:
        ]
        where = f"{Path(last[0].filename).name}:{last[0].lineno}" if last else "?"
        end, said = "FAULT traceback", f"{type(error).__name__} at {where}: {error}"
    finally:
        if events:
            end, said = "FAULT code run", f"{events}"
        result.write_bytes(pickle.dumps((end, said[:500])))
        os._exit(0)


def main() -> int:
    """Print the faults and the counts; 1 if there was a fault, else 0."""
    options = ArgumentParser(description=__doc__)
    options.add_argument(
        "--minutes", type=float, default=10, help="of the processor's time, in all"
    )
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="")
    options.add_argument("--case", type=int, help="repeat this one")
    options.add_argument("--work", type=Path, help="where the files are made and left")
    given = options.parse_args()
    warnings.simplefilter("ignore")
    work = given.work or Path(tempfile.mkdtemp(prefix="repviz-fuzz-"))
    work.mkdir(exist_ok=True)
    try:
        return run(work, given.minutes, given.seed, given.only, given.case)
    finally:
        if given.work is None:
            shutil.rmtree(work)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(work: Path, minutes: float, seed: int, only: str, one: int | None) -> int:
    """One case of each target after the other, until so many minutes are used."""
    (work / "fuzzed_networks.py").write_text(NETWORK)
    sys.path.insert(0, str(work))
    os.environ["REPVIZ_CACHE"] = str(work / "out" / "cache")
    if not (work / "valid").exists():
        valid_files(work / "valid")
        for target in TARGETS.values():  # a reader that refuses what is valid would test nothing
            _read_valid(target, work)
    names = [name for name in TARGETS if not only or name in only.split(",")]
    counts: Counter[tuple[str, str]] = Counter()
    seen: Counter[str] = Counter()
    start, number = _cpu(), one or 0
    while _cpu() - start < 60 * minutes:
        name = names[number % len(names)]
        end, said = case(TARGETS[name], number, seed, work)
        counts[name, end.partition(" ")[0]] += 1
        if end.startswith("FAULT"):
            seen[f"{end}: {said.partition(':')[0]}"] += 1
            if seen[f"{end}: {said.partition(':')[0]}"] <= 3:
                print(f"{end}: {name}, case {number}: {said}", flush=True)
        if one is not None:
            print(name, end, said)
            break
        number += 1
    for name in names:
        ends = {end: n for (target, end), n in sorted(counts.items()) if target == name}
        print(f"  {name}: {', '.join(f'{n} {end}' for end, n in ends.items())}")
    faults = sum(n for (_, end), n in counts.items() if end == "FAULT")
    minutes = (_cpu() - start) / 60
    print(f"seed {seed}: {sum(counts.values())} cases, {faults} faults, {minutes:.1f} CPU-minutes")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
