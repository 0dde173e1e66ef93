"""Splitting a set of images: stratified by label, or with disjoint labels or groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from repviz import checks
from repviz.errors import InputError

METHODS = ("image", "label", "group")


class Labelled(Protocol):
    """Interface of what can be split: :class:`repviz.images.collection.Images`, labelled rows."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def labels(self) -> np.ndarray | None:
        """The label of each row, where there are labels."""

    @property
    def groups(self) -> np.ndarray | None:
        """The group of each row, where groups are declared."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels."""

    @property
    def label_indices(self) -> np.ndarray:
        """The index of each row's label among :attr:`classes`."""

    def __len__(self) -> int: ...


def split(
    images: Labelled, fractions: Sequence[float], *, by: str | None = None, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """The rows of each part: disjoint sorted int64 arrays that together hold every row.

    Parameters
    ----------
    images : Images
        What to split.
    fractions : sequence of float
        The share of each part, each above 0, that sum to 1.
    by : {"image", "label", "group"}, optional
        "image": stratified by label, so that each part holds its share of every label (of 10
        images of a person, 0.7 is 7). "label": a group split, which keeps all images of a label in
        one part (people-disjoint); the shares are then shares of the labels. "group": the same
        with declared groups, stratified by the most frequent label of each. The default is "group"
        where the images have groups, and "image" elsewhere.
    seed : int
        Chooses which goes where.

    Raises
    ------
    InputError
        The fractions are not shares of 1, a part would stay empty, or ``by`` asks for labels or
        groups that the images do not have.
    UnknownName
        ``by`` is none of these.
    """
    if not hasattr(images, "classes"):
        raise InputError(
            f"split: images must be Images, got {checks.shown(images)}. Open them: "
            "repviz.open_images."
        )
    by = by or ("image" if images.groups is None else "group")
    checks.one_of("split", "way to split", by, METHODS)
    shares = _shares(fractions)
    seed = checks.seed("split", seed)
    rng = np.random.default_rng(seed)
    if by != "image" and getattr(images, f"{by}s") is None:
        raise InputError(
            f"split: by='{by}' needs {by}s, and images '{images.name}' have none. Use by='image'."
        )
    labels = np.zeros(len(images), np.int64) if images.labels is None else images.label_indices
    if by == "label":
        order = rng.permutation(len(images.classes))
        sides = _apportion(len(order), shares, np.zeros(len(shares)))[0]
        part_of = np.repeat(np.arange(len(shares)), sides)[np.argsort(order)][images.label_indices]
    elif by == "group":
        _, group_of = np.unique(np.asarray(images.groups), return_inverse=True)
        counts = np.zeros((group_of.max() + 1, labels.max() + 1), np.int64)
        np.add.at(counts, (group_of, labels), 1)
        part_of = _stratified(counts.argmax(axis=1), shares, rng)[group_of]
    else:
        part_of = _stratified(labels, shares, rng)
    parts = tuple(np.flatnonzero(part_of == part) for part in range(len(shares)))
    _refuse_empty(images, fractions, parts, by)
    return parts


def _stratified(
    label_indices: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    part_of = np.empty(len(label_indices), np.int64)
    # What rounding takes from a part in one label is given back in the next, so that the parts
    # have their shares of the whole even where every label has only a few images.
    owed = np.zeros(len(shares))
    for index in rng.permutation(label_indices.max() + 1):
        rows = rng.permutation(np.flatnonzero(label_indices == index))
        counts, owed = _apportion(len(rows), shares, owed)
        part_of[rows] = np.repeat(np.arange(len(shares)), counts)
    return part_of


def _apportion(count: int, shares: np.ndarray, owed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``count`` items apportioned by largest remainders, and what each part is still owed."""
    due = np.round(shares * count + owed, 9)
    counts = np.maximum(np.floor(due), 0).astype(np.int64)
    while counts.sum() > count:  # a negative quota of one part is taken from the others
        counts[np.argmax(np.where(counts > 0, counts - due, -np.inf))] -= 1
    while counts.sum() < count:
        counts[np.argmax(due - counts)] += 1
    return counts, due - counts


def _shares(fractions: Sequence[float]) -> np.ndarray:
    try:
        shares = np.asarray(fractions, dtype=float)
    except (TypeError, ValueError, RuntimeError):  # a tensor that requires grad
        shares = np.zeros(0)
    if (
        shares.ndim != 1
        or not len(shares)
        or not (shares > 0).all()
        or abs(shares.sum() - 1) > 1e-6
    ):
        raise InputError(
            "split: fractions must be numbers above 0 that sum to 1, got "
            f"{checks.shown(fractions)}. For example: (0.7, 0.3)."
        )
    return shares


def _refuse_empty(
    images: Labelled, fractions: Sequence[float], parts: tuple[np.ndarray, ...], by: str
) -> None:
    empty = [place for place, part in enumerate(parts, 1) if not len(part)]
    if empty:
        labels = "no labels" if images.labels is None else f"{len(images.classes)} labels"
        if images.groups is not None:
            labels += f", {len(np.unique(images.groups))} groups"
        shares = ", ".join(f"{fraction:g}" for fraction in fractions)
        raise InputError(
            f"split: every part must get at least one image, got none for part {empty[0]} of "
            f"{len(parts)} ({len(images)} images, {labels}, fractions {shares}). Use more {by}s "
            "or larger fractions."
        )
