"""Correlation integral: the dimension from how the number of near pairs grows with the radius.

Grassberger and Procaccia 1983, "Measuring the strangeness of strange attractors", Physica D 9. With
C(r) the share of pairs closer than r, the dimension is the slope of log C against log r; here
between the median distances to the 10th and to the 20th neighbour, as in scikit-dimension.
"""

from __future__ import annotations

import numpy as np

from repviz.errors import Degenerate
from repviz.manifold.dimension.distinct import Distinct, distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import result
from repviz.manifold.dimension.uncertainty import grouped_standard_error
from repviz.manifold.neighbors import Neighbors, count_within

NEAR, FAR = 10, 20  # neighbours whose median distances are the two radii


def estimate(graph: Neighbors) -> Dimension:
    """The correlation dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With at least 20 neighbours per row. Rows with more than k rows within the larger radius
        are searched again, so a graph with a larger k is faster.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        There are too few distinct rows.
    """
    rows = distinct(graph, FAR)
    # A radius may equal some row's distance: slightly less, so that rounding does not decide.
    radii = (1 - 1e-9) * np.median(rows.distances[:, [NEAR - 1, FAR - 1]], axis=0)
    counts = _counts(rows, radii)
    if not 0 < counts[:, 0].sum() < counts[:, 1].sum():
        raise Degenerate(
            "dimension: the number of close pairs must grow with the radius, got no growth "
            "between the median distances to the near and the far neighbour. Distances are tied; "
            "use the values before rounding."
        )
    value, influence = slope(counts, radii)
    log_se = standard_error(counts, influence)
    if rows.groups is not None:
        log_se = max(log_se, 2 * grouped_standard_error(influence, rows.groups))
    return result("correlation", rows, value, influence, table="correlation", log_se=log_se)


def slope(counts: np.ndarray, radii: np.ndarray) -> tuple[float, np.ndarray]:
    """The estimate and each row's influence on its logarithm.

    Parameters
    ----------
    counts : ndarray, shape (n, 2)
        The number of other rows within each radius.
    radii : ndarray, shape (2,)
    """
    means = counts.mean(axis=0)
    rise = float(np.log(means[1] / means[0]))
    influence = (counts[:, 1] / means[1] - counts[:, 0] / means[0]) / rise
    return rise / float(np.log(radii[1] / radii[0])), influence


def standard_error(counts: np.ndarray, influence: np.ndarray) -> float:
    """The standard error of the estimate's logarithm.

    The estimate is a mean over pairs of rows (Hoeffding 1948, "A class of statistics with
    asymptotically normal distribution"). Pairs that share a row have the covariances of the rows'
    influences, each counted four times; a pair with itself is among them and counts twice.
    """
    near, far = counts.mean(axis=0)
    rise = np.log(far / near)
    total = counts.sum(axis=0)
    own = total[0] * (1 / far - 1 / near) ** 2 + (total[1] - total[0]) / far**2
    variance = 4 * float(influence @ influence) - 2 * float(own / rise**2)
    return float(np.sqrt(max(variance, float(own / rise**2)))) / len(counts)


def _counts(rows: Distinct, radii: np.ndarray) -> np.ndarray:
    """The number of distinct rows closer than each radius, (m, 2)."""
    graph = rows.graph
    if not rows.merged:
        own, near, far, X = rows.representatives, graph.indices, rows.lengths, graph.X
    else:
        own, near, far = rows.neighborhoods[:, 0], rows.neighborhoods[:, 1:], rows.distances
        X = graph.X[rows.representatives]
    inside = [far < radius for radius in radii]
    within = np.stack([one.sum(axis=1) for one in inside], axis=1)
    known = within[:, 1] < far.shape[1]  # the list reaches beyond the radius: it is complete
    if not known.all():
        asking = own[~known]
        for column, one in enumerate(inside):
            named = near[one & known[:, None]]
            within[~known, column] = np.bincount(named, minlength=len(X))[asking]
        others = np.setdiff1d(np.arange(len(X)), own[known])
        place = np.searchsorted(others, asking)
        cosine = graph.metric == "cosine"
        within[~known] += count_within(X[others], place, radii, cosine=cosine)
    return within.astype(np.float64)
