"""Proposals from all products of rows, tile by tile, on the processor.

A tile of products serves the rows on both of its sides, so that all pairs of n rows cost n^2 d
operations and not 2 n^2 d. Each thread multiplies its own tile and puts the rows' lists right while
the tile is still in the nearest memory.
"""

from __future__ import annotations

from threading import Lock, local

import numpy as np

from repviz.manifold.search import kernels
from repviz.manifold.search.proposal import Proposal, rounding
from repviz.manifold.search.rows import Frame, Rows, tile_rows, workers

APART = 16  # numbers between two rows of products, so that they do not fall on one cache line


class Lists:
    """Of each row the nearest that were seen so far, tile by tile of rows.

    A tile is changed by one thread at a time; in which order does not matter to what is kept.
    """

    def __init__(self, rows: int, keep: int, tile: int) -> None:
        padded = -(-rows // tile) * tile
        room = 2 * keep + kernels.CHUNK
        self.keep, self.tile = keep, tile
        self.bound = np.full(padded, kernels.FAR)
        self.bound[rows:] = -kernels.FAR  # no row: nothing is near it
        self.count = np.zeros(padded, np.int64)
        self.values = np.empty((padded, room), np.float32)
        self.numbers = np.empty((padded, room), np.int32)
        self.sizes = np.zeros(padded, np.float32)
        self.locks = [Lock() for _ in range(padded // tile)]

    def take(self, start: int, products: np.ndarray, sizes: np.ndarray, first: int) -> None:
        """Show the rows from ``start`` their products with the others from ``first``."""
        part = slice(start, start + self.tile)
        with self.locks[start // self.tile]:
            kernels.gather(
                products,
                sizes,
                first,
                self.keep,
                self.bound[part],
                self.count[part],
                self.values[part],
                self.numbers[part],
            )


def propose(queries: Rows, base: Rows, frame: Frame, keep: int, *, own: bool) -> Proposal:
    """The ``keep`` rows of base that float32 finds nearest to each query; ``own``: but itself."""
    m, n, d = len(queries), len(base), base.X.shape[1]
    tile, wide = tile_rows(m, d), tile_rows(n, d)
    lists = Lists(m, keep, tile)
    mine = local()  # what a thread holds from tile to tile

    def work(pair: tuple[int, int]) -> float:
        start, first = pair
        if getattr(mine, "start", None) != start:
            mine.start, mine.left = start, frame.tile(queries, start, tile)
            mine.products = np.empty((tile, wide + APART), np.float32)
            mine.back = np.empty((wide, tile + APART), np.float32)
        left, left_sizes = mine.left
        same = own and start == first
        right, right_sizes = mine.left if same else frame.tile(base, first, wide)
        products = np.matmul(left, right.T, out=mine.products[:, :wide])
        if same:
            np.einsum("ii->i", products)[:] = -kernels.FAR  # no row is its own neighbour
        lists.sizes[start : start + tile] = left_sizes
        lists.take(start, products, right_sizes, first)
        if own and not same:
            back = mine.back[:, :tile]
            kernels.turned(products, 0, wide, back)
            lists.take(first, back, left_sizes, start)
        return float(right_sizes[: n - first].max())

    with workers() as pool:
        pairs = [
            (start, first)
            for start in range(0, m, tile)
            for first in range(start if own else 0, n, wide)
        ]
        reach = max(pool.map(work, pairs))
        step = max(1, m // 64)
        settle = (lists.values, lists.numbers, lists.count, keep, lists.bound)
        list(
            pool.map(lambda at: kernels.settled(*settle, at, min(at + step, m)), range(0, m, step))
        )
    sizes = lists.sizes[:m].astype(np.float64)
    bound = sizes + lists.bound[:m]
    return Proposal(lists.numbers[:m, :keep], bound, rounding(sizes, reach, d), reach)
