"""MiND-ML: the dimension from the ratio of the nearest and the (k + 1)-th nearest distance.

Rozza, Lombardi, Ceruti, Casiraghi, Campadelli 2012, "Novel high intrinsic dimensionality
estimators", Machine Learning 89. Where the density is uniform, rho = r_1 / r_(k+1) has the density
k d rho^(d - 1) (1 - rho^d)^(k - 1), their equation 5. This is their MiND-MLk, with the maximum
over all dimensions; scikit-dimension searches up to 10 unless told otherwise.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import check_scale, maximum_likelihood, result
from repviz.manifold.neighbors import Neighbors

SCALES = (10, 20)  # the k of the calibration tables


def estimate(graph: Neighbors, *, k: int = 10) -> Dimension:
    """The MiND-MLk dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With at least k + 1 neighbours per row; more where rows have identical copies.
    k : {10, 20}
        The scale.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        ``k`` is not one of these, or there are too few distinct rows.
    """
    check_scale("mind-ml", "k", k, SCALES)
    rows = distinct(graph, k + 1)
    value, influence = likelihood(rows.distances)
    return result("mind-ml", rows, value, influence, table=f"mind-ml-{k}")


def likelihood(distances: np.ndarray) -> tuple[float, np.ndarray]:
    """The estimate and each row's influence on its logarithm, from distances (n, k + 1)."""
    k = distances.shape[1] - 1
    x = np.log(distances[:, -1] / distances[:, 0])  # (n,) -log rho
    x = np.maximum(x, np.finfo(float).tiny)  # rows whose distances are tied

    def score(d: float) -> np.ndarray:
        return 1 / d - x - (k - 1) * x * np.exp(-d * x) / np.expm1(-d * x)

    return maximum_likelihood(score)
