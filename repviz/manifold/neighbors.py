"""The nearest rows of every row, exactly, computed once for every method that asks for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import faiss
import numpy as np

from repviz import checks, provenance
from repviz.errors import InputError

METRICS = ("euclidean", "cosine")
# Candidates at most that float32 proposes beyond the k that are asked for.
MARGIN = 8
NEAREST = 16  # always in float64: estimators take logarithms of ratios of these
CLOSE = 1 / 8  # of the rows' own size: differences of nearer rows lose float32's last digits
LONG = 4096  # features beyond which float32 sums lose them as well
BLOCK_BYTES = 1 << 20  # what one thread holds of the rows that it compares


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
        The share of true neighbours that were found, in [0, 1]; 1.0 because the search is exact.
    groups : ndarray of int64, shape (n,), or None
        What rows belong together (augmentations of one image, frames of one film): intervals take
        whole groups for the independent draws. None where every row is one.
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
        """How many rows have an identical row elsewhere (a neighbour at distance 0)."""
        return int((self.distances[:, 0] == 0).sum())

    @property
    def ties(self) -> int:
        """How many rows have two nearest neighbours at the same distance, greater than 0."""
        first, second = self.distances[:, 0], self.distances[:, min(1, self.k - 1)]
        return int(((first == second) & (first > 0)).sum()) if self.k > 1 else 0

    @cached_property
    def made(self) -> dict[Any, Any]:
        """What methods worked out from this graph, kept with it for the next that asks."""
        return {}

    @cached_property
    def key(self) -> str:
        """A hash of the rows' content, k and the metric."""
        rows = provenance.sha256(self.X.tobytes())
        return provenance.key([rows, str(self.X.dtype), self.X.shape, self.k, self.metric])


def neighbors(X: Any, *, k: int = 50, metric: str = "euclidean") -> Neighbors:
    """The k nearest other rows of every row of X, exactly.

    faiss compares all pairs in float32 on centred rows and proposes a few more than k. Their
    distances are computed anew from differences and ranked: in float64 for the nearest 16, and for
    every pair where float32 could be off by more than a millionth. A row for which float32 could
    have missed a neighbour is searched again.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row an image: an array, or a stored layer.
    k : int
        How many neighbours, from 1 to n - 1.
    metric : {"euclidean", "cosine"}
        "cosine" is 1 - cosine of the angle between two rows, which must not be zero.

    Returns
    -------
    Neighbors

    Raises
    ------
    InputError
        ``X`` is not a finite matrix, has k rows or fewer, or (cosine) holds a row of zeros.
    UnknownName
        No such metric.
    """
    X = checks.matrix("neighbors", X)
    k = checks.whole("neighbors", "k", k, low=1)
    _enough("neighbors", len(X) - 1, k)
    rows = _comparable("neighbors", X, metric)
    indices, squared = _search(rows, rows, k, own=True)
    return Neighbors(indices, _distance(squared, metric), X, metric)


