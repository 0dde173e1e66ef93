"""GRIDE: the dimension from the ratio of two distances farther out than TwoNN's.

Denti, Doimo, Laio, Mira 2022, "The generalized ratios intrinsic dimension estimator", Scientific
Reports 12:20005. Where the density is uniform, mu = r_2m / r_m has the density

    d (mu^d - 1)^(m - 1) / (B(m, m) mu^((2m - 1) d + 1))        their equation 7, n1 = m, n2 = 2m

whose likelihood has one maximum. A larger m is more robust to noise and near duplicates, and
more sensitive to curvature. We use n log d where DADApy has (n - 1) log d, and all ratios where
DADApy and scikit-dimension drop those above q50 + 20 (q95 - q50).
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.calibration import FAR
from repviz.manifold.dimension.distinct import distinct, distinct_or_none
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import check_scale, maximum_likelihood, result
from repviz.manifold.neighbors import Neighbors

SCALES = (1, 2, 4, 8, 16, 32)  # the m of the calibration tables


def estimate(graph: Neighbors, *, m: int = 4) -> Dimension:
    """The GRIDE dimension of the graph's rows at one scale.

    Parameters
    ----------
    graph : Neighbors
        With at least 2m neighbours per row; more where rows have identical copies.
    m : {1, 2, 4, 8, 16, 32}
        The nearer of the two neighbours; 1 is TwoNN. The default tolerates noise of half the
        distance to the nearest row.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        ``m`` is not one of these, or there are too few distinct rows.
    """
    check_scale("gride", "m", m, SCALES)
    rows = distinct(graph, 2 * m)
    value, influence = likelihood(rows.distances, m)
    if m > 1:
        return result("gride", rows, value, influence, table=f"gride-{m}")
    return result("gride", rows, value, influence, table="twonn", far=far_estimate(graph))


def far_estimate(graph: Neighbors) -> float | None:
    """The raw estimate at the far scale of the trend; None where the graph has too few neighbours.

    TwoNN's calibrated dimension is extrapolated from its own scale and this one.
    """
    rows = distinct_or_none(graph, 2 * FAR)
    return None if rows is None else likelihood(rows.distances, FAR)[0]


def likelihood(distances: np.ndarray, m: int) -> tuple[float, np.ndarray]:
    """The estimate and each row's influence on its logarithm, from distances (n, >= 2m)."""
    x = np.log(distances[:, 2 * m - 1] / distances[:, m - 1])  # (n,) log mu
    x = np.maximum(x, np.finfo(float).tiny)  # rows whose distances are tied

    def score(d: float) -> np.ndarray:
        return 1 / d - (m - 1) * x / np.expm1(-d * x) - (2 * m - 1) * x

    return maximum_likelihood(score)
