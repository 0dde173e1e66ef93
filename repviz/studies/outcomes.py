"""The predictions of a classifier for each image of an evaluation, and its confusion matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repviz.images.collection import Images
from repviz.models.model import Model
from repviz.streams import stream
from repviz.studies.top_images import thumbnail
from repviz.studies.unit_activations import as_seen
from repviz.study_folder import Draft
from repviz.training.evaluation import Evaluation, at_training_size

SHOWN = 6  # pictures of wrongly classified images, and of rightly classified ones, at most


def write_outcomes(
    draft: Draft,
    model: Model,
    images: Images,
    found: Evaluation,
    *,
    seed: int,
    photographs: bool = True,
) -> None:
    """Write evaluation_images.csv and confusion.csv, and the pictures of some of the images.

    The pictures are of the six wrongly classified images with the highest probability, in this
    order, then of six rightly classified ones, drawn at random.

    Parameters
    ----------
    draft : Draft
        The stage that writes them.
    model : Model
        The classifier.
    images : Images
        Those that it was evaluated on are among them, with labels.
    found : Evaluation
        What :func:`repviz.evaluate` gives for ``model`` alone.
    seed : int
        Draws the rightly classified images.
    photographs : bool
        Whether pictures are kept.
    """
    classes, rows = np.asarray(model.classes, dtype=object), found.rows
    index = {label: place for place, label in enumerate(classes)}
    labels = np.array([index[str(label)] for label in np.asarray(images.labels)[rows]])
    predicted, each = found.probabilities.argmax(axis=1), np.arange(len(rows))
    table = pd.DataFrame(
        {
            "row": rows,
            "id": [images.ids[row] for row in rows],
            "label": classes[labels],
            "predicted": classes[predicted],
            "probability": found.probabilities[each, predicted],
            "label_probability": found.probabilities[each, labels],
            "correct": (predicted == labels).astype(int),
            "panel": -1,
        }
    )
    shown = _chosen(table, seed) if photographs else each[:0]
    table.loc[shown, "panel"] = np.arange(len(shown))
    draft.table("evaluation_images", table)
    if len(shown):
        seen = at_training_size(images, model)
        pictures = [thumbnail(as_seen(model.preprocessing, seen[row])) for row in rows[shown]]
        draft.array("evaluation_images", _grey_where_equal(np.stack(pictures)))
    pairs, counts = np.unique(np.stack([labels, predicted], axis=1), axis=0, return_counts=True)
    of = np.bincount(labels)[pairs[:, 0]]
    names = {"label": classes[pairs[:, 0]], "predicted": classes[pairs[:, 1]]}
    draft.table("confusion", pd.DataFrame({**names, "n": counts, "n_label": of}))


def _chosen(table: pd.DataFrame, seed: int) -> np.ndarray:
    """The indices of images to show: wrong ones by decreasing probability, then correct ones."""
    correct = table["correct"].to_numpy() == 1
    wrong, right = np.flatnonzero(~correct), np.flatnonzero(correct)
    order = np.argsort(-table["probability"].to_numpy()[wrong], kind="stable")
    drawn = stream(seed, "evaluation", "rightly classified").permutation(right)[:SHOWN]
    return np.concatenate([wrong[order[:SHOWN]], np.sort(drawn)])


def _grey_where_equal(pictures: np.ndarray) -> np.ndarray:
    """Pictures (n, c, h, w) as (n, 1, h, w) where all channels are equal, for fewer bytes."""
    return pictures[:, :1] if (pictures == pictures[:, :1]).all() else pictures
