"""Receptive fields: the rectangle of a network's input that a unit depends on, found with NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from repviz.activations.capture import FULL_PASSES, Capture
from repviz.activations.filling import device_of
from repviz.models.model import Model, evaluating, named_failure

BATCH = 16  # copies of the input per pass
UNKNOWN = -1


def receptive_fields(model: Model, units: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """For each layer the receptive fields of some units, int64 (m, 4): top, left, bottom, right.

    The field is the smallest rectangle that holds every pixel of the network's input on which the
    unit depends, in pixels of that input, clipped to it; bottom and right are exclusive.

    One row of the input is set to NaN at a time, then one column. NaN times a weight of 0 is NaN,
    and so is the maximum of NaN and anything, so that it reaches every unit that depends on the
    row through convolutions, max-pooling, residual branches, normalisation and attention, whatever
    the weights and the image are. A gradient would miss what loses in max-pooling or is cut off
    by a ReLU. It takes as many passes of one image as the input has rows and columns.

    Parameters
    ----------
    model : Model
        Any network.
    units : mapping of str to ndarray of int, shape (m,)
        For each layer the units, as flat indices into its output for one image.

    Returns
    -------
    dict of str to ndarray
        All four are -1 where NaN does not reach a unit even from the complete input, or is there
        without it: networks that replace or produce NaN have no field that can be found in this
        way.
    """
    height, width = model.preprocessing.size
    edges = [(0, 0), (0, height - 1), (1, 0), (1, width - 1)]  # (axis, line)
    every = [(axis, line) for axis in (0, 1) for line in range((height, width)[axis])]
    fields: dict[str, np.ndarray] = {}
    inner = {}  # layers with units that do not depend on the complete input
    with evaluating(model.module), named_failure("receptive_fields", model):
        with _reading(model, units) as read:
            clean, full = (read(_input(model).fill_(value)) for value in (0.0, torch.nan))
            at_edges = _lines_reached(model, read, edges)
        for layer, indices in units.items():
            known = (full[layer] & ~clean[layer])[0]
            fields[layer] = np.where(known[:, None], (0, 0, height, width), UNKNOWN)
            if (known & ~at_edges[layer].all(axis=0)).any():
                inner[layer] = indices
        if inner:
            with _reading(model, inner) as read:
                for layer, hits in _lines_reached(model, read, every).items():
                    known = fields[layer][:, 0] != UNKNOWN
                    fields[layer][known] = _box(hits[:height], hits[height:])[known]
    return fields


Read = Callable[[Tensor], dict[str, np.ndarray]]


@contextmanager
def _reading(model: Model, units: Mapping[str, np.ndarray]) -> Iterator[Read]:
    """Context manager: a function from input (b, c, h, w) to whether each unit is NaN, (b, m)."""

    def is_nan(layer: str, y: Tensor) -> Tensor:
        return y.flatten(1)[:, torch.as_tensor(units[layer], device=y.device)].isnan()

    # NNPACK's convolutions are Winograd's, which spread NaN over the tile around it.
    with (
        torch.backends.nnpack.flags(enabled=False),
        Capture(model.module, units, keep=is_nan) as capture,
    ):
        yield lambda x: {layer: hits.cpu().numpy() for layer, hits in capture(x).items()}


def _input(model: Model, n: int = 1) -> Tensor:
    preprocessing = model.preprocessing
    return torch.zeros(n, preprocessing.channels, *preprocessing.size, device=device_of(model))


def _lines_reached(model: Model, read: Read, lines: list[tuple[int, int]]) -> dict[str, np.ndarray]:
    """Whether each of ``lines`` (axis, line) of the input reaches each unit, bool (lines, m)."""
    parts: list[dict[str, np.ndarray]] = []
    starts = [*range(FULL_PASSES), *range(FULL_PASSES, len(lines), BATCH), len(lines)]
    for start, stop in pairwise(starts):  # passes that Capture lets run to the end are short
        some = lines[start:stop]
        x = _input(model, len(some))
        for copy, (axis, line) in zip(x, some, strict=True):
            copy.select(axis + 1, line).fill_(torch.nan)
        parts.append(read(x))
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}


def _box(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The bounds (m, 4) of the rows and columns, bool (lines, m), that reach each unit."""
    top, left = rows.argmax(axis=0), columns.argmax(axis=0)
    bottom = len(rows) - rows[::-1].argmax(axis=0)
    right = len(columns) - columns[::-1].argmax(axis=0)
    return np.stack([top, left, bottom, right], axis=1)
