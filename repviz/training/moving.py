"""Images moved a little and mirrored: an autoencoder on pixels sees each anew in each epoch."""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from repviz.training.augmenting import SHIFT

ALL = slice(None)


def moved(
    pixels: np.ndarray,
    rows: Tensor,
    part: slice = ALL,
    *,
    shift: float = SHIFT,
    mirror: bool = True,
    generator: torch.Generator,
) -> Tensor:
    """Images of ``pixels``, each moved a little, half of them mirrored: (b, c, h, w), in [0, 1].

    What comes in at an edge repeats the pixels of that edge.

    Parameters
    ----------
    pixels : ndarray, uint8, shape (n, c, h, w)
        In the order of C.
    rows : Tensor, int64, shape (b,)
        Which of them; random numbers are drawn for all of these.
    part : slice
        Which of the rows are wanted.
    shift : float
        The farthest move along each axis, as a share of the height or width, in [0, 1]; rounded to
        whole pixels.
    mirror : bool
        Whether to mirror, left to right.
    generator : torch.Generator
        Where the random numbers are from.
    """
    size = torch.tensor(pixels.shape[2:])
    farthest = torch.tensor([round(shift * side) for side in pixels.shape[2:]])
    turned = torch.rand(len(rows), generator=generator) < (0.5 if mirror else 0.0)
    moves = (torch.rand(len(rows), 2, generator=generator) * (2 * farthest + 1)).long() - farthest
    moves = moves.clamp(1 - size, size - 1)  # beyond, there is no more than the edge either
    out = np.empty((len(rows[part]), *pixels.shape[1:]), np.float32)
    _move(pixels, rows[part].numpy(), turned[part].numpy(), moves[part].numpy(), out)
    return torch.from_numpy(out)


@numba.njit(nogil=True, cache=True)
def _move(pixels, rows, turned, moves, out):  # type: ignore[no-untyped-def]
    """Write the image of each row, mirrored and then moved, to ``out``, over 255.

    In one pass: a call for each image, or an array for each step, costs several times as much.
    """
    _, channels, height, width = pixels.shape
    for i in range(len(rows)):
        y, x = moves[i]
        left, right = max(-x, 0), width - max(x, 0)  # columns of ``out`` that are not edge
        first = width - right - x if turned[i] else left + x
        for c in range(channels):
            for r in range(height):
                line = pixels[rows[i], c, min(max(r + y, 0), height - 1)]
                shown, whole = line[first : first + right - left], out[i, c, r]
                inner = whole[left:right]
                for j in range(len(inner)):
                    # Unsigned: the compiler need not ask whether it counts from the end.
                    at = np.uintp(len(inner) - 1 - j) if turned[i] else np.uintp(j)
                    inner[j] = shown[at]
                whole[:left], whole[right:] = inner[0], inner[-1]
    numbers = out.reshape(-1)
    for j in range(len(numbers)):
        numbers[j] /= np.float32(255)
