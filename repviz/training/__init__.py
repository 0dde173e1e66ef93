"""Training: :data:`RECIPES` by what a model's output is to match, :func:`train` for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks
from repviz.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images
    from repviz.models.model import Model

__all__ = ["RECIPES", "Recipe", "Training", "train"]

Parts = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Training:
    """A trained model and how it came about.

    Attributes
    ----------
    model : Model
        A trained copy; the model that was given is as it was.
    table : DataFrame
        A row an epoch.
    checkpoint : Path or None
        Where the model was written.
    """

    model: Model
    table: pd.DataFrame
    checkpoint: Path | None


@dataclass(frozen=True)
class Recipe:
    """One entry of :data:`RECIPES`.

    Attributes
    ----------
    summary : str
        One line on what it does.
    home : str
        ``file:function`` of this package. The function takes the model, the images and the rows
        of both parts, and by name ``epochs``, ``batch`` (None for its own choice) and ``seed``; it
        gives the trained copy and the table.
    by : str
        How :func:`repviz.split` parts the images: "image", or "label" where labels are known.
    """

    summary: str
    home: str
    by: str

    @property
    def run(self) -> Callable[..., tuple[Model, pd.DataFrame]]:
        """The function that ``home`` names."""
        file, _, function = self.home.partition(":")
        found: Callable[..., Any] = getattr(import_module(f"{__name__}.{file}"), function)
        return found


RECIPES: dict[str, Recipe] = {
    "labels": Recipe(
        "classify the labels: SGD with momentum, shifted images, settled units",
        "alexnet_recipe:train_on_labels",
        by="image",
    ),
    "pixels": Recipe(
        "reconstruct the images: from PCA where the model can, the best validated epoch kept",
        "autoencoder_recipe:train_on_pixels",
        by="label",
    ),
}


def train(
    model: Model,
    images: Images,
    *,
    out: str | Path | None = None,
    epochs: int | None = None,
    held_out: float = 0.3,
    rows: Sequence[np.ndarray] | None = None,
    batch: int | None = None,
    seed: int = 0,
) -> Training:
    """A trained copy of ``model``, with a table of how training went.

    Parameters
    ----------
    model : Model
        From :func:`repviz.open_model`.
    images : Images
        From :func:`repviz.open_images`, with labels where labels are to be learned.
    out : str or Path, optional
        The checkpoint to write (``.safetensors``).
    epochs : int, optional
        Passes over the training images, at least 1; the recipe's own number if left out.
    held_out : float
        Share of the images that training does not see, in (0, 1).
    rows : (ndarray, ndarray), optional
        The rows to train on and the rows held out, instead of ``held_out``.
    batch : int, optional
        Images a step, at least 1.
    seed : int
        Of the split, the order, the shifts and the dropout, at least 0.

    Returns
    -------
    Training
        ``table`` has a row an epoch. Labels: ``epoch, train_loss, train_accuracy,
        held_out_accuracy, held_out_low, held_out_high, chance, n_train, n_held_out,
        learning_rate``; the held-out images choose nothing, and the interval is Clopper-Pearson's
        at 95 %. Pixels: ``epoch, train_mse, validation_mse, learning_rate, kept``; here the
        held-out images choose the epoch that is kept, so they are no test.

    Raises
    ------
    InputError
        The images do not fit the model, or the loss does not stay finite.
    StoreError
        ``out`` cannot be written.
    """
    from repviz.models.checkpoints import save_checkpoint

    recipe = RECIPES[model.task]
    checks.whole("train", "seed", seed, low=0, high=2**32 - 1)
    for what, value in (("epochs", epochs), ("batch", batch)):
        if value is not None:
            checks.whole("train", what, value, low=1)
    parts = _parts(images, recipe, held_out, seed) if rows is None else _given(rows, len(images))
    trained, table = recipe.run(model, images, parts, epochs=epochs, batch=batch, seed=seed)
    checkpoint = None
    if out is not None:
        how = {"recipe": model.task, "epochs": len(table), "seed": seed, "rows": len(parts[0])}
        checkpoint = save_checkpoint(trained, out, recipe=how, images_key=images.key)
    return Training(trained, table, checkpoint)


def _parts(images: Images, recipe: Recipe, held_out: float, seed: int) -> Parts:
    from repviz.images import split

    checks.real("train", "held_out", held_out, low=0.001, high=0.999)
    by = recipe.by if images.labels is not None else "image"
    first, second = split(images, (1 - held_out, held_out), by=by, seed=seed)
    return first, second


def _given(rows: Sequence[np.ndarray], n: int) -> Parts:
    if len(rows) != 2:
        raise InputError(
            f"train: rows must be two arrays, to train on and held out, got {len(rows)}."
        )
    first, second = (np.asarray(part, dtype=np.int64) for part in rows)
    both = np.concatenate([first, second])
    if not len(first) or not len(second) or len(np.unique(both)) < len(both):
        raise InputError(
            "train: rows must be two arrays with no row twice and neither empty, got "
            f"{len(first)} and {len(second)} rows, {len(np.unique(both))} different."
        )
    if both.min() < 0 or both.max() >= n:
        raise InputError(
            f"train: rows must be from 0 to {n - 1}, got {both.min()} to {both.max()}."
        )
    return first, second
