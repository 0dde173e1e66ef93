"""The k-nearest-neighbour graph, computed once and shared by all methods that need it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from repviz import checks, provenance
from repviz.errors import Degenerate, InputError
from repviz.manifold.search import nearest
from repviz.manifold.search.graph_files import load_or_compute
from repviz.manifold.search.radius import count_within_radii
from repviz.manifold.search.rows import Rows

METRICS = ("euclidean", "cosine")
SEARCHES = ("exact", "approximate")


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The k nearest other rows of each of n rows.

    Attributes
    ----------
    indices : ndarray of int64, shape (n, k)
        Row numbers, nearest first; a row is never its own neighbour. Among equal distances the
        lower row number comes first.
    distances : ndarray of float64, shape (n, k)
        Distances to them, in the units of ``X`` (euclidean) or 1 - cosine, in [0, 2].
    X : ndarray, shape (n, d)
        The rows themselves, not copied.
    metric : str
        "euclidean" or "cosine".
    recall : float
        The share of true neighbours that were found, in [0, 1]: 1.0 where the search was exact,
        else as 400 rows that were also searched exactly tell.
    groups : ndarray of int64, shape (n,), or None
        The group of each row (augmentations of one image, frames of one film): in intervals,
        groups are the independent draws. None where every row is independent.
    """

    indices: np.ndarray = field(repr=False)
    distances: np.ndarray = field(repr=False)
    X: np.ndarray = field(repr=False)
    metric: str = "euclidean"
    recall: float = 1.0
    groups: np.ndarray | None = field(default=None, repr=False)

    @property
    def n(self) -> int:
        """The number of rows."""
        return self.indices.shape[0]

    @property
    def d(self) -> int:
        """The number of features."""
        return self.X.shape[1]

    @property
    def k(self) -> int:
        """The number of neighbours of each row."""
        return self.indices.shape[1]

    @property
    def duplicates(self) -> int:
        """The number of rows that are identical to another row (a neighbour at distance 0)."""
        return int((self.distances[:, 0] == 0).sum())

    @property
    def ties(self) -> int:
        """The number of rows whose two nearest neighbours are equally far, at more than 0."""
        first, second = self.distances[:, 0], self.distances[:, min(1, self.k - 1)]
        return int(((first == second) & (first > 0)).sum()) if self.k > 1 else 0

    @cached_property
    def constant_columns(self) -> np.ndarray:
        """The indices of features that are the same in every row: they add to no distance."""
        return np.flatnonzero(self.X.min(axis=0) == self.X.max(axis=0))

    @cached_property
    def constant_rows(self) -> np.ndarray:
        """The indices of rows with one value in all features: blank images, dead layers."""
        one_value = self.X.min(axis=1) == self.X.max(axis=1)
        return np.flatnonzero(one_value & (self.d > 1))

    @cached_property
    def cache(self) -> dict[Any, Any]:
        """Intermediate results that methods computed from this graph."""
        return {}

    @cached_property
    def key(self) -> str:
        """A hash of the rows' content, k and the metric."""
        how = [] if self.recall == 1 else [self.recall]
        return provenance.key([_content(self.X), self.k, self.metric, *how])

    def with_groups(self, groups: Any, *, who: str = "with_groups") -> Neighbors:
        """The same graph with groups of rows, which intervals take as the independent draws.

        Parameters
        ----------
        groups : array_like, shape (n,), or None
            The group of each row; None leaves the graph as it is.
        who : str
            The name of the caller in error messages.

        Raises
        ------
        InputError
            ``groups`` does not have one entry per row, or names fewer than two.
        """
        return self if groups is None else replace(self, groups=encode_groups(who, groups, self.n))


def encode_groups(who: str, groups: Any, n: int) -> np.ndarray:
    """The index of each row's group, int64 of shape (n,).

    Raises
    ------
    InputError
        There is not one entry for each of ``n`` rows, one is missing, or there are fewer than two
        groups.
    """
    names, found = np.unique(checks.labels(who, "groups", groups, n), return_inverse=True)
    if len(names) < 2:
        raise Degenerate(f"{who}: groups must contain at least two groups, got one.")
    return found.astype(np.int64)


