"""How many components PCA needs for an error: an engine's gain in the unit of the baseline."""

from __future__ import annotations

import numpy as np

from repviz.distortion import squared_errors
from repviz.principal.mirrored import MirroredPCA


def pca_curve(
    linear: MirroredPCA, X: np.ndarray, sizes: list[int], *, clip: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (m,) and PCA's mean squared error (m,) on rows ``X`` with as many components."""
    scores = linear.scores(X)
    errors = []
    for k in sizes:
        output = linear.mean + scores[:, :k] @ linear.basis[:k]
        errors.append(squared_errors(np.clip(output, 0, 1) if clip else output, X).mean())
    return np.array(sizes), np.array(errors)


def equivalent(mse: float, sizes: np.ndarray, errors: np.ndarray) -> float:
    """How many components PCA needs for an error of ``mse``: interpolated, on logarithmic scales.

    NaN where the curve does not reach that far down; 0 components give the curve's first error.
    """
    falling = np.minimum.accumulate(errors)
    if mse < falling[-1]:
        return float("nan")
    if mse >= falling[0]:
        return float(sizes[0])
    x, y = np.log(sizes[::-1]), np.log(np.maximum(falling[::-1], 1e-300))
    return float(np.exp(np.interp(np.log(mse), y, x)))
