"""How often classifiers are right: alone and together, by the image's centre or by ten crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from repviz import checks, intervals, progress
from repviz.errors import InputError
from repviz.models.model import Model, Preprocessing, evaluating
from repviz.training.machine import Machine

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

VIEWS: dict[str, str] = {
    "centre": "the middle of the image",
    "ten": "the four corners and the middle, and their mirror images; probabilities averaged",
}
GROWN = 256 / 227  # how much larger an image is than a crop of it, as in the recipe of 2012
BATCH = 64


def probabilities(
    module: nn.Module,
    made_for: Preprocessing,
    pixels: np.ndarray,
    *,
    machine: Machine,
    views: str = "centre",
) -> Tensor:
    """What ``module`` holds each class for, (n, classes) float32 on the processor; rows sum to 1.

    Parameters
    ----------
    module : torch.nn.Module
        A classifier.
    made_for : Preprocessing
        Its input.
    pixels : ndarray, uint8, shape (n, c, h, w)
        At least as large as the input.
    machine : Machine
        On what it runs.
    views : str
        A key of :data:`VIEWS`.
    """
    home = next(module.parameters()).device
    module.to(machine.device)
    found = []
    with evaluating(module), machine.rounding():
        for start in range(0, len(pixels), BATCH):
            some = torch.from_numpy(np.array(pixels[start : start + BATCH])).to(machine.device)
            each = [
                module(made_for(crop)).float().softmax(1)
                for crop in crops(some, made_for.size, views)
            ]
            found.append(torch.stack(each).mean(0).cpu())
    module.to(home)
    return torch.cat(found)


def crops(images: Tensor, size: tuple[int, int], views: str) -> list[Tensor]:
    """What the views of ``images`` (b, c, h, w) are: each (b, c, *size)."""
    (height, width), (h, w) = images.shape[-2:], size
    down, right = height - h, width - w
    middle = (round(down / 2), round(right / 2))
    places = (
        [middle] if views == "centre" else [(0, 0), (0, right), (down, 0), (down, right), middle]
    )
    straight = [images[..., top : top + h, left : left + w] for top, left in places]
    return straight if views == "centre" else straight + [crop.flip(-1) for crop in straight]


@dataclass(frozen=True)
class Evaluation:
    """How often each model is right, and all of them together.

    Attributes
    ----------
    table : DataFrame
        A row a model, and one for the ensemble where there are several: ``model``; ``views``;
        ``accuracy``, ``low``, ``high`` (Clopper-Pearson, 95 %); ``right``, ``n``; ``chance``, the
        share of the commonest label.
    rows : ndarray of int, shape (n,)
        The images that were looked at.
    probabilities : ndarray of float32, shape (n, classes)
        Of the ensemble, or of the one model. Of several processes each holds its own images'.
    """

    table: pd.DataFrame
    rows: np.ndarray
    probabilities: np.ndarray


def evaluate(
    models: Sequence[Model] | Model,
    images: Images,
    *,
    views: str = "centre",
    rows: np.ndarray | None = None,
    seen: bool = False,
    machine: Machine | None = None,
) -> Evaluation:
    """How often trained classifiers are right on images that none of them was trained on.

    The ensemble averages the models' probabilities.

    Parameters
    ----------
    models : Model or sequence of Model
        From checkpoints of :func:`repviz.train` on labels.
    images : Images
        With labels, all among those the models know.
    views : str
        "centre", or "ten" for ten crops (of an image 256/227 times as large as the input).
    rows : ndarray of int, optional
        The images to look at; all that were in no model's training if left out.
    seen : bool
        Whether images that a model was trained on count too.
    machine : Machine, optional
        How the hardware is used. Several processes share the images, each once.

    Raises
    ------
    InputError
        The models and the images do not go together, or no image is left that is new to them.
    UnknownName
        No such views.
    """
    import pandas as pd

    models = [models] if isinstance(models, Model) else list(models)
    checks.one_of("evaluate", "way of viewing", views, VIEWS)
    machine = machine or Machine()
    codes = _codes(models, images)
    old = np.zeros(len(images), bool) if seen else _trained_on(models, images)
    rows = np.flatnonzero(~old) if rows is None else np.asarray(rows)
    if not seen and old[rows].any():
        raise InputError(
            f"evaluate: the images must be new to every model, got {int(old[rows].sum())} of "
            f"{len(rows)} that one was trained on. Leave them out, or say seen=True."
        )
    if not len(rows):
        raise InputError(
            "evaluate: at least one image must be new to every model, got 0. Train them on one "
            "split (the same split seed), or say seen=True."
        )
    mine = rows[machine.share(len(rows))]
    each = []
    with progress.task("evaluate", len(mine) * len(models)) as advance:
        for model in models:
            fitting = at_side(images, model, views).take(mine)
            found = [torch.empty(0, len(model.classes or ()))]
            for _, block in fitting.batches(BATCH):
                found.append(
                    probabilities(
                        model.module, model.preprocessing, block, machine=machine, views=views
                    )
                )
                advance(len(block))
            each.append(torch.cat(found))
    together = torch.stack(each).mean(0)
    names = [f"{place}: {model.name}, {model.weights}" for place, model in enumerate(models, 1)]
    judged = list(zip(names, each, strict=True))
    judged += [(f"ensemble of {len(models)}", together)] if len(models) > 1 else []
    answers = torch.from_numpy(codes[mine])
    counts = [float((found.argmax(1) == answers).sum()) for _, found in judged]
    right = machine.summed(torch.tensor(counts))
    chance = np.bincount(codes[rows]).max() / len(rows)
    table = pd.DataFrame(
        [
            _row(name, views, int(count), len(rows), float(chance))
            for (name, _), count in zip(judged, right.tolist(), strict=True)
        ]
    )
    return Evaluation(table, mine, together.numpy())


def unseen(models: Sequence[Model] | Model, images: Images) -> np.ndarray:
    """The rows of the images that none of the models was trained on, by their contents."""
    models = [models] if isinstance(models, Model) else list(models)
    return np.flatnonzero(~_trained_on(models, images))


def at_side(images: Images, model: Model, views: str = "centre") -> Images:
    """``images`` at the size at which ``model`` was trained to see them, before any crop."""
    height, width = model.preprocessing.size
    grown = float(model.recipe.get("grown", 1.0))
    grown = max(grown, GROWN) if views == "ten" else grown
    return images.at(
        size=(round(height * grown), round(width * grown)), grey=model.preprocessing.channels == 1
    )


def _row(name: str, views: str, right: int, n: int, chance: float) -> dict[str, object]:
    low, high = intervals.share(right, n)
    return {
        "model": name,
        "views": views,
        "accuracy": right / n,
        "low": low,
        "high": high,
        "right": right,
        "n": n,
        "chance": chance,
    }


def _codes(models: list[Model], images: Images) -> np.ndarray:
    """The place of each image's label among the models' classes."""
    if not models or images.labels is None:
        got = "no model" if not models else f"images '{images.name}' without labels"
        raise InputError(f"evaluate: there must be a model and labels, got {got}.")
    classes = models[0].classes
    for model in models:
        if model.classes is None or model.classes != classes:
            raise InputError(
                f"evaluate: every model must have been trained on the same labels, got "
                f"{_named(classes)} and {_named(model.classes)}. Train them on the same images."
            )
    place = {label: code for code, label in enumerate(classes or ())}
    unknown = [label for label in images.classes if label not in place]
    if unknown:
        raise InputError(
            f"evaluate: every label of the images must be one that the models know, got "
            f"'{unknown[0]}' ({len(unknown)} such). They know: {', '.join(list(place)[:20])}."
        )
    return np.array([place[str(label)] for label in images.labels], dtype=np.int64)


def _named(classes: tuple[str, ...] | None) -> str:
    return "none" if classes is None else f"{len(classes)} ({', '.join(classes[:3])}, ...)"


def _trained_on(models: list[Model], images: Images) -> np.ndarray:
    """Which of the images some model was trained on."""
    old = np.zeros(len(images), bool)
    hashes = np.array([value[:16] for value in images.hashes()])
    for model in models:
        old |= np.isin(hashes, list(model.recipe.get("trained_on", ())))
    return old
