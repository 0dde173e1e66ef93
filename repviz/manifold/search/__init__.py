"""Exact search: float32 proposes candidates, and distances in float64 decide."""

from __future__ import annotations

import numpy as np

from repviz.errors import InputError
from repviz.manifold.search import kernels
from repviz.manifold.search.processor import propose
from repviz.manifold.search.radius import exact_distances, search_within
from repviz.manifold.search.rows import Rows, fit_frame, run_in_threads

MARGIN = 8  # candidates proposed beyond k, at most


def nearest(
    queries: Rows, base: Rows, k: int, *, exclude_self: bool, device: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (m, k) and squared distances (m, k) of the nearest rows of base, nearest first.

    Among equal distances the lower number comes first. Where float32 could have missed a row, all
    rows that could be among the nearest are compared again.

    Parameters
    ----------
    exclude_self : bool
        Whether queries and base are the same rows, and a row is not its own neighbour.
    device : str, optional
        The device of torch that proposes; the processor if None.
    """
    frame = fit_frame(base) if exclude_self else fit_frame(base, queries)
    available = len(base) - exclude_self
    n_proposed = min(available, k + min(MARGIN, k + 1))
    if device is None:
        proposal = propose(queries, base, frame, n_proposed, exclude_self=exclude_self)
    else:
        from repviz.manifold.search import device as torch_device

        proposal = torch_device.propose(
            queries, base, frame, n_proposed, exclude_self=exclude_self, device=device
        )
    # The kernels that follow read rows by these numbers and check none of them.
    if proposal.numbers.min() < 0 or proposal.numbers.max() >= len(base):
        raise InputError("neighbors: the values of X must be finite and comparable in size.")
    numbers = np.empty((len(queries), k), np.int64)
    squared = np.empty((len(queries), k))
    arguments = (queries.X, queries.scale, base.X, base.scale, proposal.numbers)
    run_in_threads(
        lambda begin, end: kernels.rank(*arguments, begin, end, numbers, squared), len(queries)
    )
    if n_proposed < available:
        farthest = squared[:, -1] / frame.unit**2
        doubtful = np.flatnonzero(proposal.bound - proposal.error < farthest)
        doubtful_queries = Rows(queries.X[doubtful], queries.scale[doubtful])
        limits = farthest[doubtful, None]
        again = search_within(
            doubtful_queries, base, frame, limits, reach=proposal.reach, count=False
        )
        for _, near in again:
            rows, others = doubtful[near.doubtful_queries], near.doubtful_rows
            if exclude_self:
                rows, others = rows[others != rows], others[others != rows]
            far = exact_distances(queries, rows, base, others)
            order = np.lexsort((others, far, rows))
            row, first = np.unique(rows[order], return_index=True)
            selected = order[first[:, None] + np.arange(k)]
            numbers[row], squared[row] = others[selected], far[selected]
    return numbers, squared
