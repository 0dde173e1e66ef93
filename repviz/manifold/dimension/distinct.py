"""Neighbours among rows that differ: identical rows, and near copies, count once.

Where a tenth of the rows has a copy that a little noise was added to, two distances describe the
noise and not the set: TwoNN reads 0.5 of three dimensions. Such pairs stand out: the nearest row is
``NEAR_DUPLICATE_RATIO`` times nearer than the next, which among even rows of dimension d happens
to a share
``NEAR_DUPLICATE_RATIO``^-d of them. Where it happens to far more, each pair counts once, and a
warning says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from repviz.errors import InputError
from repviz.manifold.dimension.uncertainty import Dependence, reach, sharing
from repviz.manifold.neighbors import Neighbors

NEAR_DUPLICATE_RATIO = (
    20.0  # the second nearest row over the nearest, from which on two rows are near copies
)
UNLIKELY = 2.0, 0.01  # times the expected share, and more of the rows: not by chance
ROUNDING = 1e-9, 1e-6  # relative, of distances between rows of float64 and of float32
FEWEST = 10  # rows below which no estimator says anything
BLOCK_BYTES = 32 << 20  # of neighbours' vectors that are held at a time
KEPT_BYTES = 64 << 20  # of Gram matrices that are kept for the next estimator


@dataclass(frozen=True, eq=False)
class Distinct:
    """The k nearest different rows of each different row.

    Attributes
    ----------
    distances : ndarray of float64, shape (m, k)
        All greater than 0, nearest first; chords of the unit sphere where the metric is cosine.
    touched : ndarray of int64, shape (m, k + 1)
        The row itself and its neighbours, numbered among the different rows.
    first : ndarray of int64, shape (different rows,)
        The row of the graph that stands for each different row.
    number : ndarray of int64, shape (n,)
        Which different row each row of the graph is.
    dropped : int
        How many different rows had fewer than k different neighbours in the graph.
    alike : int
        How many rows are near copies of another.
    graph : Neighbors
    """

    distances: np.ndarray = field(repr=False)
    touched: np.ndarray = field(repr=False)
    first: np.ndarray = field(repr=False)
    number: np.ndarray = field(repr=False)
    dropped: int
    alike: int
    graph: Neighbors = field(repr=False)

    @cached_property
    def sharing(self) -> Dependence:
        """Which rows' estimates depend on each other, for intervals."""
        k = self.distances.shape[1]
        if self.graph.k >= reach(k) > k:
            wider = distinct(self.graph, reach(k))
            if np.array_equal(wider.touched[:, 0], self.touched[:, 0]):
                return replace(wider.touching, radius=self.distances[:, -1])
        return self.touching

    @cached_property
    def touching(self) -> Dependence:
        """Which rows share one of the k neighbours themselves, or a group."""
        groups = None if self.graph.groups is None else self.graph.groups[self.first]
        return sharing(self.touched, self.distances[:, -1], groups)

    @property
    def groups(self) -> np.ndarray | None:
        """The declared group of each row used, (m,), or None."""
        groups = self.graph.groups
        return None if groups is None else groups[self.first[self.touched[:, 0]]]

    @property
    def merged(self) -> bool:
        """Whether some rows count as one."""
        return len(self.first) < self.graph.n

    @property
    def lengths(self) -> np.ndarray:
        """All the graph's distances (n, graph.k), as lengths."""
        return _lengths(self.graph, self.graph.distances)

    def spread(self, local: np.ndarray) -> np.ndarray:
        """Values (m,) of the rows used, handed to all n rows of the graph; NaN where dropped."""
        all_different = np.full(len(self.first), np.nan)
        all_different[self.touched[:, 0]] = local
        return all_different[self.number]

    def grams(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of rows with their Gram matrices (block, k, k).

        Entry (a, b) is the inner product of the vectors from the row to its neighbours a and b.
        """
        m, k = self.distances.shape
        if 8 * m * k * k <= KEPT_BYTES:
            step = max(1, BLOCK_BYTES // (8 * k * k))
            for start in range(0, m, step):
                part = slice(start, min(start + step, m))
                yield part, self._grams[part]
        else:
            yield from self._made_grams()

    @cached_property
    def _grams(self) -> np.ndarray:
        return np.concatenate([grams for _, grams in self._made_grams()])

    def _made_grams(self) -> Iterator[tuple[slice, np.ndarray]]:
        m, k = self.distances.shape
        X = self.graph.X
        step = max(1, BLOCK_BYTES // (8 * k * (X.shape[1] + k)))
        for start in range(0, m, step):
            part = slice(start, min(start + step, m))
            rows = X[self.first[self.touched[part]]].astype(np.float64)  # (block, k + 1, d)
            if self.graph.metric == "cosine":
                rows /= np.linalg.norm(rows, axis=2, keepdims=True)
            apart = rows[:, 1:] - rows[:, :1]
            yield part, apart @ apart.transpose(0, 2, 1)


def distinct(graph: Neighbors, k: int) -> Distinct:
    """The graph's first k neighbours of each row, with identical rows counted once.

    Raises
    ------
    InputError
        The graph has fewer than k neighbours a row, fewer than 10 rows are left, or every row's
        neighbours are equally far.
    """
    if k not in graph.made:
        graph.made[k] = _distinct(graph, k)
    found: Distinct = graph.made[k]
    return found


def _distinct(graph: Neighbors, k: int) -> Distinct:
    if graph.k < k:
        more = "Give it more images" if graph.n <= k else f"Make it with neighbors(X, k={2 * k})"
        raise InputError(
            f"dimension: the graph must hold at least {k} neighbours a row, got {graph.k}. {more}."
        )
    alike = near_copies(graph)
    if graph.duplicates == 0 and len(alike) == 0:
        found = _all(graph, k)
    else:
        found = _one_of_each(graph, k, alike)
    if len(found.distances) < FEWEST:
        raise InputError(
            f"dimension: at least {FEWEST} different rows with {k} different neighbours each are "
            f"needed, got {len(found.distances)} of {graph.n} rows. Give it more images, or leave "
            "out copies: np.unique(X, axis=0)."
        )
    near, far = found.distances[:, 0], found.distances[:, -1]
    if (far <= (1 + ROUNDING[int(graph.X.dtype == np.float32)]) * near).all():
        raise InputError(
            f"dimension: a row's {k} nearest rows must not all be equally far, got that in every "
            "row. The values are too coarse; give it the rows before they were rounded."
        )
    return found


def _lengths(graph: Neighbors, distances: np.ndarray) -> np.ndarray:
    """Lengths, of which a ball of radius r holds r^d: 1 - cos is half the square of a chord."""
    return distances if graph.metric == "euclidean" else np.sqrt(2 * distances)


def near_copies(graph: Neighbors) -> np.ndarray:
    """Pairs of rows (p, 2) that are alike but not identical; none where chance explains them."""
    if "near copies" not in graph.made:
        graph.made["near copies"] = _near_copies(graph)
    found: np.ndarray = graph.made["near copies"]
    return found


def _near_copies(graph: Neighbors) -> np.ndarray:
    none = np.empty((0, 2), np.int64)
    if graph.k < 2:
        return none
    rows = _all(graph, 2) if graph.duplicates == 0 else _one_of_each(graph, 2, none)
    if len(rows.distances) == 0:
        return none
    ratios = rows.distances[:, 1] / rows.distances[:, 0]
    middle = float(np.median(ratios))
    if middle == 1:
        return none
    dimension = np.log(2) / np.log(middle)
    times, more = UNLIKELY
    alike = ratios > NEAR_DUPLICATE_RATIO
    if alike.mean() <= times * NEAR_DUPLICATE_RATIO**-dimension + more:
        return none
    return rows.first[rows.touched[alike, :2]]


def _all(graph: Neighbors, k: int) -> Distinct:
    own = np.arange(graph.n)
    touched = np.hstack([own[:, None], graph.indices[:, :k]])
    return Distinct(_lengths(graph, graph.distances[:, :k]), touched, own, own, 0, 0, graph)


def _one_of_each(graph: Neighbors, k: int, alike: np.ndarray) -> Distinct:
    same = np.flatnonzero(graph.distances.ravel() == 0)
    one, other = (
        np.concatenate(pair)
        for pair in ((same // graph.k, alike[:, 0]), (graph.indices.ravel()[same], alike[:, 1]))
    )
    pairs = (np.ones(len(one), bool), (one, other))
    copies = scipy.sparse.coo_array(pairs, shape=(graph.n, graph.n))
    groups, group = scipy.sparse.csgraph.connected_components(copies, directed=False)
    first = np.unique(group, return_index=True)[1]
    near, distances = group[graph.indices[first]].astype(np.int64), graph.distances[first]
    fresh = near != np.arange(groups)[:, None]
    order = np.argsort(near, axis=1, kind="stable")
    ranked = np.take_along_axis(near, order, axis=1)
    seen = np.zeros_like(fresh)
    np.put_along_axis(seen, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
    fresh &= ~seen
    enough = fresh.sum(axis=1) >= k
    nearest = np.argsort(~fresh, axis=1, kind="stable")[enough, :k]
    kept = np.flatnonzero(enough)
    return Distinct(
        _lengths(graph, distances[kept[:, None], nearest]),
        np.hstack([kept[:, None], near[kept[:, None], nearest]]),
        first,
        group.astype(np.int64),
        int(groups - len(kept)),
        len(np.unique(alike)),
        graph,
    )
