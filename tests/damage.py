"""Damage done to files one piece at a time, and what verifying, opening and reporting say of it."""

from __future__ import annotations

import os
import random
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import repviz
from repviz.errors import RepvizError

FLIP, TRUNCATION, DELETION, SWAP = "flip", "truncation", "deletion", "swap"


@dataclass(frozen=True)
class Artefact:
    """Files that are verified together.

    Attributes
    ----------
    name : str
        What it is.
    path : Path
        The folder, or the file.
    read : callable
        Every value that a reader of ``path`` gets, as a value that can be compared.
    twin : Path or None
        Another of the same kind, whose files are swapped in.
    """

    name: str
    path: Path
    read: Callable[[Path], Any]
    twin: Path | None = None

    @property
    def files(self) -> list[Path]:
        """Its files; of an exported file with its card."""
        if self.path.is_dir():
            return [p for p in sorted(self.path.rglob("*")) if p.is_file() and p.stat().st_size]
        card = self.path.with_name(f"{self.path.name}.json")
        return [self.path, *([card] if card.is_file() else [])]


@dataclass(frozen=True)
class Outcome:
    """What one piece of damage led to.

    ``verdict`` is ``"named"``: verify refuses and names the file; ``"harmless"``: it passes, and so
    do all values; or a fault: ``"passed over"``, ``"not named"``, ``"traceback"``.
    """

    artefact: str
    damage: str
    file: str
    verdict: str
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether it is no fault."""
        return self.verdict in ("named", "harmless")


@contextmanager
def damaged(artefact: Artefact, damage: str, rng: random.Random) -> Iterator[Path | None]:
    """Within the block, one file of ``artefact`` is damaged; None where it cannot be so."""
    file = rng.choice(artefact.files)
    before = {file: file.read_bytes()}
    content = before[file]
    if damage == FLIP:
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(changed)
    elif damage == TRUNCATION:
        file.write_bytes(content[: rng.randrange(len(content))])
    elif damage == DELETION:
        file.unlink()
    else:
        others = _others(artefact, file)
        if not others:
            yield None
            return
        other = rng.choice(others)
        file.write_bytes(other.read_bytes())
        if other.is_relative_to(artefact.path):
            before[other] = other.read_bytes()
            other.write_bytes(content)
    try:
        yield file
    finally:
        for path, original in before.items():
            path.write_bytes(original)


def _others(artefact: Artefact, file: Path) -> list[Path]:
    """Files of the kind of ``file`` with other content, in the artefact and in its twin."""
    within = [other for other in artefact.files if other.suffix == file.suffix]
    twins = []
    if artefact.twin is not None and artefact.path.is_dir():
        twins = [artefact.twin / file.relative_to(artefact.path)]
    content = file.read_bytes()
    return [p for p in (*within, *twins) if p.is_file() and p.read_bytes() != content]


def judge(
    artefact: Artefact, damage: str, file: Path, before: Any, report: Path | None = None
) -> Outcome:
    """What is said of the damaged ``artefact``, whose values were ``before``.

    A report is written to ``report``, where it is given.
    """
    relative = os.path.relpath(file, artefact.path.parent)
    outcome = Outcome(artefact.name, damage, relative, "named")
    state, said = _tried(lambda: repviz.verify(artefact.path))
    read_state, values = _tried(lambda: artefact.read(artefact.path))
    page_state, page = "refused", ""
    if report is not None:
        page_state, page = _tried(
            lambda: repviz.write_report(artefact.path, out=report, overwrite=True)
        )
    for what, tried, detail in (
        ("verifying", state, said),
        ("reading", read_state, values),
        ("reporting", page_state, page),
    ):
        if tried == "traceback":
            return replace(outcome, verdict="traceback", detail=f"{what}: {detail}")
    if state == "ok":
        if read_state == "ok" and values == before:
            return replace(outcome, verdict="harmless")
        return replace(outcome, verdict="passed over", detail=f"reading: {read_state}")
    if damage != SWAP and file.stem not in said and file.parent.name not in said:
        return replace(outcome, verdict="not named", detail=said)
    return outcome


def _tried(work: Callable[[], Any]) -> tuple[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return "ok", work()
        except RepvizError as error:
            return "refused", str(error)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}:{last.lineno} {last.name}"
            return "traceback", f"{type(error).__name__} in {where}: {error}"


def read_store(path: Path) -> Any:
    """Every value of a folder of activations, its neighbour graphs among them."""
    acts = repviz.open_activations(path)
    layers = [
        (str(acts[k].dtype), acts[k].shape, np.asarray(acts[k]).tobytes()) for k in acts.layers
    ]
    graphs = []
    for layer in acts.layers:
        if acts[layer].graphs.is_dir():
            found = repviz.neighbors(acts[layer], k=5, cache=acts[layer].graphs)
            graphs.append((found.indices.tobytes(), found.distances.tobytes(), found.recall))
    return layers, graphs, acts.rows.to_csv(), acts.overflow, acts.key, acts.manifest


def read_study(path: Path) -> Any:
    """Every value of a study, of the activations and of the networks in it."""
    study = repviz.open_study(path)
    tables = {f.stem: study.result(f.stem).to_csv() for f in sorted(path.glob("results/*.csv"))}
    arrays = {f.stem: study.array(f.stem).tobytes() for f in sorted(path.glob("arrays/*.npy"))}
    stored = [read_store(folder.parent) for folder in sorted(path.glob("acts/*/manifest.json"))]
    networks = [read_model(file) for file in sorted(path.glob("models/*.safetensors"))]
    return tables, arrays, stored, networks, study.manifest


def read_model(path: Path) -> Any:
    """Every value of a checkpoint of an autoencoder."""
    model = repviz.open_model("autoencoder", weights=str(path))
    weights = {name: value.numpy().tobytes() for name, value in model.module.state_dict().items()}
    facts = (model.name, model.options, model.weights, model.classes, model.recipe)
    return weights, facts, repr(model.preprocessing)


def read_files(path: Path) -> Any:
    """The bytes of an exported file, and of nothing else."""
    return path.read_bytes() if path.is_file() else None
