"""Accuracy of classifiers and of their ensemble, on the centre crop or averaged over ten crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from repviz import checks, intervals, progress
from repviz.errors import InputError
from repviz.images import as_images
from repviz.images.partition import clusters_of
from repviz.models.model import Model, Preprocessing, evaluating
from repviz.models.opening import as_model
from repviz.training.machine import Machine

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

VIEWS: dict[str, str] = {
    "centre": "the centre crop",
    "ten": "four corners and the centre, and their mirror images; probabilities averaged",
}
RESIZE_FACTOR = 256 / 227  # size of an image over that of its crops, as in 2012
BATCH = 64


def probabilities(
    module: nn.Module,
    preprocessing: Preprocessing,
    pixels: np.ndarray,
    *,
    machine: Machine,
    views: str = "centre",
) -> Tensor:
    """The class probabilities (n, classes) of ``module``, float32 on the CPU; rows sum to 1.

    Parameters
    ----------
    module : torch.nn.Module
        A classifier.
    preprocessing : Preprocessing
        How pixels become its input.
    pixels : ndarray, uint8, shape (n, c, h, w)
        At least as large as the input.
    machine : Machine
        How the hardware is used.
    views : str
        A key of :data:`VIEWS`.
    """
    home = next(module.parameters()).device
    module.to(machine.device)
    blocks = []
    with evaluating(module), machine.precision_context():
        for start in range(0, len(pixels), BATCH):
            block = torch.from_numpy(np.array(pixels[start : start + BATCH])).to(machine.device)
            each = [
                module(preprocessing(crop)).float().softmax(1)
                for crop in crops(block, preprocessing.size, views)
            ]
            blocks.append(torch.stack(each).mean(0).cpu())
    module.to(home)
    return torch.cat(blocks)


def crops(images: Tensor, size: tuple[int, int], views: str) -> list[Tensor]:
    """The crops of ``images`` (b, c, h, w) called ``views``, each (b, c, *size)."""
    (height, width), (h, w) = images.shape[-2:], size
    down, right = height - h, width - w
    centre = (round(down / 2), round(right / 2))
    corners = [centre]
    if views == "ten":
        corners = [(0, 0), (0, right), (down, 0), (down, right), centre]
    upright = [images[..., top : top + h, left : left + w] for top, left in corners]
    return upright if views == "centre" else upright + [crop.flip(-1) for crop in upright]


@dataclass(frozen=True)
class Evaluation:
    """The accuracy of each model and of their ensemble.

    Attributes
    ----------
    table : DataFrame
        One row per model, and one for the ensemble where there are several: ``model``; ``views``;
        ``accuracy``, ``low``, ``high`` (in [0, 1]; 95 %, over people where there are 20 labels or
        more, else over images); ``n_correct``, ``n``;
        ``chance``, the fraction of the commonest label.
    rows : ndarray of int, shape (n,)
        The rows of the images that were classified.
    probabilities : ndarray of float32, shape (n, classes)
        Class probabilities of the ensemble, or of the only model; of several processes each holds
        those of its own images.
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
    """The accuracy of trained classifiers on images that none of them was trained on.

    The ensemble averages the models' probabilities.

    Parameters
    ----------
    models : Model or sequence of Model
        From checkpoints of :func:`repviz.train` on labels.
    images : Images
        Images with labels, all among the classes of the models.
    views : str
        "centre", or "ten" for ten crops (of an image 256/227 times as large as the input).
    rows : ndarray of int, optional
        The rows to classify; all that no model was trained on if left out.
    seen : bool
        Whether images that a model was trained on are allowed.
    machine : Machine, optional
        How the hardware is used. Several processes share the images.

    Raises
    ------
    InputError
        The models' classes do not match the labels, or no image is left that is new to them.
    UnknownName
        There are no such views.
    """
    import pandas as pd

    models = [as_model("evaluate", model) for model in _listed(models)]
    images = as_images(images)
    checks.one_of("evaluate", "set of views", views, VIEWS)
    machine = machine or Machine()
    label_indices = _label_indices(models, images)
    seen = checks.flag("evaluate", "seen", seen)
    known = np.zeros(len(images), bool) if seen else _trained_on(models, images)
    rows = np.flatnonzero(~known) if rows is None else np.asarray(rows)
    if not seen and known[rows].any():
        raise InputError(
            f"evaluate: the images must be new to every model, got {int(known[rows].sum())} of "
            f"{len(rows)} that one was trained on. Leave them out, or pass seen=True."
        )
    if not len(rows):
        raise InputError(
            "evaluate: at least one image must be new to every model, got 0. Train all models on "
            "the same split (split_seed), or pass seen=True."
        )
    own = rows[machine.share(len(rows))]
    each = []
    with progress.task("evaluate", len(own) * len(models)) as advance:
        for model in models:
            resized = at_training_size(images, model, views).take(own)
            blocks = [torch.empty(0, len(model.classes or ()))]
            for _, block in resized.batches(BATCH):
                blocks.append(
                    probabilities(
                        model.module, model.preprocessing, block, machine=machine, views=views
                    )
                )
                advance(len(block))
            each.append(torch.cat(blocks))
    ensemble = torch.stack(each).mean(0)
    names = [f"{number}: {model.name}, {model.weights}" for number, model in enumerate(models, 1)]
    predictions = list(zip(names, each, strict=True))
    predictions += [(f"ensemble of {len(models)}", ensemble)] if len(models) > 1 else []
    targets = torch.from_numpy(label_indices[own])
    hits = torch.zeros(len(predictions), len(rows))
    for own_hits, (_, predicted) in zip(hits, predictions, strict=True):
        own_hits[machine.share(len(rows))] = (predicted.argmax(1) == targets).float()
    hits = machine.summed(hits) > 0
    groups = clusters_of(images.labels, images.groups)
    clusters = None if groups is None else groups[rows]
    chance = np.bincount(label_indices[rows]).max() / len(rows)
    table = pd.DataFrame(
        [
            _row(name, views, own_hits, clusters, float(chance))
            for (name, _), own_hits in zip(predictions, hits.cpu().numpy(), strict=True)
        ]
    )
    return Evaluation(table, own, ensemble.numpy())


