"""Distance to the nearest known face: too near is as unlike a new face as too far."""

from __future__ import annotations

import numpy as np

from repviz.facespace.judges import Statistics
from repviz.facespace.known import Known
from repviz.manifold.neighbors import neighbors_between


def fit(known: Known, seed: int) -> Statistics:
    """Root mean square pixel difference to the nearest known face, in [0, 1]: (m, 1)."""
    return lambda X: nearest(X, known.faces)[1][:, None]


def nearest(X: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row of the nearest face and the root mean square difference to it, both shape (m,)."""
    indices, distances = neighbors_between(X, faces)
    return indices[:, 0], distances[:, 0] / np.sqrt(faces.shape[1])
