"""L2N2: the dimension from the mean of log log of the ratio of the two nearest distances.

Ong, Bobrowski, Reinert, Skraba 2026, "A universal nearest-neighbor estimator for intrinsic
dimensionality", arXiv:2603.10493 (loglog, L2, of the nearest-neighbour ratio, N2). Where the
density is even, log mu is exponential with mean 1 / d, so log log mu has the mean -log d - gamma,
and d = exp(-gamma - mean(log log mu)), with gamma Euler's constant. We follow the abstract; the
calibrated value takes the place of the finite-sample corrections of the paper.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import result
from repviz.manifold.neighbors import Neighbors


def estimate(graph: Neighbors) -> Dimension:
    """The L2N2 dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With k of at least 2; more where rows have identical copies. Rows whose two nearest
        neighbours are equally far carry no information and are left out.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        There are too few distinct rows.
    """
    rows = distinct(graph, 2)
    value, influence = loglog(rows.distances)
    return result("l2n2", rows, value, influence, table="l2n2")


def loglog(distances: np.ndarray) -> tuple[float, np.ndarray]:
    """The estimate and each row's influence on its logarithm, from distances (n, >= 2)."""
    log_mu = np.log(distances[:, 1] / distances[:, 0])
    untied = log_mu > 0
    loglog = np.log(log_mu, where=untied, out=np.zeros_like(log_mu))
    mean = loglog[untied].mean()
    influence = np.where(untied, mean - loglog, 0) / untied.mean()
    return float(np.exp(-np.euler_gamma - mean)), influence
