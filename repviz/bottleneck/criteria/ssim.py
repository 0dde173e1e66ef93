"""Whether the structural similarity is high enough."""

from __future__ import annotations

import numpy as np

from repviz import distortion
from repviz.bottleneck.criteria import Reference, Score, argument_as_number


def criterion(argument: str) -> Score:
    """1 where the similarity reaches ``argument``, else 0."""
    threshold = argument_as_number("ssim", argument, low=-1, high=1)

    def score(images: np.ndarray, reference: Reference) -> np.ndarray:
        return distortion.ssim(images, reference.originals, reference.shape) >= threshold

    return score
