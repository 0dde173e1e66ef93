"""Local PCA: the participation ratio of the spectrum around each row.

(sum of variances)^2 / sum of squared variances of a row and its k nearest neighbours: how many
directions a neighbourhood spreads over. With k + 1 points it cannot pass k, and reads low well
before; the calibrated value allows for that. It is the local counterpart of "participation", after
Fukunaga and Olsen 1971, "An algorithm for finding intrinsic dimensionality of data", IEEE
Transactions on Computers C-20, who count variances above a threshold, which returns the number of
features on data that curve within a neighbourhood.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import neighbourhoods
from repviz.manifold.neighbors import Neighbors

SCALES = (10, 20)  # the k that the calibration tables hold


def estimate(graph: Neighbors, *, k: int = 20, average: str = "inverse") -> Dimension:
    """The participation ratio of the rows' neighbourhoods.

    Parameters
    ----------
    graph : Neighbors
        With at least k neighbours a row; more where rows have identical copies.
    k : {10, 20}
        The scale: how many neighbours are looked at.
    average : {"inverse", "mean"}
        Whether the rows' inverse ratios are averaged, or the ratios themselves.

    Returns
    -------
    Dimension
        With the rows' own ratios in ``local``.

    Raises
    ------
    InputError
        ``k`` is not one of these, or too few different rows.
    UnknownName
        No such average.
    """
    return neighbourhoods("local-pca", graph, k, average, scales=SCALES, inverses=inverses)


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
