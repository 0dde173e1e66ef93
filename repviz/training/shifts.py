"""Random shifts and mirror images of pixels, in one compiled pass, for autoencoders on pixels."""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from repviz.training.augmentation import SHIFT

ALL = slice(None)


def shift_and_mirror(
    pixels: np.ndarray,
    rows: Tensor,
    part: slice = ALL,
    *,
    shift: float = SHIFT,
    mirror: bool = True,
    generator: torch.Generator,
) -> Tensor:
    """Images of ``pixels``, shifted at random, half of them mirrored: (b, c, h, w), in [0, 1].

    Edges are repeated.

    Parameters
    ----------
    pixels : ndarray, uint8, shape (n, c, h, w)
        C-contiguous.
    rows : Tensor, int64, shape (b,)
        Which images; random numbers are drawn for all of these.
    part : slice
        The part of ``rows`` that is remirrored.
    shift : float
        The largest shift along each axis, as a fraction of the height or width, in [0, 1]; rounded
        to full pixels.
    mirror : bool
        Whether to mirror, left to right.
    generator : torch.Generator
        Source of the random numbers.
    """
    size = torch.tensor(pixels.shape[2:])
    largest = torch.tensor([round(shift * side) for side in pixels.shape[2:]])
    mirrored = torch.rand(len(rows), generator=generator) < (0.5 if mirror else 0.0)
    shifts = (torch.rand(len(rows), 2, generator=generator) * (2 * largest + 1)).long() - largest
    shifts = shifts.clamp(1 - size, size - 1)  # beyond, there is only the edge
    out = np.empty((len(rows[part]), *pixels.shape[1:]), np.float32)
    _shift(pixels, rows[part].numpy(), mirrored[part].numpy(), shifts[part].numpy(), out)
    return torch.from_numpy(out)


@numba.njit(nogil=True, cache=True)
def _shift(pixels, rows, mirrored, shifts, out):  # type: ignore[no-untyped-def]
    """Write the image of each row, mirrored and then shifted, to ``out``, divided by 255.

    In one pass: a call per image, or an array per operation, takes several times as long.
    """
    _, channels, height, width = pixels.shape
    for i in range(len(rows)):
        y, x = shifts[i]
        left, right = max(-x, 0), width - max(x, 0)  # columns of ``out`` that are no edge
        first = width - right - x if mirrored[i] else left + x
        for c in range(channels):
            for r in range(height):
                line = pixels[rows[i], c, min(max(r + y, 0), height - 1)]
                source, target = line[first : first + right - left], out[i, c, r]
                inner = target[left:right]
                for j in range(len(inner)):
                    # Unsigned: no check for negative indices.
                    at = np.uintp(len(inner) - 1 - j) if mirrored[i] else np.uintp(j)
                    inner[j] = source[at]
                target[:left], target[right:] = inner[0], inner[-1]
    numbers = out.reshape(-1)
    for j in range(len(numbers)):
        numbers[j] /= np.float32(255)
