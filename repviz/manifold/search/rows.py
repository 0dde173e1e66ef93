"""Rows as a search compares them: in float64 where it decides, small and centred where it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numba
import numpy as np
import threadpoolctl

from repviz.manifold.search import kernels

TILE_BYTES = 32 << 20  # of rows that one thread holds in float32
TILE, STEP = 1024, 256  # rows of a tile at most; rows that a thread does at a time


@dataclass(frozen=True, eq=False)
class Rows:
    """A matrix whose rows count as they are, or by their direction.

    Attributes
    ----------
    X : ndarray of float32 or float64, shape (n, d)
        In C order.
    scale : ndarray of float64, shape (n,)
        What each row is multiplied with: 1, or one over its length.
    """

    X: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True, eq=False)
class Frame:
    """From where, and in which unit, float32 sees the rows.

    Without a centre an offset of 100 moves distances by per cents in float32; without a unit, very
    large or small values leave float32's range when they are squared.

    Attributes
    ----------
    centre : ndarray of float64, shape (d,)
        The rows' mean.
    unit : float
        A power of two near the largest value.
    """

    centre: np.ndarray = field(repr=False)
    unit: float

    def tile(self, rows: Rows, start: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows from ``start`` in float32 (size, d), and their squared lengths (size,).

        Beyond the last row there are zeros, at a length that is farther than any row.
        """
        stop = min(start + size, len(rows))
        out = np.zeros((size, rows.X.shape[1]), np.float32)
        sizes = np.full(size, kernels.FAR)
        kernels.centred(rows.X, rows.scale, self.centre, 1 / self.unit, start, stop, out, sizes)
        return out, sizes


def framed(rows: Rows) -> Frame:
    """The frame in which the rows are small and lie around 0."""
    n, d = rows.X.shape
    step = max(16 * STEP, -(-n // threads()))

    def part(start: int) -> np.ndarray:
        seen = np.stack([np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf)])
        kernels.survey(rows.X, rows.scale, start, min(start + step, n), *seen)
        return seen

    with ThreadPoolExecutor(threads()) as pool:
        seen = np.array(list(pool.map(part, range(0, n, step))))
    centre, low, high = seen[:, 0].sum(axis=0) / n, seen[:, 1].min(axis=0), seen[:, 2].max(axis=0)
    largest = float(max((high - centre).max(), (centre - low).max()))
    return Frame(centre, 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0)


def tile_rows(rows: int, features: int) -> int:
    """How many rows make a tile: enough tiles for the threads, and not too many bytes in one."""
    most = min(TILE, TILE_BYTES // (4 * features), -(-rows // (2 * threads())))
    return max(1, -(-most // kernels.CHUNK)) * kernels.CHUNK


def threads() -> int:
    """How many threads search: numba's number, which NUMBA_NUM_THREADS sets."""
    return int(numba.get_num_threads())


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """A pool of threads, each of which multiplies matrices by itself."""
    with (
        threadpoolctl.threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(threads()) as pool,
    ):
        yield pool


def shared(work: Callable[[int, int], object], length: int, step: int = STEP) -> None:
    """Do ``work(begin, end)`` for all steps up to ``length``, in threads."""
    if length <= step:
        work(0, length)
        return
    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(lambda begin: work(begin, min(begin + step, length)), range(0, length, step)))
