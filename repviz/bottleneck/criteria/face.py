"""Whether a face detector still finds a face."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Reference, Score
from repviz.facespace.judges.cascade import has_face
from repviz.images.decoding import to_grey


def criterion(argument: str) -> Score:
    """1 where scikit-image's cascade finds a frontal face, else 0: as the judge "cascade" says."""

    def score(images: np.ndarray, reference: Reference) -> np.ndarray:
        levels = np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)
        greys = [to_grey(image)[0] / 255 for image in levels.reshape(-1, *reference.shape)]
        return np.array([has_face(grey) for grey in greys])

    return score
