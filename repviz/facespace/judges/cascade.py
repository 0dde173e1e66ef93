"""scikit-image's cascade for frontal faces, trained elsewhere on other faces."""

from __future__ import annotations

import numpy as np

from repviz.facespace.judges import Statistics
from repviz.facespace.known import Known
from repviz.facespace.photographs import scaled

SIDE = 128  # pixels: small pictures are enlarged, since the cascade looks for 24 or more
MARGIN = 0.25  # of the side, of edge pixels repeated around the picture: faces often fill it


def fit(known: Known, seed: int) -> Statistics:
    """0 where the cascade finds a frontal face, 1 where it finds none: (m, 1).

    References
    ----------
    The local binary pattern cascade that scikit-image ships, of OpenCV.
    """
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    cascade = Cascade(lbp_frontal_face_cascade_filename())
    side = known.side

    def found(row: np.ndarray) -> bool:
        large = scaled(row.reshape(side, side), SIDE)
        framed = np.pad(large, round(MARGIN * SIDE), mode="edge")
        pixels = np.ascontiguousarray(np.rint(framed * 255).astype(np.uint8))
        hits = cascade.detect_multi_scale(
            pixels,
            scale_factor=1.15,
            step_ratio=1.25,
            min_neighbor_number=2,
            min_size=(SIDE // 2, SIDE // 2),
            max_size=framed.shape,
        )
        return len(hits) > 0

    return lambda X: np.array([[0.0 if found(row) else 1.0] for row in X]).reshape(-1, 1)
