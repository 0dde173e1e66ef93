"""Method of moments: the dimension from the mean of the k nearest distances.

Amsaleg, Chelly, Furon, Girard, Houle, Kawarabayashi, Nett 2018, "Extreme-value-theoretic estimation
of local intrinsic dimensionality", Data Mining and Knowledge Discovery 32, equation 15. Around a
row, distances within w have the mean w d / (d + 1); with m the mean of the k nearest, the farthest
among them, 1 / d = w / m - 1. We average the inverses over the rows, then invert; "mean" averages
the dimensions, as scikit-dimension does.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import average_inverses, check_average, check_scale, result
from repviz.manifold.neighbors import Neighbors

SCALES = (5, 10, 20)  # the k of the calibration tables


def estimate(graph: Neighbors, *, k: int = 10, average: str = "inverse") -> Dimension:
    """The dimension of the graph's rows by the method of moments.

    Parameters
    ----------
    graph : Neighbors
        With at least k neighbours per row; more where rows have identical copies.
    k : {5, 10, 20}
        The number of neighbours.
    average : {"inverse", "mean"}
        Whether the rows' inverse dimensions are averaged, or the dimensions themselves.

    Returns
    -------
    Dimension
        With each row's own dimension in ``local``.

    Raises
    ------
    InputError
        ``k`` is not one of these, or there are too few distinct rows.
    UnknownName
        There is no such average.
    """
    check_scale("moments", "k", k, SCALES)
    check_average(average)
    rows = distinct(graph, k)
    inverse = inverses(rows.distances)
    value, influence = average_inverses(inverse, average)
    table = f"moments-{k}" + ("-mean" if average == "mean" else "")
    with np.errstate(divide="ignore"):
        local = 1 / inverse
    return result("moments", rows, value, influence, table=table, local=local)


def inverses(distances: np.ndarray) -> np.ndarray:
    """One over the dimension around each row (n,), from the distances (n, k) to its neighbours."""
    return distances[:, -1] / distances.mean(axis=1) - 1
