"""Whether the peak signal-to-noise ratio is high enough."""

from __future__ import annotations

import numpy as np

from repviz import distortion
from repviz.bottleneck.criteria import Reference, Score, argument_as_number


def criterion(argument: str) -> Score:
    """1 where the ratio reaches ``argument`` decibels, else 0."""
    threshold = argument_as_number("psnr", argument, low=0, high=100)

    def score(images: np.ndarray, reference: Reference) -> np.ndarray:
        return distortion.psnr(images, reference.originals) >= threshold

    return score
