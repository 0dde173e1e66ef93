"""Small changes that leave an image what it is: each epoch sees each image a little otherwise."""

from __future__ import annotations

import torch
from torch import Tensor

SHIFT = 1 / 32  # the farthest move, as a share of an image's height and width


def jittered(
    images: Tensor, *, shift: float = SHIFT, mirror: bool = True, generator: torch.Generator
) -> Tensor:
    """``images`` (b, c, h, w), each moved a little, and half of them mirrored.

    What comes in at an edge repeats the pixels of that edge.

    Parameters
    ----------
    images : Tensor, shape (b, c, h, w)
        uint8 or floating point.
    shift : float
        The farthest move along each axis, as a share of the height or width, in [0, 1]; rounded to
        whole pixels.
    mirror : bool
        Whether to mirror, left to right.
    generator : torch.Generator
        Where the random numbers are from.
    """
    b, _, height, width = images.shape
    if mirror:
        flipped = torch.rand(b, generator=generator) < 0.5
        images = torch.where(flipped[:, None, None, None], images.flip(-1), images)
    rows, columns = (_moved(side, round(shift * side), b, generator) for side in (height, width))
    which = torch.arange(b)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def _moved(side: int, farthest: int, b: int, generator: torch.Generator) -> Tensor:
    """For each of ``b`` images, the old place (b, side) of what stands at each place now."""
    moves = torch.randint(-farthest, farthest + 1, (b, 1), generator=generator)
    return (torch.arange(side) + moves).clamp_(0, side - 1)


def shuffled(n: int, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """The rows 0 to n - 1 in random order, in parts of ``batch``; the last may be smaller."""
    return torch.randperm(n, generator=generator).split(batch)
