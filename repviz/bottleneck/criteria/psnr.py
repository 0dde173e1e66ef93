"""Whether the peak signal-to-noise ratio is high enough."""

from __future__ import annotations

import numpy as np

from repviz import distortion
from repviz.bottleneck.criteria import Function, Reference, number


def criterion(argument: str) -> Function:
    """1 where the ratio is at least as many decibels as the argument says, else 0."""
    least = number("psnr", argument, low=0, high=100)

    def scores(images: np.ndarray, of: Reference) -> np.ndarray:
        return distortion.psnr(images, of.originals) >= least

    return scores
