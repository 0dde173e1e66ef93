"""Neighbours among distinct rows: identical rows and near duplicates count once.

Where a tenth of the rows have a copy with a little noise added, the nearest distances describe the
noise and not the set: TwoNN estimates 0.5 for three dimensions. Such pairs stand out: the nearest
row is ``NEAR_DUPLICATE_RATIO`` times nearer than the next, which among uniform rows of dimension d
holds for a fraction ``NEAR_DUPLICATE_RATIO``^-d of them. Where it holds for far more, each pair
counts once, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from repviz.errors import Degenerate, InputError
from repviz.manifold.dimension.uncertainty import Dependence, dependent_neighbours, find_dependence
from repviz.manifold.neighbors import Neighbors, neighbors

NEAR_DUPLICATE_RATIO = (
    20.0  # the second nearest row over the nearest, from which on two rows are near copies
)
CHANCE = 2.0, 0.01  # near duplicates exceed chance: this factor plus this fraction of the rows
ROUNDING = 1e-9, 1e-6  # relative, of distances between rows of float64 and of float32
MIN_ROWS = 10  # below which no estimator answers
BLOCK_BYTES = 32 << 20  # of neighbour vectors in memory at a time
CACHE_BYTES = 64 << 20  # of Gram matrices cached for the next estimator


@dataclass(frozen=True, eq=False)
class Distinct:
    """The k nearest distinct rows of each distinct row.

    Attributes
    ----------
    distances : ndarray of float64, shape (m, k)
        All greater than 0, nearest first; chords of the unit sphere where the metric is cosine.
    neighborhoods : ndarray of int64, shape (m, k + 1)
        The row itself and its neighbours, as indices of distinct rows.
    representatives : ndarray of int64, shape (distinct rows,)
        The row of the graph that represents each distinct row.
    distinct_index : ndarray of int64, shape (n,)
        The distinct row of each row of the graph.
    dropped : int
        The number of distinct rows with fewer than k distinct neighbours in the graph.
    near_duplicates : int
        The number of rows that are near duplicates of another.
    graph : Neighbors
        The graph.
    """

    distances: np.ndarray = field(repr=False)
    neighborhoods: np.ndarray = field(repr=False)
    representatives: np.ndarray = field(repr=False)
    distinct_index: np.ndarray = field(repr=False)
    dropped: int
    near_duplicates: int
    graph: Neighbors = field(repr=False)

    @cached_property
    def dependence(self) -> Dependence:
        """The pairs of rows whose influences are dependent, for intervals."""
        k = self.distances.shape[1]
        if self.graph.k >= dependent_neighbours(k) > k:
            wider = distinct(self.graph, dependent_neighbours(k))
            if np.array_equal(wider.neighborhoods[:, 0], self.neighborhoods[:, 0]):
                return replace(wider.direct_dependence, radius=self.distances[:, -1])
        return self.direct_dependence

    @cached_property
    def direct_dependence(self) -> Dependence:
        """The pairs of rows that share one of the k neighbours themselves, or a group."""
        groups = None if self.graph.groups is None else self.graph.groups[self.representatives]
        return find_dependence(self.neighborhoods, self.distances[:, -1], groups)

    @property
    def groups(self) -> np.ndarray | None:
        """The declared group of each row used, (m,), or None."""
        groups = self.graph.groups
        return None if groups is None else groups[self.representatives[self.neighborhoods[:, 0]]]

    @property
    def merged(self) -> bool:
        """Whether some rows were merged."""
        return len(self.representatives) < self.graph.n

    @property
    def lengths(self) -> np.ndarray:
        """All distances of the graph (n, graph.k), as lengths."""
        return _lengths(self.graph, self.graph.distances)

    def to_all_rows(self, local: np.ndarray) -> np.ndarray:
        """Values (m,) of the rows used, as values (n,) of all rows; NaN for dropped ones."""
        all_distinct = np.full(len(self.representatives), np.nan)
        all_distinct[self.neighborhoods[:, 0]] = local
        return all_distinct[self.distinct_index]

    def grams(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of rows with their Gram matrices (block, k, k).

        Entry (a, b) is the inner product of the vectors from the row to its neighbours a and b.
        """
        m, k = self.distances.shape
        if 8 * m * k * k <= CACHE_BYTES:
            step = max(1, BLOCK_BYTES // (8 * k * k))
            for start in range(0, m, step):
                part = slice(start, min(start + step, m))
                yield part, self._grams[part]
        else:
            yield from self._iterate_grams()

    @cached_property
    def _grams(self) -> np.ndarray:
        return np.concatenate([grams for _, grams in self._iterate_grams()])

    def _iterate_grams(self) -> Iterator[tuple[slice, np.ndarray]]:
        m, k = self.distances.shape
        X = self.graph.X
        step = max(1, BLOCK_BYTES // (8 * k * (X.shape[1] + k)))
        for start in range(0, m, step):
            part = slice(start, min(start + step, m))
            rows = X[self.representatives[self.neighborhoods[part]]].astype(
                np.float64
            )  # (block, k + 1, d)
            if self.graph.metric == "cosine":
                rows /= np.linalg.norm(rows, axis=2, keepdims=True)
            apart = rows[:, 1:] - rows[:, :1]
            yield part, apart @ apart.transpose(0, 2, 1)


def distinct(graph: Neighbors, k: int) -> Distinct:
    """The first k distinct neighbours of each distinct row of the graph.

    Raises
    ------
    InputError
        The graph has fewer than k neighbours per row.
    Degenerate
        There are k rows or fewer, fewer than 10 distinct ones, or the neighbours of every row are
        equally far.
    """
    if k not in graph.cache:
        graph.cache[k] = _distinct(graph, k)
    found: Distinct = graph.cache[k]
    return found


def distinct_or_none(graph: Neighbors, k: int) -> Distinct | None:
    """As :func:`distinct`; None where the graph has too few neighbours or distinct rows."""
    try:
        return distinct(graph, k) if graph.k >= k else None
    except Degenerate:
        return None


def _distinct(graph: Neighbors, k: int) -> Distinct:
    if graph.k < k:
        few = graph.n <= k
        more = "Add rows" if few else f"Build it with neighbors(X, k={2 * k})"
        raise (Degenerate if few else InputError)(
            f"dimension: the graph must have at least {k} neighbours per row, got {graph.k}. "
            f"{more}."
        )
    near_duplicates = near_duplicate_pairs(graph)
    if graph.duplicates == 0 and len(near_duplicates) == 0:
        found = _undeduplicated(graph, k)
    else:
        found = _deduplicated(graph, k, near_duplicates)
        if found.dropped and k < len(found.representatives):
            found = _searched_again(found, k)
    if len(found.distances) < MIN_ROWS:
        raise Degenerate(
            f"dimension: at least {MIN_ROWS} distinct rows with {k} distinct neighbours each are "
            f"needed, got {len(found.distances)} of {graph.n} rows. Use more images, or remove "
            "duplicates: np.unique(X, axis=0)."
        )
    near, far = found.distances[:, 0], found.distances[:, -1]
    if (far <= (1 + ROUNDING[int(graph.X.dtype == np.float32)]) * near).all():
        raise Degenerate(
            f"dimension: the {k} nearest neighbours of a row must differ in distance, got all "
            "equal in every row. The values are too coarse; use them before rounding."
        )
    return found


def _lengths(graph: Neighbors, distances: np.ndarray) -> np.ndarray:
    """Lengths, of which a ball of radius r holds r^d: 1 - cos is half the square of a chord."""
    return distances if graph.metric == "euclidean" else np.sqrt(2 * distances)


def near_duplicate_pairs(graph: Neighbors) -> np.ndarray:
    """Pairs of near duplicates (p, 2); none where chance explains them."""
    if "near duplicates" not in graph.cache:
        graph.cache["near duplicates"] = _near_duplicate_pairs(graph)
    found: np.ndarray = graph.cache["near duplicates"]
    return found


def _near_duplicate_pairs(graph: Neighbors) -> np.ndarray:
    none = np.empty((0, 2), np.int64)
    if graph.k < 2:
        return none
    rows = _undeduplicated(graph, 2) if graph.duplicates == 0 else _deduplicated(graph, 2, none)
    if len(rows.distances) == 0:
        return none
    ratios = rows.distances[:, 1] / rows.distances[:, 0]
    middle = float(np.median(ratios))
    if middle == 1:
        return none
    dimension = np.log(2) / np.log(middle)
    times, more = CHANCE
    near_duplicates = ratios > NEAR_DUPLICATE_RATIO
    if near_duplicates.mean() <= times * NEAR_DUPLICATE_RATIO**-dimension + more:
        return none
    return rows.representatives[rows.neighborhoods[near_duplicates, :2]]


def _undeduplicated(graph: Neighbors, k: int) -> Distinct:
    own = np.arange(graph.n)
    neighborhoods = np.hstack([own[:, None], graph.indices[:, :k]])
    return Distinct(_lengths(graph, graph.distances[:, :k]), neighborhoods, own, own, 0, 0, graph)


def _searched_again(found: Distinct, k: int) -> Distinct:
    """``found`` with neighbours searched among the distinct rows: copies filled the graph."""
    graph, rows = found.graph, found.representatives
    search = "exact" if graph.recall == 1 else "approximate"
    again = neighbors(graph.X[rows], k=k, metric=graph.metric, search=search)
    neighborhoods = np.hstack([np.arange(len(rows))[:, None], again.indices])
    return replace(
        found,
        distances=_lengths(graph, again.distances),
        neighborhoods=neighborhoods,
        dropped=0,
    )


def _deduplicated(graph: Neighbors, k: int, near_duplicates: np.ndarray) -> Distinct:
    same = np.flatnonzero(graph.distances.ravel() == 0)
    one, other = (
        np.concatenate(pair)
        for pair in (
            (same // graph.k, near_duplicates[:, 0]),
            (graph.indices.ravel()[same], near_duplicates[:, 1]),
        )
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
        len(np.unique(near_duplicates)),
        graph,
    )
