"""The engines of a sweep: each fits a pair of encoder and decoder with a code of k numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from repviz.models import autoencoder
from repviz.principal import pca
from repviz.studies.partition import Partition
from repviz.training.autoencoder_recipe import fit_autoencoder, mirrored

Shape = tuple[int, int, int]  # channels, height, width


@dataclass(frozen=True)
class Task:
    """What every engine of a sweep is given.

    Attributes
    ----------
    X : ndarray, shape (n, d), float32
        All images as rows, grey levels in [0, 1].
    parts : Partition
        Which rows are for what.
    shape : (int, int, int)
        Channels, height and width, with d their product.
    seed : int
        Of everything random.
    key : str
        The hash of the images, for the checkpoints.
    """

    X: np.ndarray
    parts: Partition
    shape: Shape
    seed: int
    key: str


@dataclass(frozen=True)
class Coder:
    """A fitted pair: ``encode`` (n, d) -> (n, k) and ``decode`` (n, k) -> (n, d)."""

    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    parameters: int
    model: Any = None


def _pca(task: Task, k: int) -> Coder:
    fitted = pca(mirrored(task.X[task.parts.train], task.shape), components=k)
    return Coder(fitted.transform, fitted.inverse, fitted.components.size + fitted.mean.size)


def _trained(start: str) -> Callable[[Task, int], Coder]:
    def fit(task: Task, k: int) -> Coder:
        model, _ = fit_autoencoder(
            task.X[task.parts.train],
            task.X[task.parts.validation],
            shape=task.shape,
            bottleneck=k,
            start=start,
            seed=task.seed,
        )
        return Coder(
            lambda X: autoencoder.encode(model.module, X),
            lambda Z: autoencoder.decode(model.module, Z),
            sum(p.numel() for p in model.module.parameters()),
            model,
        )

    return fit


@dataclass(frozen=True)
class Engine:
    """One way to squeeze images.

    Attributes
    ----------
    name : str
        Its key in :data:`ENGINES`.
    title : str
        What a sentence calls it.
    summary : str
        One line on how it works.
    fit : callable
        From a task and a bottleneck size to the fitted pair.
    """

    name: str
    title: str
    summary: str
    fit: Callable[[Task, int], Coder]


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            "pca",
            "PCA",
            "principal components of the mirrored training images: the linear optimum",
            _pca,
        ),
        Engine(
            "conv",
            "the plain convolutional autoencoder",
            "a convolutional autoencoder from random weights",
            _trained("random"),
        ),
        Engine(
            "linear-start",
            "the autoencoder that starts at PCA",
            "PCA plus convolutional corrections that start at zero",
            _trained("pca"),
        ),
    )
}
