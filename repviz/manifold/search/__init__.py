"""The exact search: something proposes in float32, and distances in float64 decide."""

from __future__ import annotations

import numpy as np

from repviz.manifold.search import kernels
from repviz.manifold.search.processor import propose
from repviz.manifold.search.radius import exact, nearby
from repviz.manifold.search.rows import Rows, framed, shared

MARGIN = 8  # rows at most that are proposed beyond the k that are asked for


def nearest(
    queries: Rows, base: Rows, k: int, *, own: bool, device: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (m, k) and squared distances (m, k) of the nearest rows of base, nearest first.

    Among equal distances the lower number comes first. Where float32 could have missed a row, all
    that could be among the nearest are looked at again.

    Parameters
    ----------
    own : bool
        Whether queries and base are the same rows, and a row leaves out itself.
    device : str, optional
        The device of torch that proposes; the processor if None.
    """
    frame = framed(base)
    available = len(base) - own
    keep = min(available, k + min(MARGIN, k + 1))
    if device is None:
        proposal = propose(queries, base, frame, keep, own=own)
    else:
        from repviz.manifold.search import device as torch_device

        proposal = torch_device.propose(queries, base, frame, keep, own=own, device=device)
    numbers = np.empty((len(queries), k), np.int64)
    squared = np.empty((len(queries), k))
    of = (queries.X, queries.scale, base.X, base.scale, proposal.numbers)
    shared(lambda begin, end: kernels.ranked(*of, begin, end, numbers, squared), len(queries))
    if keep < available:
        farthest = squared[:, -1] / frame.unit**2
        doubted = np.flatnonzero(proposal.bound - proposal.error < farthest)
        asking = Rows(queries.X[doubted], queries.scale[doubted])
        limits = farthest[doubted, None]
        again = nearby(asking, base, frame, limits, reach=proposal.reach, count=False)
        for _, near in again:
            rows, others = doubted[near.asking], near.others
            if own:
                rows, others = rows[others != rows], others[others != rows]
            far = exact(queries, rows, base, others)
            order = np.lexsort((others, far, rows))
            row, first = np.unique(rows[order], return_index=True)
            picked = order[first[:, None] + np.arange(k)]
            numbers[row], squared[row] = others[picked], far[picked]
    return numbers, squared
