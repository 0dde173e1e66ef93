"""Whether the structural similarity is high enough."""

from __future__ import annotations

import numpy as np

from repviz import distortion
from repviz.bottleneck.criteria import Function, Reference, number


def criterion(argument: str) -> Function:
    """1 where the similarity is at least what the argument says, else 0."""
    least = number("ssim", argument, low=-1, high=1)

    def scores(images: np.ndarray, of: Reference) -> np.ndarray:
        return distortion.ssim(images, of.originals, of.shape) >= least

    return scores
