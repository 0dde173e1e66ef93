"""Whether an image is still nearest to another image of the same person."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Function, Reference
from repviz.manifold.neighbors import neighbors_between


def criterion(argument: str) -> Function:
    """1 where the nearest original other than its own shows the same label, else 0.

    The originals among which it is looked up are the test images themselves: so it works for
    people whom no training has seen.
    """

    def scores(images: np.ndarray, of: Reference) -> np.ndarray:
        assert of.labels is not None
        nearest, _ = neighbors_between(images, of.originals, k=2)
        own = nearest[:, 0] == np.arange(len(images))
        other = np.where(own, nearest[:, 1], nearest[:, 0])
        same: np.ndarray = of.labels[other] == of.labels
        return same

    return scores
