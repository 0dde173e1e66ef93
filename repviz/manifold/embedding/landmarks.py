"""UMAP of large sets: fitted to randomly drawn landmarks, then extended to all other rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from umap.layouts import optimize_layout_euclidean
from umap.umap_ import compute_membership_strengths, find_ab_params, smooth_knn_dist

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.embedding.umap_map import MOST_NEIGHBORS, in_float32, umap
from repviz.manifold.neighbors import neighbors as nearest
from repviz.manifold.neighbors import neighbors_between

REFINED = 60  # epochs in which placed points move and the landmarks do not
BLOCK = 20_000  # rows that are placed at a time


@dataclass(frozen=True, eq=False)
class LandmarkMap:
    """A UMAP embedding fitted to some of the rows; :meth:`transform` embeds new ones.

    Attributes
    ----------
    embedding : ndarray of float32, shape (n, components)
        The coordinates of every row.
    landmarks : ndarray of int64, shape (m,)
        The rows that UMAP was fitted to, ascending.
    """

    embedding: np.ndarray = field(repr=False)
    landmarks: np.ndarray = field(repr=False)
    _rows: np.ndarray = field(repr=False)
    _neighbors: int = field(repr=False)
    _min_dist: float = field(repr=False)
    _seed: int = field(repr=False)

    def transform(self, X: Any) -> np.ndarray:
        """The coordinates (m, components) of new rows X (m, d); the embedding itself stays fixed.

        Raises
        ------
        InputError
            ``X`` is not a finite matrix of the map's d columns.
        """
        X = checks.matrix("LandmarkMap.transform", X, rows=1)
        drawn = self.embedding[self.landmarks]
        if X.shape[1] != self._rows.shape[1]:
            raise InputError(
                f"LandmarkMap.transform: X must have {self._rows.shape[1]} columns, as in fitting, "
                f"got {X.shape[1]}."
            )
        return _placed(X, self._rows, drawn, self._neighbors, self._min_dist, self._seed)


def umap_by_landmarks(
    X: Any,
    *,
    landmarks: int = 10_000,
    components: int = 2,
    neighbors: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
) -> LandmarkMap:
    """A UMAP embedding fitted to random landmarks, in which all other rows are then placed.

    A row starts at the mean of its nearest landmarks, weighted by UMAP's membership strengths, and
    is optimised for a few epochs with the landmarks fixed. Structure that the landmarks miss cannot
    appear.

    Parameters
    ----------
    X : array_like, shape (n, d)
        An array, or a stored layer, which is read in blocks.
    landmarks : int
        How many rows UMAP is fitted to, from 3; all rows where there are no more.
    components, neighbors, min_dist, seed
        As in :func:`repviz.umap`; the seed also draws the landmarks.

    Raises
    ------
    InputError
        ``X`` or an option is not what it must be.
    """
    wanted = checks.integer("umap_by_landmarks", "landmarks", landmarks, low=3)
    near = checks.integer("umap_by_landmarks", "neighbors", neighbors, low=2, high=MOST_NEIGHBORS)
    X = checks.sliceable("umap_by_landmarks", X)
    if len(X.shape) != 2:
        X = checks.matrix("umap_by_landmarks", X, rows=3)
    seed = checks.seed("umap_by_landmarks", seed)
    n = X.shape[0]
    chosen = np.arange(n)
    if wanted < n:
        chosen = np.sort(np.random.default_rng(seed).choice(n, wanted, replace=False))
    rows = checks.matrix("umap_by_landmarks", X[chosen], rows=3)
    near = min(near, len(rows))
    graph = nearest(rows, k=near - 1)
    drawn = umap(graph, components=components, neighbors=near, min_dist=min_dist, seed=seed)
    placed = np.empty((n, drawn.shape[1]), np.float32)
    placed[chosen] = drawn
    others = np.setdiff1d(np.arange(n), chosen)
    for start in range(0, len(others), BLOCK):
        part = others[start : start + BLOCK]
        block = checks.matrix("umap_by_landmarks", X[part], rows=1)
        placed[part] = _placed(block, rows, drawn, near, min_dist, seed)
    return LandmarkMap(placed, chosen, rows, near, min_dist, seed)


def place_on_map(
    X: Any,
    rows: Any,
    embedding: Any,
    *,
    neighbors: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
) -> np.ndarray:
    """The coordinates (m, components) of new rows in an existing UMAP embedding, which stays fixed.

    A row starts at the mean of its nearest rows, weighted by UMAP's membership strengths, and is
    optimised for a few epochs. However far it is from all rows, it is placed among them: the map
    cannot show that distance.

    Parameters
    ----------
    X : array_like, shape (m, d)
        The rows to place.
    rows : array_like, shape (n, d)
        The rows of the map, n >= 2.
    embedding : array_like, shape (n, components)
        Their coordinates.
    neighbors, min_dist, seed
        As in :func:`repviz.umap`: those with which the embedding was made.

    Raises
    ------
    InputError
        A matrix is not finite, or the matrices do not fit each other.
    """
    who = "place_on_map"
    rows = checks.matrix(who, rows, rows=2)
    X = checks.matrix(who, X, rows=1)
    drawn = checks.matrix(who, embedding, rows=2)
    near = checks.integer(who, "neighbors", neighbors, low=2, high=MOST_NEIGHBORS)
    min_dist = checks.real(who, "min_dist", min_dist, low=0, high=1)
    seed = checks.seed(who, seed)
    if X.shape[1] != rows.shape[1]:
        raise InputError(
            f"{who}: X must have {rows.shape[1]} columns, as the map's rows, got {X.shape[1]}."
        )
    if len(drawn) != len(rows):
        raise InputError(
            f"{who}: embedding must have one row for each of the map's {len(rows)} rows, got "
            f"{len(drawn)}."
        )
    return _placed(X, rows, drawn, min(near, len(rows)), min_dist, seed)


def _placed(
    X: np.ndarray, rows: np.ndarray, drawn: np.ndarray, near: int, min_dist: float, seed: int
) -> np.ndarray:
    indices, distances = neighbors_between(X, rows, k=near)
    lengths = in_float32(distances)
    widths, nearest_each = smooth_knn_dist(lengths, float(near), local_connectivity=0.0)
    heads, tails, strengths, _ = compute_membership_strengths(
        indices.astype(np.int32), lengths, widths, nearest_each, False, True
    )
    weights = np.zeros((len(X), near), np.float32)
    weights.ravel()[:] = strengths
    totals = weights.sum(axis=1, keepdims=True)
    weights /= np.where(totals > 0, totals, 1)
    start = np.einsum("ij,ijc->ic", weights, drawn[indices]).astype(np.float32)
    a, b = find_ab_params(1.0, min_dist)
    kept = strengths > strengths.max() / REFINED
    every = (strengths.max() / strengths[kept]).astype(np.float64)  # epochs between pulls
    state = np.random.RandomState(seed).randint(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64)
    moved = optimize_layout_euclidean(
        start,
        drawn.astype(np.float32).copy(),
        heads[kept].astype(np.int32),
        tails[kept].astype(np.int32),
        REFINED,
        len(rows),
        every,
        a,
        b,
        state,
        initial_alpha=0.25,
        parallel=False,
        move_other=False,
    )
    return np.ascontiguousarray(moved, dtype=np.float32)
