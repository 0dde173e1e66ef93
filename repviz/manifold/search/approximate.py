"""Neighbours that are nearly all right, in less than all pairs: faiss's inverted lists.

Rows are put into about 4 sqrt(n) cells by k-means, and a row looks for its neighbours in the cells
nearest to it (Jegou, Douze, Schmid 2011, IEEE PAMI 33). How many cells that are is not guessed:
they are doubled until a sample of rows finds what the exact search finds for them, and another
sample measures the recall that is reported.
"""

from __future__ import annotations

import faiss
import numpy as np

from repviz.manifold.search import kernels, nearest
from repviz.manifold.search.rows import STEP, Rows, framed, shared

WANTED = 0.98  # of the neighbours of the first sample
SAMPLE = 400  # rows that are also searched exactly
TRAINED = 64  # rows a cell that k-means looks at


def nearly(rows: Rows, k: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Numbers (n, k), squared distances (n, k), exact ones, and the recall in [0, 1]."""
    n, d = rows.X.shape
    frame = framed(rows)
    small = np.concatenate([frame.tile(rows, start, STEP)[0] for start in range(0, n, STEP)])[:n]
    cells = max(1, min(n // 40, round(4 * np.sqrt(n))))
    quantizer = faiss.IndexFlatL2(d)
    index = faiss.IndexIVFFlat(quantizer, d, cells)
    index.cp.seed, index.cp.max_points_per_centroid = seed + 1, TRAINED
    index.train(small)  # type: ignore[call-arg]
    index.add(small)  # type: ignore[call-arg]
    drawn = np.random.default_rng(seed).permutation(n)
    tuned, judged = drawn[:SAMPLE], drawn[SAMPLE : 2 * SAMPLE] if n >= 2 * SAMPLE else drawn
    truth = _exactly(rows, tuned, k)
    index.nprobe = 1
    while index.nprobe < cells:
        found = index.search(small[tuned], k + 1)[1]  # type: ignore[call-arg]
        if (found >= 0).all() and _share(found, truth) >= WANTED:
            break
        index.nprobe = min(2 * index.nprobe, cells)
    proposed = index.search(small, k + 1)[1]  # type: ignore[call-arg]
    while (proposed < 0).any() and index.nprobe < cells:  # a row whose cells hold too few
        index.nprobe = min(2 * index.nprobe, cells)
        short = np.flatnonzero((proposed < 0).any(axis=1))
        proposed[short] = index.search(small[short], k + 1)[1]  # type: ignore[call-arg]
    others = _without(proposed, np.arange(n))
    numbers, squared = np.empty((n, k), np.int64), np.empty((n, k))
    of = (rows.X, rows.scale, rows.X, rows.scale, others)
    shared(lambda begin, end: kernels.ranked(*of, begin, end, numbers, squared), n)
    return numbers, squared, _share(numbers[judged], _exactly(rows, judged, k))


def _exactly(rows: Rows, sample: np.ndarray, k: int) -> np.ndarray:
    picked = Rows(rows.X[sample], rows.scale[sample])
    return _without(nearest(picked, rows, k + 1, own=False)[0], sample)


def _without(numbers: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The numbers (m, k + 1) without each row's own, or without the last where it is not there."""
    kept = numbers != own[:, None]
    kept[kept.all(axis=1), -1] = False
    return numbers[kept].reshape(len(numbers), -1)


def _share(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found[:, :, None] == truth[:, None, :]).any(axis=1).mean())
