"""Approximate neighbours without comparing all pairs: faiss's inverted lists.

Rows are put into about 4 sqrt(n) cells by k-means, and a row is compared with the rows of the cells
nearest to it (Jegou, Douze, Schmid 2011, IEEE PAMI 33). The number of cells is not guessed: it
is doubled until the recall on a sample of rows reaches its target; another sample measures the
recall that is reported.
"""

from __future__ import annotations

import faiss
import numpy as np

from repviz.manifold.search import kernels, nearest
from repviz.manifold.search.rows import STEP, Rows, fit_frame, run_in_threads

TARGET_RECALL = 0.98  # on the first sample
SAMPLE = 400  # rows that are also searched exactly
MAX_ROWS_PER_CELL = 64  # rows per cell on which k-means is trained


def approximate_neighbors(rows: Rows, k: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Neighbours (n, k), their exact squared distances (n, k), and the recall in [0, 1]."""
    n, d = rows.X.shape
    frame = fit_frame(rows)
    small = np.concatenate([frame.tile(rows, start, STEP)[0] for start in range(0, n, STEP)])[:n]
    cells = max(1, min(n // 40, round(4 * np.sqrt(n))))
    quantizer = faiss.IndexFlatL2(d)
    index = faiss.IndexIVFFlat(quantizer, d, cells)
    index.cp.seed, index.cp.max_points_per_centroid = seed + 1, MAX_ROWS_PER_CELL
    index.train(small)  # type: ignore[call-arg]
    index.add(small)  # type: ignore[call-arg]
    order = np.random.default_rng(seed).permutation(n)
    tuning, testing = order[:SAMPLE], order[SAMPLE : 2 * SAMPLE] if n >= 2 * SAMPLE else order
    truth = _exact_neighbors(rows, tuning, k)
    index.nprobe = 1
    while index.nprobe < cells:
        found = index.search(small[tuning], k + 1)[1]  # type: ignore[call-arg]
        if (found >= 0).all() and _recall(found, truth) >= TARGET_RECALL:
            break
        index.nprobe = min(2 * index.nprobe, cells)
    proposed = index.search(small, k + 1)[1]  # type: ignore[call-arg]
    while (proposed < 0).any() and index.nprobe < cells:  # rows whose cells hold too few
        index.nprobe = min(2 * index.nprobe, cells)
        short = np.flatnonzero((proposed < 0).any(axis=1))
        proposed[short] = index.search(small[short], k + 1)[1]  # type: ignore[call-arg]
    others = _drop_self(proposed, np.arange(n))
    numbers, squared = np.empty((n, k), np.int64), np.empty((n, k))
    arguments = (rows.X, rows.scale, rows.X, rows.scale, others)
    run_in_threads(lambda begin, end: kernels.rank(*arguments, begin, end, numbers, squared), n)
    return numbers, squared, _recall(numbers[testing], _exact_neighbors(rows, testing, k))


def _exact_neighbors(rows: Rows, sample: np.ndarray, k: int) -> np.ndarray:
    selected = Rows(rows.X[sample], rows.scale[sample])
    return _drop_self(nearest(selected, rows, k + 1, exclude_self=False)[0], sample)


def _drop_self(numbers: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The indices (m, k + 1) without each row's own, or without the last where it is absent."""
    mask = numbers != own[:, None]
    mask[mask.all(axis=1), -1] = False
    return numbers[mask].reshape(len(numbers), -1)


def _recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found[:, :, None] == truth[:, None, :]).any(axis=1).mean())
