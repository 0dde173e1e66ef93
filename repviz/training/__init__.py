"""Training: :data:`RECIPES` is the family, :func:`train` the one function that runs them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.training.recipes import RECIPES, Recipe
from repviz.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images
    from repviz.models.model import Model

__all__ = ["RECIPES", "Recipe", "Settings", "Training", "train"]

Parts = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Training:
    """A trained model and the history of its training.

    Attributes
    ----------
    model : Model
        A trained copy; the model that was passed in is unchanged.
    table : DataFrame
        One row per epoch.
    checkpoint : Path or None
        Where the model was written.
    """

    model: Model
    table: pd.DataFrame
    checkpoint: Path | None


def train(
    model: Model,
    images: Images,
    *,
    out: str | Path | None = None,
    epochs: int | None = None,
    held_out: float | Sequence[np.ndarray] = 0.3,
    batch: int | None = None,
    seed: int = 0,
    recipe: str | Settings | None = None,
    overwrite: bool = False,
) -> Training:
    """A trained copy of ``model``, with the history of its training.

    Parameters
    ----------
    model : Model
        From :func:`repviz.open_model`.
    images : Images
        From :func:`repviz.open_images`, with labels where labels are to be learned.
    out : str or Path, optional
        The checkpoint to write (``.safetensors``), and beside it the curves (``.csv``). A training
        on labels is saved there every two minutes, and when a signal ends the process; the same
        call then resumes it, bit-identical to an uninterrupted training. A finished training is
        read, not repeated.
    epochs : int, optional
        Passes over the training images, at least 1; the recipe's own number if left out.
    held_out : float or (ndarray, ndarray)
        Fraction of the images that training does not see, in (0, 1); or the rows to train on and
        the rows held out.
    batch : int, optional
        Images per step, at least 1.
    seed : int
        Seed of the split, the order, the augmentation and the dropout, at least 0.
    recipe : str or Settings, optional
        A key of :data:`RECIPES`, or your own settings; the recipe of the model's task by default.
    overwrite : bool
        Whether ``out`` and its curves may be replaced where they belong to something else; this
        very training is resumed all the same.

    Returns
    -------
    Training
        ``table`` has one row per epoch. Labels: ``epoch, train_loss, train_accuracy,
        running_train_accuracy, held_out_accuracy, held_out_low, held_out_high, chance, n_train,
        n_held_out, learning_rate``; the held-out images decide nothing. The interval is of 95 %,
        over people where there are 20 labels or more, else over images. Pixels: ``epoch,
        train_mse, validation_mse, learning_rate, selected``; here the held-out images select the
        epoch, so they are a validation set, not a test set.

    Raises
    ------
    InputError
        The images do not fit the model, or the loss does not stay finite.
    UnknownName
        No such recipe.
    StoreError
        ``out`` cannot be written, holds another training or something else, or another process
        writes to it.
    """
    from repviz.images import as_images
    from repviz.models.checkpoints import save_checkpoint
    from repviz.models.opening import as_model

    model, images = as_model("train", model), as_images(images)
    out = None if out is None else checks.path("train", "out", out)
    entry, settings = _recipe(model, recipe)
    seed = checks.seed("train", seed)
    overwrite = checks.flag("train", "overwrite", overwrite)
    settings = replace(
        settings,
        epochs=settings.epochs if epochs is None else epochs,
        batch=settings.batch if batch is None else batch,
    )
    parts = _parts(images, entry, held_out, seed)
    make_checkpointer = None
    if out is not None and entry.resumes:
        make_checkpointer = partial(
            _checkpointer,
            out=out,
            untrained=model,
            images=images,
            parts=parts,
            seed=seed,
            settings=settings,
            overwrite=overwrite,
        )
    checkpoint = out
    with _reserved(checkpoint, entry, settings, overwrite):
        trained, table = entry.run(
            model, images, parts, settings=settings, seed=seed, make_checkpointer=make_checkpointer
        )
        if checkpoint is not None and make_checkpointer is None:
            recipe_card = settings.decisions | {"seed": seed, "rows": len(parts[0])}
            save_checkpoint(trained, checkpoint, recipe=recipe_card, images_key=images.key)
    return Training(trained, table, checkpoint)


def _reserved(
    checkpoint: Path | None, recipe: Recipe, settings: Settings, overwrite: bool
) -> AbstractContextManager[None]:
    """Within the block the checkpoint is this training's; of several processes one reserves it."""
    from repviz.training.checkpointing import reserved_checkpoint
    from repviz.training.machine import Machine

    if checkpoint is None or Machine(settings.precision, settings.compile).process:
        return nullcontext()
    return reserved_checkpoint(checkpoint, resumes=recipe.resumes, overwrite=overwrite)


