"""What scripts/bench/fuzz.py damages: valid files of every kind, and the readers of each."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import repviz
from repviz import progress
from repviz.errors import RepvizError
from repviz.training.recipes import recipe_settings

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
    refused(repviz.verify, path)
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
    refused(repviz.verify, path)
    study = repviz.open_study(path)
    for file in sorted(path.glob("results/*.csv")):
        refused(study.result, file.stem)
    for file in sorted(path.glob("arrays/*.npy")):
        refused(lambda name: np.asarray(study.array(name)), file.stem)
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
    refused(repviz.verify, path)
    link = "".join(
        rng.choice("#&=selmaprow0123456789abcdef.-_%,") for _ in range(rng.randint(0, 40))
    )
    repviz.selection(path, rng.choice((link, "#map=0.0&rows=AAAA", f"#selection={link}")))


def read_checkpoint(path: Path, out: Path, rng: random.Random) -> None:
    """The network opened, and its training continued."""
    refused(repviz.verify, path)
    refused(repviz.open_checkpoint, path)
    model = repviz.open_model("autoencoder", weights=str(path))
    if rng.random() < 0.2:
        repviz.evaluate(model, _pictures())


def read_unfinished(path: Path, out: Path, rng: random.Random) -> None:
    """A training continued from its last checkpoint."""
    refused(repviz.verify, path / "net.safetensors")
    repviz.train(_classifier(), _pictures(), out=path / "net.safetensors", epochs=2, batch=4)


def read_weights(path: Path, out: Path, rng: random.Random) -> None:
    """A state dict opened into a network."""
    repviz.open_model("fuzzed_networks:small", weights=str(path), size=SIDE, channels=1)


def read_image(path: Path, out: Path, rng: random.Random) -> None:
    """A folder of images decoded, and hashed."""
    images = repviz.open_images(f"folder:{path}", size=SIDE)
    refused(images.hashes)
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


def refused(call: Callable[..., Any], *arguments: Any) -> None:
    """Let a sentence of repviz's pass, so that what comes after it is reached too."""
    try:
        call(*arguments)
    except RepvizError as error:
        check_sentence(error)


def check_sentence(error: RepvizError) -> None:
    """Fail where the sentence of a refusal holds characters that a terminal would obey."""
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
