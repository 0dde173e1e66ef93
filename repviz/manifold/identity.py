"""Nearest-neighbour identity: how often the nearest image has the same label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.manifold.neighbors import neighbors_between


@dataclass(frozen=True, eq=False)
class NearestIdentity:
    """Nearest-neighbour identity of some rows.

    Attributes
    ----------
    share : float
        The share of queries whose nearest known row carries their label, in [0, 1].
    low, high : float
        Its 95 % interval; NaN where all queries belong to one group.
    chance : float
        What a known row drawn at random reaches, in [0, 1].
    n : int
        The number of queries.
    hits : ndarray of bool, shape (n,)
        Which queries have a nearest row of their label, for paired comparisons.
    """

    share: float
    low: float
    high: float
    chance: float
    n: int
    hits: np.ndarray


def nearest_identity(
    X: Any, labels: Any, *, known: Any = None, queries: Any = None, groups: Any = None
) -> NearestIdentity:
    """The share of rows whose nearest known row, other than themselves, has the same label.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row per image.
    labels : array_like, shape (n,)
        Who or what each image shows.
    known : array_like of int, optional
        Rows that are searched; all if None.
    queries : array_like of int, optional
        Rows whose nearest known row is looked up; all if None.
    groups : array_like, shape (n,), optional
        Which rows are not independent draws, such as the images of one person: the interval then
        takes whole groups (Korn and Graubard 1998), and is Clopper-Pearson's otherwise.

    Raises
    ------
    InputError
        ``labels`` has not one entry per row, or fewer than two rows can be compared.
    """
    X = checks.matrix("nearest_identity", X)
    labels = np.asarray(labels)
    if labels.shape != (len(X),):
        raise InputError(
            f"nearest_identity: labels must have one entry for each of {len(X)} rows, got shape "
            f"{labels.shape}."
        )
    known = np.arange(len(X)) if known is None else np.asarray(known)
    queries = np.arange(len(X)) if queries is None else np.asarray(queries)
    overlap = bool(np.isin(queries, known).any())
    found, _ = neighbors_between(X[queries], X[known], k=1 + overlap)
    nearest = known[found]  # (m, 1), or (m, 2) where a query may find itself first
    other = nearest[:, 0]
    if overlap:
        other = np.where(nearest[:, 0] == queries, nearest[:, 1], nearest[:, 0])
    hits = labels[other] == labels[queries]
    low, high = intervals.accuracy(hits, None if groups is None else np.asarray(groups)[queries])
    same = (labels[queries][:, None] == np.unique(labels[known])[None, :]) @ np.unique(
        labels[known], return_counts=True
    )[1]
    own = np.isin(queries, known)
    chance = float(np.mean((same - own) / (len(known) - own)))
    return NearestIdentity(float(hits.mean()), low, high, chance, len(queries), hits)