def _recipe(model: Model, recipe: str | Settings | None) -> tuple[Recipe, Settings]:
    if recipe is not None and not isinstance(recipe, str | Settings):
        checks.one_of("train", "recipe", recipe, RECIPES)
    name = recipe if isinstance(recipe, str) else model.task
    entry = RECIPES[checks.one_of("train", "recipe", name, RECIPES)]
    if entry.task != model.task:
        usable = ", ".join(key for key, other in RECIPES.items() if other.task == model.task)
        raise InputError(
            f"train: the recipe must be for the model's task ({model.task}), got '{name}'. Use "
            f"{usable}."
        )
    return entry, entry.settings if isinstance(recipe, str) or recipe is None else recipe


def _checkpointer(
    trained: Model,
    *,
    out: Path,
    untrained: Model,
    images: Images,
    parts: Parts,
    seed: int,
    settings: Settings,
    overwrite: bool,
) -> Any:
    from repviz import provenance
    from repviz.training.checkpointing import FileCheckpointer

    hashes = images.hashes()
    trained_on = [hashes[row] for row in parts[0]]
    identity = {
        "model": untrained.name,
        "options": untrained.options,
        "weights": untrained.key,
        "images": images.key,
        "rows": provenance.key([part.tolist() for part in parts]),
        "seed": seed,
        **settings.decisions,
    }
    recipe = settings.decisions | {
        "seed": seed,
        "rows": len(trained_on),
        # How much larger than the input the images are before they are cropped.
        "resize_factor": 1 + settings.augment.get("crop", 0.0),
        "trained_on": [value[:16] for value in trained_on],
    }
    return FileCheckpointer(
        trained,
        out,
        identity=identity,
        recipe=recipe,
        images_key=images.key,
        interval=settings.save_every,
        tensorboard=settings.tensorboard,
        overwrite=overwrite,
    )


def _parts(
    images: Images, recipe: Recipe, held_out: float | Sequence[np.ndarray], seed: int
) -> Parts:
    """The rows to train on and the rows held out, drawn or as they are given."""
    from repviz.images import split
    from repviz.images.partition import by_for_labels

    if isinstance(held_out, Sequence) and not isinstance(held_out, str):
        return _checked(held_out, len(images))
    held_out = checks.real("train", "held_out", held_out, low=0.001, high=0.999)
    by = by_for_labels(images)
    if recipe.by == "label" and images.labels is not None:
        by = "label" if images.groups is None else "group"
    first, second = split(images, (1 - held_out, held_out), by=by, seed=seed)
    return first, second


def _checked(rows: Sequence[np.ndarray], n: int) -> Parts:
    try:
        first, second = (np.asarray(part, dtype=np.int64) for part in rows)
        flat = first.ndim == second.ndim == 1
    except (TypeError, ValueError, OverflowError):
        flat = False
    if not flat:
        raise InputError(
            "train: held_out must be two arrays of row numbers, to train on and held out, got "
            f"{checks.shown(rows)}."
        )
    both = np.concatenate([first, second])
    if not len(first) or not len(second) or len(np.unique(both)) < len(both):
        raise InputError(
            "train: held_out must be two non-empty arrays without a repeated row, got "
            f"{len(first)} "
            f"and {len(second)} rows, {len(np.unique(both))} distinct."
        )
    if both.min() < 0 or both.max() >= n:
        raise InputError(
            f"train: the rows of held_out must be from 0 to {n - 1}, got {both.min()} to "
            f"{both.max()}."
        )
    return first, second
