"""ABID: the dimension from the angles between a row's neighbours.

Thordsen and Schubert 2020, "ABID: angle based intrinsic dimensionality", SISAP. Directions spread
evenly over d dimensions have a mean squared cosine of 1 / d between two of them; so 1 over the mean
over pairs of neighbours is the dimension, whatever their distances. The paper's mean also holds
each neighbour paired with itself (cosine 1), which bounds its value by k; ours does not. We average
the rows' inverses, then invert.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.result import gram_estimator


def inverses(grams: np.ndarray) -> np.ndarray:
    """Mean squared cosine between two neighbours (n,), from their Gram matrix (n, k, k)."""
    k = grams.shape[1]
    squared = np.einsum("nii->ni", grams)
    cosines2 = grams**2 / (squared[:, :, None] * squared[:, None, :])
    return (cosines2.sum(axis=(1, 2)) - k) / (k * (k - 1))


estimate = gram_estimator("abid", inverses)