def neighbors(
    X: Any,
    *,
    k: int = 50,
    metric: str = "euclidean",
    search: str = "exact",
    device: str | None = None,
    cache: str | Path | None = None,
    seed: int = 0,
) -> Neighbors:
    """The k-nearest-neighbour graph of the rows of X, exact by default.

    All pairs are compared in float32 on centred rows, each pair once, and a few more than k are
    proposed. Their distances are computed anew in float64, from differences, and ranked. A row for
    which float32 could have missed a neighbour is searched again.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row per image: an array, or a stored layer, which is read block by block.
    k : int
        How many neighbours, from 1 to n - 1.
    metric : {"euclidean", "cosine"}
        "cosine" is 1 - cosine of the angle between two rows, which must not be zero.
    search : {"exact", "approximate"}
        "approximate" looks into some cells of rows only, as many as give 98 % of the neighbours,
        and says in ``recall`` how many it found: for sets whose n^2 d products are too many.
    device : str, optional
        A device of torch, such as "cuda", or "auto", the GPU where there is one, that does the
        exact search's products; the processor if None. The neighbours are the same.
    cache : path, optional
        A folder where graphs are kept under a key of the rows' content, k, metric and search; one
        that is there is read. ``layer.graphs`` is the place beside a stored layer.
    seed : int
        Of the cells and of the rows that measure the recall, for "approximate".

    Returns
    -------
    Neighbors

    Raises
    ------
    InputError
        ``X`` is not a finite matrix, has k rows or fewer, or (cosine) holds a row of zeros; or
        torch has no such device here.
    UnknownName
        No such metric or search.
    """
    X = checks.matrix("neighbors", X)
    k = checks.integer("neighbors", "k", k, low=1)
    seed = checks.seed("neighbors", seed)
    checks.one_of("neighbors", "search", search, SEARCHES)
    _enough("neighbors", len(X) - 1, k)
    rows = _comparable("neighbors", X, metric)

    def compute() -> tuple[np.ndarray, np.ndarray, float]:
        if search == "exact":
            return *nearest(rows, rows, k, exclude_self=True, device=device), 1.0
        from repviz.manifold.search.approximate import approximate_neighbors

        return approximate_neighbors(rows, k, seed=seed)

    if cache is None:
        indices, squared, recall = compute()
    else:
        how = [search] if search == "exact" else [search, seed]
        key = provenance.key([_content(X), k, metric, how])
        indices, squared, recall = load_or_compute(
            checks.path("neighbors", "cache", cache) / f"{key}.npz", compute
        )
    return Neighbors(indices, _distance(squared, metric), X, metric, recall)


def neighbors_between(
    queries: Any, X: Any, *, k: int = 1, metric: str = "euclidean"
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and distances of the k nearest rows of X to every row of ``queries``, exactly.

    Parameters
    ----------
    queries : array_like, shape (m, d)
        The rows that ask.
    X : array_like, shape (n, d)
        The rows among which the neighbours are.
    k : int
        How many neighbours, from 1 to n.
    metric : {"euclidean", "cosine"}
        As in :func:`neighbors`.

    Returns
    -------
    indices : ndarray of int64, shape (m, k)
        Row numbers in ``X``, nearest first.
    distances : ndarray of float64, shape (m, k)
        In the units of ``X`` (euclidean) or 1 - cosine, in [0, 2].

    Raises
    ------
    InputError
        A matrix is not finite, they differ in d, X has fewer than k rows, or (cosine) a row is 0.
    UnknownName
        No such metric.
    """
    who = "neighbors_between"
    queries = checks.matrix(who, queries, rows=1)
    X = checks.matrix(who, X, rows=1)
    k = checks.integer(who, "k", k, low=1)
    if queries.shape[1] != X.shape[1]:
        raise InputError(
            f"{who}: queries and X must have the same number of columns, got {queries.shape[1]} "
            f"and {X.shape[1]}. Use images of the same size, or codes of the same bottleneck."
        )
    _enough(who, len(X), k)
    indices, squared = nearest(
        _comparable(who, queries, metric), _comparable(who, X, metric), k, exclude_self=False
    )
    return indices, _distance(squared, metric)


def count_within(
    X: np.ndarray, queries: np.ndarray, radii: np.ndarray, *, cosine: bool = False
) -> np.ndarray:
    """How many other rows of X lie closer to each query row than each radius.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Finite rows.
    queries : ndarray of int, shape (m,)
        Indices of the rows to count around.
    radii : ndarray, shape (r,)
        In the units of ``X``; chords of the unit sphere where ``cosine``.
    cosine : bool
        Whether rows are compared by their directions.

    Returns
    -------
    ndarray of int64, shape (m, r)
    """
    rows = _comparable("count_within", X, "cosine" if cosine else "euclidean")
    radii = np.asarray(radii, np.float64)
    counts = count_within_radii(rows, np.asarray(queries), radii)
    return counts - (radii > 0)  # a row is within any radius above 0 of itself


def _enough(who: str, available: int, k: int) -> None:
    if available < k:
        raise InputError(
            f"{who}: k must be at most {available} for so few rows, got k = {k}. Use a smaller k "
            "or more images."
        )


def _comparable(who: str, X: np.ndarray, metric: str) -> Rows:
    """The rows or, for cosine, their unit vectors, whose euclidean distances are then compared."""
    checks.one_of(who, "metric", metric, METRICS)
    X = np.ascontiguousarray(X)
    if metric == "euclidean":
        return Rows(X, np.ones(len(X)))
    norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
    if not norms.all():
        raise InputError(
            f"{who}: a row of zeros has no direction, got one in row {int(np.argmin(norms))} "
            f"({int((norms == 0).sum())} of {len(X)} rows). Leave it out, or use 'euclidean'."
        )
    return Rows(X, 1 / norms)


def _content(X: np.ndarray) -> list[Any]:
    starts = range(0, len(X), 1024)
    rows = [provenance.sha256(X[start : start + 1024].tobytes()) for start in starts]
    return [rows, str(X.dtype), X.shape]


def _distance(squared: np.ndarray, metric: str) -> np.ndarray:
    return np.sqrt(squared) if metric == "euclidean" else squared / 2
