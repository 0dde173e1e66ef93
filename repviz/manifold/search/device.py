"""Proposals from blocks of products on a device of torch, such as a GPU.

The same products as on the processor, in full float32, and the same guard against what rounding
could have hidden: the neighbours that come out are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from repviz.errors import InputError
from repviz.manifold.search.proposal import Proposal, rounding
from repviz.manifold.search.rows import Frame, Rows

TILE = 4096  # rows


def propose(
    queries: Rows, base: Rows, frame: Frame, keep: int, *, own: bool, device: str
) -> Proposal:
    """The ``keep`` rows of base that float32 finds nearest to each query; ``own``: but itself.

    Raises
    ------
    InputError
        torch knows no such device, or cannot use it here.
    """
    place = _ready(device)
    m, n, d = len(queries), len(base), base.X.shape[1]
    numbers = np.empty((m, keep), np.int64)
    bound, sizes, reach = np.empty(m), np.empty(m), 0.0
    with _full_precision(), torch.inference_mode():
        for start in range(0, m, TILE):
            part = slice(start, min(start + TILE, m))
            left, own_sizes = _tile(queries, frame, part, place)
            best = torch.empty((len(left), 0), device=place)
            who = torch.empty((len(left), 0), dtype=torch.int64, device=place)
            for first in range(0, n, TILE):
                right, lengths = _tile(base, frame, slice(first, min(first + TILE, n)), place)
                reach = max(reach, float(lengths.max()))
                values = torch.addmm(lengths, left, right.T, alpha=-2)
                if own and first == start:
                    values.fill_diagonal_(torch.inf)
                near, at = values.topk(min(keep, values.shape[1]), largest=False, sorted=False)
                best, who = torch.cat([best, near], dim=1), torch.cat([who, at + first], dim=1)
                if best.shape[1] > keep:
                    best, at = best.topk(keep, largest=False, sorted=False)
                    who = who.gather(1, at)
            numbers[part] = who.cpu().numpy()
            sizes[part] = own_sizes.double().cpu().numpy()
            bound[part] = sizes[part] + best.max(dim=1).values.double().cpu().numpy()
    return Proposal(numbers, bound, rounding(sizes, reach, d), reach)


def _tile(rows: Rows, frame: Frame, part: slice, place: torch.device) -> tuple[Any, Any]:
    X, sizes = frame.tile(rows, part.start, part.stop - part.start)
    return torch.from_numpy(X).to(place), torch.from_numpy(sizes).to(place)


def _ready(device: str) -> torch.device:
    try:
        place = torch.device(device)
        torch.empty(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise InputError(
            f"neighbors: device must be usable by torch on this machine, got '{device}' "
            f"({reason}). Leave it out to search on the processor."
        ) from error
    return place


@contextmanager
def _full_precision() -> Iterator[None]:
    """Within the block products are float32's own, whatever shortcuts the program allows."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