def unseen(models: Sequence[Model] | Model, images: Images) -> np.ndarray:
    """The rows of the images that none of the models was trained on, by content hash."""
    models = [models] if isinstance(models, Model) else list(models)
    return np.flatnonzero(~_trained_on(models, images))


def saw_crops(model: Model) -> bool:
    """Whether ``model`` was trained on crops of larger images, as ten crops are; True if unknown.

    What was trained on complete images finds in a crop of a larger one a scale that it never saw.
    """
    return not model.recipe or "crop" in model.recipe.get("augment", {})


def at_training_size(images: Images, model: Model, views: str = "centre") -> Images:
    """``images`` at the size at which ``model`` was trained on them, before cropping."""
    height, width = model.preprocessing.size
    factor = float(model.recipe.get("resize_factor", 1.0))
    factor = max(factor, RESIZE_FACTOR) if views == "ten" else factor
    return images.at(
        size=(round(height * factor), round(width * factor)), grey=model.preprocessing.channels == 1
    )


def _row(
    name: str, views: str, hits: np.ndarray, clusters: np.ndarray | None, chance: float
) -> dict[str, object]:
    n_correct, n = int(hits.sum()), len(hits)
    low, high = intervals.accuracy(hits, clusters)
    return {
        "model": name,
        "views": views,
        "accuracy": n_correct / n,
        "low": low,
        "high": high,
        "n_correct": n_correct,
        "n": n,
        "chance": chance,
    }


def _listed(models: Any) -> list[Any]:
    several = isinstance(models, list | tuple)
    return list(models) if several else [models]


def _label_indices(models: list[Model], images: Images) -> np.ndarray:
    """The index of each image's label among the models' classes."""
    if not models or images.labels is None:
        got = "no model" if not models else f"images '{images.name}' without labels"
        raise InputError(
            f"evaluate: at least one model and labelled images must be given, got {got}."
        )
    classes = models[0].classes
    for model in models:
        if model.classes is None or model.classes != classes:
            raise InputError(
                f"evaluate: every model must have been trained on the same labels, got "
                f"{_named(classes)} and {_named(model.classes)}. Train them on the same images."
            )
    index = {label: number for number, label in enumerate(classes or ())}
    unknown = [label for label in images.classes if label not in index]
    if unknown:
        raise InputError(
            "evaluate: every label of the images must be a class of the models, got "
            f"'{unknown[0]}' ({len(unknown)} unknown). Known: {', '.join(list(index)[:20])}."
        )
    return np.array([index[str(label)] for label in images.labels], dtype=np.int64)


def _named(classes: tuple[str, ...] | None) -> str:
    return "none" if classes is None else f"{len(classes)} ({', '.join(classes[:3])}, ...)"


def _trained_on(models: list[Model], images: Images) -> np.ndarray:
    """A mask (n,) of the images that some model was trained on."""
    known = np.zeros(len(images), bool)
    hashes = np.array([value[:16] for value in images.hashes()])
    for model in models:
        known |= np.isin(hashes, list(model.recipe.get("trained_on", ())))
    return known
