"""scikit-image's cascade for frontal faces, trained elsewhere on other faces."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from repviz.facespace.judges import Statistics
from repviz.facespace.known import Known
from repviz.facespace.photographs import scaled

SIDE = 128  # pixels: small pictures are enlarged, since the cascade looks for 24 or more
MARGIN = 0.25  # of the side, of edge pixels repeated around the picture: faces often fill it


def fit(known: Known, seed: int) -> Statistics:
    """0 where the cascade finds a frontal face, 1 where it finds none: (m, 1)."""
    shape = (known.side, known.side)
    return lambda X: np.array([not has_face(row.reshape(shape)) for row in X], float).reshape(-1, 1)


def has_face(grey: np.ndarray) -> bool:
    """Whether the cascade finds a frontal face of half the image's shorter side or more.

    It was trained on well-lit frontal faces and misses others; what it accepts is only the
    arrangement of light and dark of a face.

    Parameters
    ----------
    grey : ndarray, shape (h, w)
        Grey levels in [0, 1].

    References
    ----------
    The local binary pattern cascade that scikit-image ships, of OpenCV.
    """
    framed = np.pad(scaled(grey, SIDE), round(MARGIN * SIDE), mode="edge")
    hits = _cascade().detect_multi_scale(
        np.ascontiguousarray(np.rint(framed * 255).astype(np.uint8)),
        scale_factor=1.15,
        step_ratio=1.25,
        min_neighbor_number=2,
        min_size=(SIDE // 2, SIDE // 2),
        max_size=framed.shape,
    )
    return len(hits) > 0


@cache
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())
