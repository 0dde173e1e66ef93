"""Which rows lie within a radius of a few rows, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from repviz.manifold.search import kernels
from repviz.manifold.search.proposal import rounding
from repviz.manifold.search.rows import (
    STEP,
    Frame,
    Rows,
    fit_frame,
    run_in_threads,
    tile_rows,
    workers,
)


@dataclass(frozen=True, eq=False)
class Near:
    """The rows within a radius of a block of queries, as far as float32 can decide.

    Attributes
    ----------
    queries : slice
        Which queries.
    n_within : ndarray of int64, shape (block,)
        How many rows are certainly within the radius.
    doubtful_queries, doubtful_rows : ndarray of int64, shape (pairs,)
        Pairs that float32 cannot decide: a query and a row.
    """

    queries: slice
    n_within: np.ndarray = field(repr=False)
    doubtful_queries: np.ndarray = field(repr=False)
    doubtful_rows: np.ndarray = field(repr=False)


def exact_distances(
    one: Rows, rows_one: np.ndarray, other: Rows, rows_other: np.ndarray
) -> np.ndarray:
    """Squared distances (p,) of rows ``rows_one`` of one and rows ``rows_other`` of the other."""
    out = np.empty(len(rows_one))
    arguments = (one.X, one.scale, rows_one, other.X, other.scale, rows_other)
    run_in_threads(
        lambda begin, end: kernels.pair_distances(*arguments, begin, end, out), len(rows_one)
    )
    return out


def count_within_radii(rows: Rows, queries: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """How many rows lie closer to each query row than each radius (p, r), itself included.

    Parameters
    ----------
    queries : ndarray of int64, shape (p,)
        Indices of the rows to count around.
    radii : ndarray of float64, shape (r,)
        In the units of the rows.
    """
    frame = fit_frame(rows)
    sizes = [frame.tile(rows, start, STEP)[1] for start in range(0, len(rows), STEP)]
    reach = float(np.concatenate(sizes)[: len(rows)].max())
    selected = Rows(rows.X[queries], rows.scale[queries])
    limits = np.tile((radii / frame.unit) ** 2, (len(queries), 1))
    counts = np.zeros((len(queries), len(radii)), np.int64)
    for column, found in search_within(selected, rows, frame, limits, reach=reach, count=True):
        counts[found.queries, column] += found.n_within
        within = (
            exact_distances(selected, found.doubtful_queries, rows, found.doubtful_rows)
            < radii[column] ** 2
        )
        counts[:, column] += np.bincount(found.doubtful_queries[within], minlength=len(queries))
    return counts


def search_within(
    queries: Rows, base: Rows, frame: Frame, squared: np.ndarray, *, reach: float, count: bool
) -> Iterator[tuple[int, Near]]:
    """Which rows of base may lie within some distances of the queries, block by block of queries.

    Parameters
    ----------
    squared : ndarray of float64, shape (p, r)
        The squares of the distances for each query, in squared units.
    reach : float
        No row of base has a larger squared length, in squared units.
    count : bool
        Whether rows certainly within are counted; otherwise all are listed.

    Yields
    ------
    column : int
        Which of the r distances.
    near : Near
    """
    (n, d), p = base.X.shape, len(queries)
    tile, wide = tile_rows(p, d), tile_rows(n, d)
    with workers() as pool:
        for begin in range(0, p, tile):
            block = slice(begin, min(begin + tile, p))
            left, own = frame.tile(queries, begin, tile)
            left, own = left[: block.stop - begin], own[: block.stop - begin]
            error = rounding(own.astype(np.float64), reach, d)[:, None]
            outer = np.nextafter((squared[block] + error).astype(np.float32), np.float32(np.inf))
            inner = np.full_like(outer, -kernels.FAR)
            if count:
                inner = np.nextafter(
                    (squared[block] - error).astype(np.float32), np.float32(-np.inf)
                )

            def work(
                first: int, arrays: tuple[np.ndarray, ...] = (left, own, inner, outer)
            ) -> list:
                left, own, inner, outer = arrays
                right, sizes = frame.tile(base, first, wide)
                products = left @ right.T
                pairs = np.empty((2, products.size), np.int64)
                found = []
                for sure, doubtful in zip(inner.T, outer.T, strict=True):
                    counts = np.zeros(len(left), np.int64)
                    n_listed = kernels.count_within(
                        products, sizes, own, sure, doubtful, counts, *pairs
                    )
                    found.append((counts, pairs[0, :n_listed].copy(), first + pairs[1, :n_listed]))
                return found

            parts = list(pool.map(work, range(0, n, wide)))
            for column in range(squared.shape[1]):
                sure, rows, others = zip(*(part[column] for part in parts), strict=True)
                yield (
                    column,
                    Near(
                        block,
                        np.sum(sure, axis=0),
                        begin + np.concatenate(rows),
                        np.concatenate(others),
                    ),
                )
