"""Training: :data:`RECIPES` by what a model's output is to match, :func:`train` for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images
    from repviz.models.model import Model

__all__ = ["RECIPES", "Recipe", "Settings", "Training", "train"]

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
        of both parts, and by name ``settings``, ``seed`` and ``keep``; it gives the trained copy
        and the table.
    by : str
        How :func:`repviz.split` parts the images: "image", or "label" where labels are known.
    task : str
        What the models it trains are to match.
    usual : str
        ``file:name`` of its :class:`Settings`.
    resumes : bool
        Whether it goes on where it was when it is started again.
    """

    summary: str
    home: str
    by: str
    task: str
    usual: str
    resumes: bool

    @property
    def run(self) -> Callable[..., tuple[Model, pd.DataFrame]]:
        """The function that ``home`` names."""
        found: Callable[..., Any] = _named(self.home)
        return found

    @property
    def settings(self) -> Settings:
        """What it decides where nothing else is said."""
        found: Settings = _named(self.usual)
        return found


def _named(place: str) -> Any:
    file, _, name = place.partition(":")
    return getattr(import_module(f"{__name__}.{file}"), name)


RECIPES: dict[str, Recipe] = {
    "labels": Recipe(
        "classify the labels, from few images: settled units, shifted images, 6 epochs",
        "alexnet_recipe:train_on_labels",
        by="image",
        task="labels",
        usual="alexnet_recipe:FEW",
        resumes=True,
    ),
    "paper": Recipe(
        "classify the labels as in 2012: batch 128, crops, flips, PCA colour, at most 90 epochs",
        "alexnet_recipe:train_on_labels",
        by="image",
        task="labels",
        usual="alexnet_recipe:PAPER",
        resumes=True,
    ),
    "pixels": Recipe(
        "reconstruct the images: from PCA where the model can, the best validated epoch kept",
        "autoencoder_recipe:train_on_pixels",
        by="label",
        task="pixels",
        usual="autoencoder_recipe:SETTINGS",
        resumes=False,
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
    recipe: str | Settings | None = None,
) -> Training:
    """A trained copy of ``model``, with a table of how training went.

    Parameters
    ----------
    model : Model
        From :func:`repviz.open_model`.
    images : Images
        From :func:`repviz.open_images`, with labels where labels are to be learned.
    out : str or Path, optional
        The checkpoint to write (``.safetensors``), and beside it the curves (``.csv``). While a
        network learns labels it is kept there every two minutes, and when a signal ends the
        process; the same call then goes on from there, bit by bit as if nothing had been. A
        training that is over is read, not repeated.
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
    recipe : str or Settings, optional
        A key of :data:`RECIPES`, or settings of one's own; that of the model's task if left out.

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
    UnknownName
        No such recipe.
    StoreError
        ``out`` cannot be written, or holds another training.
    """
    from repviz.models.checkpoints import save_checkpoint

    chosen, settings = _recipe(model, recipe)
    checks.integer("train", "seed", seed, low=0, high=2**32 - 1)
    settings = replace(
        settings,
        epochs=settings.epochs if epochs is None else epochs,
        batch=settings.batch if batch is None else batch,
    )
    parts = _parts(images, chosen, held_out, seed) if rows is None else _given(rows, len(images))
    keep = None
    if out is not None and chosen.resumes:
        keep = partial(
            _keeping,
            out=Path(out),
            start=model,
            images=images,
            parts=parts,
            seed=seed,
            settings=settings,
        )
    trained, table = chosen.run(model, images, parts, settings=settings, seed=seed, keep=keep)
    checkpoint = None if out is None else Path(out)
    if out is not None and keep is None:
        how = settings.decisions | {"seed": seed, "rows": len(parts[0])}
        save_checkpoint(trained, out, recipe=how, images_key=images.key)
    return Training(trained, table, checkpoint)


def _recipe(model: Model, recipe: str | Settings | None) -> tuple[Recipe, Settings]:
    name = recipe if isinstance(recipe, str) else model.task
    chosen = RECIPES[checks.one_of("train", "recipe", name, RECIPES)]
    if chosen.task != model.task:
        able = ", ".join(key for key, entry in RECIPES.items() if entry.task == model.task)
        raise InputError(
            f"train: the recipe must be one for {model.task}, which the model is to match, got "
            f"'{name}'. Use {able}."
        )
    return chosen, chosen.settings if isinstance(recipe, str) or recipe is None else recipe


def _keeping(
    trained: Model,
    *,
    out: Path,
    start: Model,
    images: Images,
    parts: Parts,
    seed: int,
    settings: Settings,
) -> Any:
    from repviz import provenance
    from repviz.training.keeping import FileCheckpointer

    hashes = images.hashes()
    learned = [hashes[row] for row in parts[0]]
    identity = {
        "model": start.name,
        "options": start.options,
        "weights": start.key,
        "images": images.key,
        "rows": provenance.key([part.tolist() for part in parts]),
        "seed": seed,
        **settings.decisions,
    }
    grown = 1 + settings.augment.get("crop", 0.0)
    recipe = (
        settings.decisions
        | {
            "seed": seed,
            "rows": len(learned),
            "grown": grown,  # how much larger than the input the images are before they are cropped
            "trained_on": [value[:16] for value in learned],
        }
    )
    return FileCheckpointer(
        trained,
        out,
        identity=identity,
        recipe=recipe,
        images_key=images.key,
        every=settings.save_every,
        tensorboard=settings.tensorboard,
    )


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
