"""Neighbours among rows that differ: identical rows count once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from repviz.errors import InputError
from repviz.manifold.neighbors import Neighbors

FEWEST = 10  # rows below which no estimator says anything


@dataclass(frozen=True, eq=False)
class Distinct:
    """The k nearest different rows of each different row.

    Attributes
    ----------
    distances : ndarray of float64, shape (m, k)
        All greater than 0, nearest first.
    touched : ndarray of int64, shape (m, k + 1)
        The row itself and its neighbours, numbered among the different rows.
    dropped : int
        How many different rows had fewer than k different neighbours in the graph.
    """

    distances: np.ndarray = field(repr=False)
    touched: np.ndarray = field(repr=False)
    dropped: int


def distinct(graph: Neighbors, k: int) -> Distinct:
    """The graph's first k neighbours of each row, with identical rows counted once.

    Raises
    ------
    InputError
        The graph has fewer than k neighbours a row, fewer than 10 rows are left, or every row's
        neighbours are equally far.
    """
    if graph.k < k:
        raise InputError(
            f"dimension: the graph must hold at least {k} neighbours a row, got {graph.k}. "
            f"Make it with neighbors(X, k={2 * k})."
        )
    if graph.duplicates == 0:
        own = np.arange(graph.n)[:, None]
        found = Distinct(graph.distances[:, :k], np.hstack([own, graph.indices[:, :k]]), 0)
    else:
        found = _one_of_each(graph, k)
    if len(found.distances) < FEWEST:
        raise InputError(
            f"dimension: at least {FEWEST} different rows with {k} different neighbours each are "
            f"needed, got {len(found.distances)} of {graph.n} rows. Give it more images, or leave "
            "out copies: np.unique(X, axis=0)."
        )
    if (found.distances[:, 0] == found.distances[:, -1]).all():
        raise InputError(
            f"dimension: a row's {k} nearest rows must not all be equally far, got that in every "
            "row. The values are too coarse; give it the rows before they were rounded."
        )
    return found


def _one_of_each(graph: Neighbors, k: int) -> Distinct:
    same = np.flatnonzero(graph.distances.ravel() == 0)
    pairs = (np.ones(len(same), bool), (same // graph.k, graph.indices.ravel()[same]))
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
        distances[kept[:, None], nearest],
        np.hstack([kept[:, None], near[kept[:, None], nearest]]),
        int(groups - len(kept)),
    )
