"""Whether a face detector still finds a face."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Reference, Score

SIDE = 128  # pixels: smaller images are enlarged to it, since the cascade looks for 24 or more
MARGIN = 0.25  # share of the side, of repeated edge pixels around the image: faces often fill it


def criterion(argument: str) -> Score:
    """1 where scikit-image's cascade finds a frontal face, else 0.

    It was trained on well-lit frontal faces and misses others; what it accepts is only the
    arrangement of light and dark of a face.
    """
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade
    from skimage.transform import resize

    cascade = Cascade(lbp_frontal_face_cascade_filename())

    def has_face(image: np.ndarray) -> bool:
        grey = image.mean(axis=0)
        scale = SIDE / min(grey.shape)
        sides = [round(side * scale) for side in grey.shape]
        enlarged = resize(grey, sides, order=1, anti_aliasing=False)
        framed = np.pad(enlarged, round(MARGIN * SIDE), mode="edge")
        pixels = np.ascontiguousarray(np.clip(framed * 255, 0, 255).astype(np.uint8))
        smallest, largest = SIDE // 2, min(framed.shape)
        hits = cascade.detect_multi_scale(
            pixels,
            scale_factor=1.15,
            step_ratio=1.2,
            min_size=(smallest, smallest),
            max_size=(largest, largest),
        )
        return len(hits) > 0

    def score(images: np.ndarray, reference: Reference) -> np.ndarray:
        return np.array([has_face(image) for image in images.reshape(-1, *reference.shape)])

    return score
