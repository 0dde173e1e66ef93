"""Whether the other original nearest to a reconstruction has the same label."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Reference, Score
from repviz.manifold.neighbors import neighbors_between


def criterion(argument: str) -> Score:
    """1 where the nearest original other than its own has the same label, else 0.

    The search is among the originals of the test images, so that it also works for people who are
    in no training image.
    """

    def score(images: np.ndarray, reference: Reference) -> np.ndarray:
        assert reference.labels is not None
        nearest, _ = neighbors_between(images, reference.originals, k=2)
        is_itself = nearest[:, 0] == np.arange(len(images))
        other = np.where(is_itself, nearest[:, 1], nearest[:, 0])
        same: np.ndarray = reference.labels[other] == reference.labels
        return same

    return score
