"""Which images a study trains, validates and tests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repviz.errors import InputError
from repviz.images import split
from repviz.images.splitting import Labelled

SHARES = (0.7, 0.15, 0.15)
MIN_IDENTITIES = 20


@dataclass(frozen=True)
class Partition:
    """Three sets of rows that share no image, and no label where ``by`` is "label".

    Attributes
    ----------
    train, validation, test : ndarray of int
        Row numbers, ascending: to fit, to choose when to stop, to report.
    groups : ndarray, shape (n,)
        The unit that the intervals resample: the label, or the row where there is none.
    by : str
        "label" (people-disjoint where labels are people) or "image".
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    groups: np.ndarray
    by: str

    @property
    def clusters(self) -> np.ndarray | None:
        """Which rows are no independent draws, ``(n,)``: those of one label where it splits.

        None where images are split one by one: there a label is a kind, of which any number of
        images can be drawn, and the interval is over images.
        """
        return self.groups if self.by == "label" else None

    def names(self) -> np.ndarray:
        """The part of each row, ``(n,)`` of "train", "validation" or "test"."""
        names = np.empty(len(self.groups), dtype=object)
        for part in ("train", "validation", "test"):
            names[getattr(self, part)] = part
        return names


def partition(images: Labelled, *, by: str | None = None, seed: int = 0) -> Partition:
    """Rows to train on (70 %), to validate on (15 %) and to test on (15 %).

    Parameters
    ----------
    images : Images
        At least 10.
    by : {"label", "image"}, optional
        "label" keeps every label wholly on one side. The default is "label" where there are at
        least 20 labels, so that three or more are tested on, and "image" elsewhere.
    seed : int
        Which rows, or labels, go where.

    Raises
    ------
    InputError
        There are too few images or labels for three parts.
    """
    if len(images) < 10:
        raise InputError(
            f"partition: a study needs at least 10 images, got {len(images)}. Use more images."
        )
    by = by or ("label" if labels_are_identities(images) else "image")
    train, validation, test = split(images, SHARES, by=by, seed=seed)
    if len(test) < 2:
        raise InputError(
            f"partition: at least 2 images must be left for testing, got {len(test)} of "
            f"{len(images)}. Use more images."
        )
    groups = np.arange(len(images))
    # Of labels kept apart one alone says nothing of others; where they are not, its images do.
    if images.labels is not None and (by == "label" or len(np.unique(images.labels[test])) > 1):
        groups = np.asarray(images.labels)
    return Partition(train, validation, test, groups, by)


def identities(labels: np.ndarray | None) -> np.ndarray | None:
    """``labels`` (n,) where they are identities; None where rows are independent draws.

    For the intervals of shares: images of one person are more alike than those of two.
    """
    if labels is None or len(np.unique(labels)) < MIN_IDENTITIES:
        return None
    return labels


def labels_are_identities(images: Labelled) -> bool:
    """Whether labels are so many that each is taken for one thing, a person, and not for a kind."""
    return len(images.classes) >= MIN_IDENTITIES
