"""Local PCA: the participation ratio of the spectrum around each row.

(sum of variances)^2 / sum of squared variances of a row and its k nearest neighbours: the effective
number of directions of a neighbourhood. With k + 1 points it is at most k and biased low long
before; the calibrated value corrects for that. It is the local counterpart of "participation",
after Fukunaga and Olsen 1971, "An algorithm for finding intrinsic dimensionality of data", IEEE
Transactions on Computers C-20, who count variances above a threshold, which returns the number of
features on data that curve within a neighbourhood.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.result import gram_estimator


def inverses(grams: np.ndarray) -> np.ndarray:
    """One over the participation ratio around each row (n,), from its Gram matrix (n, k, k).

    The row itself, a zero vector, is the (k + 1)-th point of the neighbourhood.
    """
    points = grams.shape[1] + 1
    sums = grams.sum(axis=2) / points  # (n, k)
    whole = sums.sum(axis=1) / points  # (n,)
    total = np.einsum("nii->n", grams) - points * whole
    # ||centred Gram||^2 = ||G||^2 - 2 p ||row means||^2 + p^2 whole^2
    squares = (
        (grams**2).sum(axis=(1, 2)) - 2 * points * (sums**2).sum(axis=1) + (points * whole) ** 2
    )
    return squares / total**2


estimate = gram_estimator("local-pca", inverses)
