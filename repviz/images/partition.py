"""The split of a study's images into training, validation and test set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from repviz.errors import InputError
from repviz.images import split
from repviz.images.splitting import Labelled

SHARES = (0.7, 0.15, 0.15)
MIN_IDENTITIES = 20
ALONE = "\0"  # begins the name of a cluster of one image


@dataclass(frozen=True)
class Partition:
    """Training, validation and test rows, disjoint; so are their groups or labels, by ``by``.

    Attributes
    ----------
    train, validation, test : ndarray of int
        Row numbers, ascending: to fit, to choose when to stop, to report.
    groups : ndarray, shape (n,)
        The unit that the intervals resample: the group, the label where labels are identities, or
        else the row.
    by : str
        "group", "label" (people-disjoint where labels are people) or "image".
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    groups: np.ndarray
    by: str

    @property
    def clusters(self) -> np.ndarray | None:
        """The cluster of each row, ``(n,)``: rows of one cluster are not independent draws.

        The groups or labels that were split; None where single images were: a label is then a
        class, of which any number of images can be drawn, and intervals are over images.
        """
        return None if self.by == "image" else self.groups

    def names(self) -> np.ndarray:
        """The set that each row is in, ``(n,)``: "train", "validation" or "test"."""
        names = np.empty(len(self.groups), dtype=object)
        for part in ("train", "validation", "test"):
            names[getattr(self, part)] = part
        return names


def partition(images: Labelled, *, by: str | None = None, seed: int = 0) -> Partition:
    """Rows for training (70 %), validation (15 %) and testing (15 %).

    Parameters
    ----------
    images : Images
        At least 10.
    by : {"group", "label", "image"}, optional
        "group" and "label" keep each of them wholly on one side. The default is "group" where the
        images have groups, else "label" where there are at least 20 labels, so that three or more
        are tested on, and "image" elsewhere.
    seed : int
        Which rows, labels or groups go where.

    Raises
    ------
    InputError
        There are too few images, labels or groups for three parts, or the images have groups,
        which ``by`` would separate.
    """
    if len(images) < 10:
        raise InputError(
            f"partition: a study needs at least 10 images, got {len(images)}. Use more images."
        )
    if images.groups is not None and by not in (None, "group"):
        raise InputError(
            f"partition: images with groups are split by group, got by='{by}'. Leave one of them "
            "out."
        )
    units = clusters_of(images.labels, images.groups)
    by = by or ("image" if units is None else "label" if images.groups is None else "group")
    train, validation, test = split(images, SHARES, by=by, seed=seed)
    if len(test) < 2:
        raise InputError(
            f"partition: at least 2 images must be left for testing, got {len(test)} of "
            f"{len(images)}. Use more images."
        )
    groups = independent_units(len(images), images.labels, images.groups, test, by=by)
    return Partition(train, validation, test, groups, by)


def independent_units(
    n: int, labels: np.ndarray | None, groups: np.ndarray | None, test: np.ndarray, *, by: str
) -> np.ndarray:
    """The independent unit of each image, ``(n,)``: its group or label, or its row number.

    Parameters
    ----------
    n : int
        Number of images.
    labels, groups : ndarray of str, shape (n,), or None
        As :func:`clusters_of` takes them.
    test : ndarray of int
        The rows that are tested.
    by : str
        How the images are split: "group", "label" or "image".
    """
    units = clusters_of(labels, groups)
    if groups is not None:
        return np.asarray(units)
    if by == "label":
        return np.asarray(labels if units is None else units)
    # Of labels that are not kept apart one alone says nothing of others; its images do.
    several = units is not None and len(np.unique(units[test])) > 1
    return np.asarray(units) if several else np.arange(n)


def clusters_of(labels: np.ndarray | None, groups: np.ndarray | None) -> np.ndarray | None:
    """The cluster of each image, ``(n,)``, for intervals; None where images are independent.

    Images of one person are more alike than those of two: intervals resample them together.

    Parameters
    ----------
    labels : ndarray of str, shape (n,), or None
        Used where no groups are declared and there are at least 20 labels: each label is then
        taken for one individual, not for a class. An image without a label ("") is a cluster of
        its own.
    groups : ndarray of str, shape (n,), or None
        The declared groups; an image without one ("") is a cluster of its own.
    """
    units = labels if groups is None else groups
    if units is None:
        return None
    unknown = units == ""
    if groups is None and len(np.unique(units[~unknown])) < MIN_IDENTITIES:
        return None
    return np.where(unknown, alone(len(units)), units) if unknown.any() else units


def alone(n: int) -> np.ndarray:
    """Names for n clusters of one image each, ``(n,)`` of str, that no label or group can have."""
    return np.array([f"{ALONE}{row}" for row in range(n)], dtype=str)  # np.char.add loses a NUL


def labels_cross(labels: np.ndarray | None, clusters: np.ndarray) -> bool:
    """Whether every label occurs in two clusters or more.

    Only then can clusters be split and every label be both in the training and in the test set.
    """
    if labels is None:
        return True
    labelled = labels != ""
    pairs = np.unique(np.stack([labels[labelled], clusters[labelled]]).astype(str), axis=1)
    return bool((np.unique(pairs[0], return_counts=True)[1] > 1).all())


def by_for_labels(images: Labelled) -> str:
    """How to split images for a classifier: "group", or "image" if a label has only one group.

    A label that occurs in a single group could not be in the training and in the test set.
    """
    if images.groups is None or not labels_cross(images.labels, images.groups):
        return "image"
    return "group"
