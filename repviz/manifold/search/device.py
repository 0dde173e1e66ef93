"""Candidate neighbours from block matrix products on a torch device, such as a GPU.

The same products as on the processor, in full float32, and the same guard against what rounding
could have hidden: the resulting neighbours are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from repviz.manifold.search.proposal import Proposal, rounding
from repviz.manifold.search.rows import Frame, Rows
from repviz.models.device import find_device, full_precision

TILE = 4096  # rows


def propose(
    queries: Rows, base: Rows, frame: Frame, n_proposed: int, *, exclude_self: bool, device: str
) -> Proposal:
    """The candidates: rows of base that are nearest to each query in float32, (m, n_proposed).

    Raises
    ------
    InputError
        torch finds no such device here.
    """
    torch_device = find_device("neighbors", device)
    m, n, d = len(queries), len(base), base.X.shape[1]
    numbers = np.empty((m, n_proposed), np.int64)
    bound, sizes, reach = np.empty(m), np.empty(m), 0.0
    with full_precision(), torch.inference_mode():
        for start in range(0, m, TILE):
            part = slice(start, min(start + TILE, m))
            left, own_sizes = _tile(queries, frame, part, torch_device)
            best = torch.empty((len(left), 0), device=torch_device)
            indices = torch.empty((len(left), 0), dtype=torch.int64, device=torch_device)
            for first in range(0, n, TILE):
                right, lengths = _tile(
                    base, frame, slice(first, min(first + TILE, n)), torch_device
                )
                reach = max(reach, float(lengths.max()))
                values = torch.addmm(lengths, left, right.T, alpha=-2)
                if exclude_self and first == start:
                    values.fill_diagonal_(torch.inf)
                near, at = values.topk(
                    min(n_proposed, values.shape[1]), largest=False, sorted=False
                )
                best, indices = (
                    torch.cat([best, near], dim=1),
                    torch.cat([indices, at + first], dim=1),
                )
                if best.shape[1] > n_proposed:
                    best, at = best.topk(n_proposed, largest=False, sorted=False)
                    indices = indices.gather(1, at)
            numbers[part] = indices.cpu().numpy()
            sizes[part] = own_sizes.double().cpu().numpy()
            bound[part] = sizes[part] + best.max(dim=1).values.double().cpu().numpy()
    return Proposal(numbers, bound, rounding(sizes, reach, d), reach)


def _tile(rows: Rows, frame: Frame, part: slice, torch_device: torch.device) -> tuple[Any, Any]:
    X, sizes = frame.tile(rows, part.start, part.stop - part.start)
    return torch.from_numpy(X).to(torch_device), torch.from_numpy(sizes).to(torch_device)
