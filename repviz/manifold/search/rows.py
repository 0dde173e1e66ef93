"""The rows of a search: float64 for exact distances, centred and scaled float32 for candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numba
import numpy as np
import threadpoolctl

from repviz.cores import usable_cores
from repviz.manifold.search import kernels

TILE_BYTES = 32 << 20  # of float32 rows per thread
TILE, STEP = 1024, 256  # rows of a tile at most; rows per task of a thread


@dataclass(frozen=True, eq=False)
class Rows:
    """A matrix whose rows are compared as they are, or by direction.

    Attributes
    ----------
    X : ndarray of float32 or float64, shape (n, d)
        In C order.
    scale : ndarray of float64, shape (n,)
        Factor of each row: 1, or one over its length.
    """

    X: np.ndarray = field(repr=False)
    scale: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True, eq=False)
class Frame:
    """The origin and unit with which rows are converted to float32.

    Without centring, an offset of 100 changes float32 distances by per cents; without a unit, the
    squares of very large or small values leave the range of float32.

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
        kernels.centre_rows(rows.X, rows.scale, self.centre, 1 / self.unit, start, stop, out, sizes)
        return out, sizes


def fit_frame(rows: Rows, queries: Rows | None = None) -> Frame:
    """The frame in which the rows are small and lie around 0.

    Where others ask they are small too: float32 would hold neither them nor their distances, and
    would propose nothing, if they were far larger than the rows.
    """
    centre, low, high = _surveyed(rows)
    if queries is not None:
        _, low_there, high_there = _surveyed(queries)
        low, high = np.minimum(low, low_there), np.maximum(high, high_there)
    largest = float(max((high - centre).max(), (centre - low).max()))
    return Frame(centre, 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0)


def _surveyed(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean, the smallest and the largest value of each column."""
    n, d = rows.X.shape
    step = max(16 * STEP, -(-n // threads()))

    def part(start: int) -> np.ndarray:
        statistics = np.stack([np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf)])
        kernels.column_statistics(rows.X, rows.scale, start, min(start + step, n), *statistics)
        return statistics

    with ThreadPoolExecutor(threads()) as pool:
        statistics = np.array(list(pool.map(part, range(0, n, step))))
    return (
        statistics[:, 0].sum(axis=0) / n,
        statistics[:, 1].min(axis=0),
        statistics[:, 2].max(axis=0),
    )


def tile_rows(rows: int, features: int) -> int:
    """The number of rows of a tile: enough tiles for all threads, each of limited size."""
    most = min(TILE, TILE_BYTES // (4 * features), -(-rows // (2 * threads())))
    return max(1, -(-most // kernels.CHUNK)) * kernels.CHUNK


def threads() -> int:
    """The number of search threads: the usable cores, at most NUMBA_NUM_THREADS."""
    return min(usable_cores(), int(numba.get_num_threads()))


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """A pool of threads, each running single-threaded BLAS."""
    with (
        threadpoolctl.threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(threads()) as pool,
    ):
        yield pool


def run_in_threads(work: Callable[[int, int], object], length: int, step: int = STEP) -> None:
    """Run ``work(begin, end)`` for all steps up to ``length``, in threads."""
    if length <= step:
        work(0, length)
        return
    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(lambda begin: work(begin, min(begin + step, length)), range(0, length, step)))
