"""Candidate neighbours from matrix products, tile by tile, on the CPU.

A tile of products serves the rows on both of its sides, so that all pairs of n rows cost n^2 d
operations and not 2 n^2 d. Each thread multiplies its own tile and updates the rows' lists while
the tile is still in cache.
"""

from __future__ import annotations

from threading import Lock, local

import numpy as np

from repviz.manifold.search import kernels
from repviz.manifold.search.proposal import Proposal, rounding
from repviz.manifold.search.rows import Frame, Rows, tile_rows, workers

PADDING = 16  # values between two rows of products, so that rows do not share a cache line


class Lists:
    """The nearest candidates of each row so far.

    A tile is changed by one thread at a time; the order does not affect the result.
    """

    def __init__(self, rows: int, n_proposed: int, tile: int) -> None:
        padded = -(-rows // tile) * tile
        room = 2 * n_proposed + kernels.CHUNK
        self.n_proposed, self.tile = n_proposed, tile
        self.bound = np.full(padded, kernels.FAR)
        self.bound[rows:] = -kernels.FAR  # padding: nothing is near it
        self.count = np.zeros(padded, np.int64)
        self.values = np.empty((padded, room), np.float32)
        self.numbers = np.empty((padded, room), np.int32)
        self.sizes = np.zeros(padded, np.float32)
        self.locks = [Lock() for _ in range(padded // tile)]

    def update(self, start: int, products: np.ndarray, sizes: np.ndarray, first: int) -> None:
        """Update the lists of the rows from ``start`` with the rows from ``first``."""
        part = slice(start, start + self.tile)
        with self.locks[start // self.tile]:
            kernels.update_lists(
                products,
                sizes,
                first,
                self.n_proposed,
                self.bound[part],
                self.count[part],
                self.values[part],
                self.numbers[part],
            )


def propose(
    queries: Rows, base: Rows, frame: Frame, n_proposed: int, *, exclude_self: bool
) -> Proposal:
    """The candidates: rows of base that are nearest to each query in float32, (m, n_proposed)."""
    m, n, d = len(queries), len(base), base.X.shape[1]
    tile, wide = tile_rows(m, d), tile_rows(n, d)
    lists = Lists(m, n_proposed, tile)
    scratch = local()  # buffers that a thread reuses from tile to tile

    def work(pair: tuple[int, int]) -> float:
        start, first = pair
        if getattr(scratch, "start", None) != start:
            scratch.start, scratch.left = start, frame.tile(queries, start, tile)
            scratch.products = np.empty((tile, wide + PADDING), np.float32)
            scratch.transposed = np.empty((wide, tile + PADDING), np.float32)
        left, left_sizes = scratch.left
        same = exclude_self and start == first
        right, right_sizes = scratch.left if same else frame.tile(base, first, wide)
        products = np.matmul(left, right.T, out=scratch.products[:, :wide])
        if same:
            np.einsum("ii->i", products)[:] = -kernels.FAR  # no row is its own neighbour
        lists.sizes[start : start + tile] = left_sizes
        lists.update(start, products, right_sizes, first)
        if exclude_self and not same:
            transposed = scratch.transposed[:, :tile]
            kernels.transpose(products, 0, wide, transposed)
            lists.update(first, transposed, left_sizes, start)
        return float(right_sizes[: n - first].max())

    with workers() as pool:
        pairs = [
            (start, first)
            for start in range(0, m, tile)
            for first in range(start if exclude_self else 0, n, wide)
        ]
        reach = max(pool.map(work, pairs))
        step = max(1, m // 64)
        arguments = (lists.values, lists.numbers, lists.count, n_proposed, lists.bound)
        list(
            pool.map(
                lambda start: kernels.finish_lists(*arguments, start, min(start + step, m)),
                range(0, m, step),
            )
        )
    sizes = lists.sizes[:m].astype(np.float64)
    bound = sizes + lists.bound[:m]
    return Proposal(lists.numbers[:m, :n_proposed], bound, rounding(sizes, reach, d), reach)
