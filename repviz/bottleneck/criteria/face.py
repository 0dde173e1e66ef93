"""Whether a face detector still finds a face."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Function, Reference

SIDE = 128  # pixels: small pictures are enlarged to it, since the cascade looks for 24 or more
MARGIN = 0.25  # of the side, of edge pixels repeated around the picture: faces often fill it


def criterion(argument: str) -> Function:
    """1 where scikit-image's cascade finds a frontal face, else 0.

    It was trained on well-lit frontal faces and misses others; what it accepts is only the
    arrangement of light and dark that a face has.
    """
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade
    from skimage.transform import resize

    cascade = Cascade(lbp_frontal_face_cascade_filename())

    def found(picture: np.ndarray) -> bool:
        grey = picture.mean(axis=0)
        scale = SIDE / min(grey.shape)
        sides = [round(side * scale) for side in grey.shape]
        large = resize(grey, sides, order=1, anti_aliasing=False)
        framed = np.pad(large, round(MARGIN * SIDE), mode="edge")
        pixels = np.ascontiguousarray(np.clip(framed * 255, 0, 255).astype(np.uint8))
        least, most = SIDE // 2, min(framed.shape)
        hits = cascade.detect_multi_scale(
            pixels,
            scale_factor=1.15,
            step_ratio=1.2,
            min_size=(least, least),
            max_size=(most, most),
        )
        return len(hits) > 0

    def scores(images: np.ndarray, of: Reference) -> np.ndarray:
        return np.array([found(picture) for picture in images.reshape(-1, *of.shape)])

    return scores
