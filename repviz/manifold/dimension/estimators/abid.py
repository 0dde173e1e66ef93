"""ABID: the dimension from the angles between a row's neighbours.

Thordsen and Schubert 2020, "ABID: angle based intrinsic dimensionality", SISAP. Directions spread
evenly over d dimensions have a mean squared cosine of 1 / d between two of them; so 1 over the mean
over pairs of neighbours is the dimension, whatever their distances. The paper's mean also holds
each neighbour paired with itself (cosine 1), which bounds its value by k; ours does not. We average
the rows' inverses, then invert.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import neighbourhoods
from repviz.manifold.neighbors import Neighbors

SCALES = (10, 20)  # the k that the calibration tables hold


def estimate(graph: Neighbors, *, k: int = 20, average: str = "inverse") -> Dimension:
    """The angle-based dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With at least k neighbours a row; more where rows have identical copies.
    k : {10, 20}
        The scale: how many neighbours are looked at.
    average : {"inverse", "mean"}
        Whether the rows' inverse dimensions are averaged, or the dimensions themselves.

    Returns
    -------
    Dimension
        With the rows' own dimensions in ``local``.

    Raises
    ------
    InputError
        ``k`` is not one of these, or too few different rows.
    UnknownName
        No such average.
    """
    return neighbourhoods("abid", graph, k, average, scales=SCALES, inverses=inverses)


def inverses(grams: np.ndarray) -> np.ndarray:
    """Mean squared cosine between two neighbours (n,), from their Gram matrix (n, k, k)."""
    k = grams.shape[1]
    squared = np.einsum("nii->ni", grams)
    cosines2 = grams**2 / (squared[:, :, None] * squared[:, None, :])
    return (cosines2.sum(axis=(1, 2)) - k) / (k * (k - 1))
