"""Which rows lie within a radius of a few rows, tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from repviz.manifold.search import kernels
from repviz.manifold.search.proposal import rounding
from repviz.manifold.search.rows import STEP, Frame, Rows, framed, shared, tile_rows, workers


@dataclass(frozen=True, eq=False)
class Near:
    """What float32 can tell of the rows within a radius of a block of queries.

    Attributes
    ----------
    places : slice
        Which of those that ask.
    sure : ndarray of int64, shape (block,)
        How many rows are surely within.
    asking, others : ndarray of int64, shape (pairs,)
        Pairs that it is not sure of: a place among those that ask, and a row.
    """

    places: slice
    sure: np.ndarray = field(repr=False)
    asking: np.ndarray = field(repr=False)
    others: np.ndarray = field(repr=False)


def exact(one: Rows, asking: np.ndarray, other: Rows, asked: np.ndarray) -> np.ndarray:
    """Squared distances (p,) of row ``asking[p]`` of one and row ``asked[p]`` of the other."""
    out = np.empty(len(asking))
    of = (one.X, one.scale, asking, other.X, other.scale, asked)
    shared(lambda begin, end: kernels.pairs_apart(*of, begin, end, out), len(asking))
    return out


def counted(rows: Rows, asking: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """How many rows lie closer to each row that asks than each radius (p, r), itself included.

    Parameters
    ----------
    asking : ndarray of int64, shape (p,)
        Which rows.
    radii : ndarray of float64, shape (r,)
        In the units of the rows.
    """
    frame = framed(rows)
    sizes = [frame.tile(rows, start, STEP)[1] for start in range(0, len(rows), STEP)]
    reach = float(np.concatenate(sizes)[: len(rows)].max())
    picked = Rows(rows.X[asking], rows.scale[asking])
    limits = np.tile((radii / frame.unit) ** 2, (len(asking), 1))
    counts = np.zeros((len(asking), len(radii)), np.int64)
    for column, found in nearby(picked, rows, frame, limits, reach=reach, count=True):
        counts[found.places, column] += found.sure
        within = exact(picked, found.asking, rows, found.others) < radii[column] ** 2
        counts[:, column] += np.bincount(found.asking[within], minlength=len(asking))
    return counts


def nearby(
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
        Whether rows that are surely within are counted; else all are listed.

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
            places = slice(begin, min(begin + tile, p))
            left, own = frame.tile(queries, begin, tile)
            left, own = left[: places.stop - begin], own[: places.stop - begin]
            error = rounding(own.astype(np.float64), reach, d)[:, None]
            outer = np.nextafter((squared[places] + error).astype(np.float32), np.float32(np.inf))
            inner = np.full_like(outer, -kernels.FAR)
            if count:
                inner = np.nextafter(
                    (squared[places] - error).astype(np.float32), np.float32(-np.inf)
                )

            def work(first: int, of: tuple[np.ndarray, ...] = (left, own, inner, outer)) -> list:
                left, own, inner, outer = of
                right, sizes = frame.tile(base, first, wide)
                products = left @ right.T
                pairs = np.empty((2, products.size), np.int64)
                found = []
                for sure, doubted in zip(inner.T, outer.T, strict=True):
                    counts = np.zeros(len(left), np.int64)
                    many = kernels.within(products, sizes, own, sure, doubted, counts, *pairs)
                    found.append((counts, pairs[0, :many].copy(), first + pairs[1, :many]))
                return found

            parts = list(pool.map(work, range(0, n, wide)))
            for column in range(squared.shape[1]):
                sure, rows, others = zip(*(part[column] for part in parts), strict=True)
                yield (
                    column,
                    Near(
                        places,
                        np.sum(sure, axis=0),
                        begin + np.concatenate(rows),
                        np.concatenate(others),
                    ),
                )
