"""A small study folder for tests of what reads one: written by the product, its numbers made up."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from study_stages import STAGES
from study_tables import Images

from repviz import durable, provenance
from repviz.nouns import FACES
from repviz.study_folder import begin

SIZES = (2, 4, 8)


def drawn(people: int, each: int, side: int, seed: int = 0) -> np.ndarray:
    """Smooth grey blobs, alike within a person: (people * each, side, side) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    faces = []
    for _ in range(people):
        base = rng.normal(size=4)
        for _ in range(each):
            a, b, c, d = base + 0.25 * rng.normal(size=4)
            waves = 60 * np.cos(4 * x + a) * np.cos(5 * y + b)
            faces.append(140 + waves + 30 * np.sin(9 * x * c + 7 * y * d))
    return np.clip(np.array(faces), 0, 255).astype(np.uint8)


def build(
    folder: Path,
    *,
    faces: np.ndarray | None = None,
    labels: list[str] | None = None,
    ids: list[str] | None = None,
    sizes: tuple[int, ...] = SIZES,
    skipped: dict[str, str] | None = None,
) -> Path:
    """Write the study folder ``folder``; stages named in ``skipped`` leave no files.

    ``labels=[]`` makes a study without labels.
    """
    faces = drawn(5, 4, 24) if faces is None else faces
    n = len(faces)
    labels = [f"p{i // 4}" for i in range(n)] if labels is None else labels
    images = Images(faces, labels, ids or [f"image/{i}" for i in range(n)], sizes)
    about = {
        "name": "orl",
        "credit": "AT&T Laboratories Cambridge.",
        "key": "9ab3" * 16,
        "labels_key": "4c1f" * 16,
        "n": n,
        "labels": len(set(labels)) or None,
        "size": list(faces.shape[-2:]),
        "grey": faces.ndim == 3,
        "nouns": FACES.as_json(),
    }
    with begin(
        folder,
        study="faces",
        title=f"What {n} images of orl look like from inside",
        summary="How far is a random point from the set that faces form?",
        parameters={"images": "orl", "size": 64, "bottlenecks": list(sizes), "seed": 0},
        images=about,
    ) as study:
        for stage, write in STAGES.items():
            if skipped and stage in skipped:
                study.skip(stage, skipped[stage])
            else:
                study.stage(stage, partial(write, images=images))
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """The content of every file of a study but its manifest, which alone holds times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / "manifest.json"
    }


def reseal(folder: Path, **entries: object) -> None:
    """Give the manifest the hashes of the files as they are now, and other ``entries``."""
    manifest = durable.read_record(folder / "manifest.json") | entries
    for stage in manifest["stages"].values():
        stage["files"] = {
            file: provenance.file_sha256(folder / file)
            for file in stage["files"]
            if (folder / file).exists()
        }
    durable.write_record(folder / "manifest.json", manifest)