def neighbors_between(
    queries: Any, X: Any, *, k: int = 1, metric: str = "euclidean"
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of X for every row of queries, exactly: (indices, distances).

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
    k = checks.whole(who, "k", k, low=1)
    if queries.shape[1] != X.shape[1]:
        raise InputError(
            f"{who}: queries and X must have the same number of columns, got {queries.shape[1]} "
            f"and {X.shape[1]}. Compare images of one size, or codes of one bottleneck."
        )
    _enough(who, len(X), k)
    indices, squared = _search(
        _comparable(who, queries, metric), _comparable(who, X, metric), k, own=False
    )
    return indices, _distance(squared, metric)


def count_within(
    X: np.ndarray, asking: np.ndarray, radii: np.ndarray, *, cosine: bool = False
) -> np.ndarray:
    """How many other rows of X lie closer to each asking row than each radius.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Finite rows.
    asking : ndarray of int, shape (m,)
        Which rows ask.
    radii : ndarray, shape (r,)
        In the units of ``X``; chords of the unit sphere where ``cosine``.
    cosine : bool
        Whether rows are compared by their directions.

    Returns
    -------
    ndarray of int64, shape (m, r)
    """
    rows = _comparable("count_within", X, "cosine" if cosine else "euclidean")
    base, unit = _small(rows, rows.mean(axis=0, dtype=np.float64))
    index = faiss.IndexFlatL2(base.shape[1])
    index.add(base)
    reach = (np.asarray(radii) / unit) ** 2
    error = _product_error(base[asking], base)  # (m,)
    farthest = float(np.nextafter(np.float32(reach.max() + error.max()), np.float32(np.inf)))
    counts = np.zeros((len(asking), len(radii)), np.int64)
    step = max(1, BLOCK_BYTES // 1024)
    for start in range(0, len(asking), step):
        part = asking[start : start + step]
        ends, squared, near = index.range_search(base[part], farthest)
        row = np.repeat(np.arange(len(part)), np.diff(ends.astype(np.int64)))
        other = near != part[row]
        row, near, squared = row[other], near[other], squared[other].astype(np.float64)
        for column, limit in enumerate(reach):
            inside = squared < limit
            doubted = np.flatnonzero(np.abs(squared - limit) <= error[start + row])
            exact = _exact(rows, rows, part[row[doubted]], near[doubted])
            inside[doubted] = exact < radii[column] ** 2
            counts[start : start + step, column] = np.bincount(row[inside], minlength=len(part))
    return counts


def _enough(who: str, available: int, k: int) -> None:
    if available < k:
        raise InputError(
            f"{who}: k must be at most {available} for so few rows, got k = {k}. "
            "Take a smaller k or give it more images."
        )


def _comparable(who: str, X: np.ndarray, metric: str) -> np.ndarray:
    """Rows whose euclidean distance is the metric's: themselves, or their unit vectors."""
    checks.known(who, "metric", metric, METRICS)
    if metric == "euclidean":
        return X
    norms = np.linalg.norm(X.astype(np.float64), axis=1, keepdims=True)
    if not norms.all():
        raise InputError(
            f"{who}: a row of zeros has no direction, got one in row {int(np.argmin(norms))} "
            f"({int((norms == 0).sum())} of {len(X)} rows). Leave it out or take 'euclidean'."
        )
    return X / norms


def _distance(squared: np.ndarray, metric: str) -> np.ndarray:
    return np.sqrt(squared) if metric == "euclidean" else squared / 2


def _search(
    queries: np.ndarray, base: np.ndarray, k: int, *, own: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (m, k) and squared distances (m, k) in ``base``; ``own``: row i leaves out itself."""
    centre = base.mean(axis=0, dtype=np.float64)
    base32, unit = _small(base, centre)
    queries32 = base32 if own else _small(queries, centre, unit)[0]
    index = faiss.IndexFlatL2(base.shape[1])
    index.add(base32)
    wanted = min(len(base), k + own + min(MARGIN, k + 1))
    proposed, candidates = index.search(queries32, wanted)
    squared, doubted = _by_difference(queries32, base32, candidates)
    asking, place = np.nonzero(doubted)
    squared *= unit**2
    squared[doubted] = _exact(queries, base, asking, candidates[asking, place])
    if own:
        squared[candidates == np.arange(len(queries))[:, None]] = np.inf
    order = np.lexsort((candidates, squared), axis=1)[:, :k]
    indices = np.take_along_axis(candidates, order, axis=1)
    squared = np.take_along_axis(squared, order, axis=1)
    if wanted < len(base):
        farthest = squared[:, -1] / unit**2
        error = _product_error(queries32, base32)
        for row in np.flatnonzero(proposed[:, -1] - error < farthest):
            reach = float(np.nextafter(np.float32(farthest[row] + error[row]), np.float32(np.inf)))
            _, _, near = index.range_search(queries32[row : row + 1], reach)
            near = np.sort(near[near != row] if own else near)
            exact = _exact(queries, base, np.full(len(near), row), near)
            order = np.argsort(exact, kind="stable")[:k]
            indices[row], squared[row] = near[order], exact[order]
    return indices, squared


def _small(
    X: np.ndarray, centre: np.ndarray, unit: float | None = None
) -> tuple[np.ndarray, float]:
    """Centred rows in float32 and the power of two that they were divided by.

    Without a centre an offset of 100 moves distances by per cents in float32; without a unit,
    very large or small values leave float32's range when they are squared.
    """
    if unit is None:
        largest = float(max(np.max(X.max(axis=0) - centre), np.max(centre - X.min(axis=0))))
        unit = 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0
    out = np.empty(X.shape, np.float32)
    for start in range(0, len(X), 256):
        out[start : start + 256] = (X[start : start + 256] - centre) / unit
    return out, unit


def _by_difference(
    queries: np.ndarray, base: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances (m, c) summed in float32, and which of them float64 must do again."""
    squared = np.empty(candidates.shape, np.float32)
    pointers = [faiss.swig_ptr(array) for array in (squared, queries, base, candidates)]
    faiss.fvec_L2sqr_by_idx(*pointers, base.shape[1], *candidates.shape)  # type: ignore[attr-defined]
    sizes = np.linalg.norm(queries, axis=1)[:, None] + np.linalg.norm(base, axis=1)[candidates]
    doubted = squared < np.square(CLOSE * sizes)
    doubted[:, : NEAREST + 1] = True  # the row itself may be among them
    if base.shape[1] > LONG:
        doubted[:] = True
    return squared.astype(np.float64), doubted


def _product_error(queries: np.ndarray, base: np.ndarray) -> np.ndarray:
    """How far float32's |q|^2 + |x|^2 - 2qx can be off, for each query (m,)."""
    size = np.einsum("ij,ij->i", base, base).max() + np.einsum("ij,ij->i", queries, queries)
    rounding = np.finfo(np.float32).eps * (4 + np.sqrt(base.shape[1]))
    return rounding * size.astype(np.float64)


def _exact(
    queries: np.ndarray, base: np.ndarray, asking: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """Squared distances of pairs (p,) in float64, from differences, so that equal rows give 0."""
    out = np.empty(len(asked))
    pairs = max(1, BLOCK_BYTES // (8 * base.shape[1]))

    def fill(start: int) -> None:
        part = slice(start, start + pairs)
        apart = base[asked[part]].astype(np.float64)
        apart -= queries[asking[part]]
        out[part] = np.einsum("ij,ij->i", apart, apart)

    with ThreadPoolExecutor(faiss.omp_get_max_threads()) as pool:
        list(pool.map(fill, range(0, len(asked), pairs)))
    return out
