"""Correlation integral: the dimension from how the number of near pairs grows with the radius.

Grassberger and Procaccia 1983, "Measuring the strangeness of strange attractors", Physica D 9. With
C(r) the share of pairs closer than r, the dimension is the slope of log C against log r; here
between the median distances to the 10th and to the 20th neighbour, as scikit-dimension has it.
"""

from __future__ import annotations

import numpy as np

from repviz.manifold.dimension.distinct import Distinct, distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import result
from repviz.manifold.neighbors import Neighbors, count_within

NEAR, FAR = 10, 20  # neighbours whose median distances are the two radii
REACHED = 30  # neighbours through which rows depend on each other


def estimate(graph: Neighbors) -> Dimension:
    """The correlation dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With at least 20 neighbours a row. Rows with more than the graph's k within the larger
        radius are compared with each other anew, so a graph with a larger k is quicker.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        Too few different rows.
    """
    rows = distinct(graph, FAR)
    # A radius may be some row's own distance: a little less, and rounding does not decide.
    radii = (1 - 1e-9) * np.median(rows.distances[:, [NEAR - 1, FAR - 1]], axis=0)
    value, influence = slope(_counts(rows, radii), radii)
    # A row counts all within the radius, often more than FAR of them.
    shared = None if rows.merged else distinct(graph, min(graph.k, REACHED)).sharing
    return result("correlation", rows, value, influence, table="correlation", shared=shared)


def slope(counts: np.ndarray, radii: np.ndarray) -> tuple[float, np.ndarray]:
    """The estimate and each row's influence on its logarithm.

    Parameters
    ----------
    counts : ndarray, shape (n, 2)
        How many other rows lie within each radius.
    radii : ndarray, shape (2,)
    """
    means = counts.mean(axis=0)
    rise = float(np.log(means[1] / means[0]))
    influence = (counts[:, 1] / means[1] - counts[:, 0] / means[0]) / rise
    return rise / float(np.log(radii[1] / radii[0])), influence


def _counts(rows: Distinct, radii: np.ndarray) -> np.ndarray:
    """How many different rows lie closer than each radius, (m, 2)."""
    graph = rows.graph
    if not rows.merged:
        own, near, far, X = rows.first, graph.indices, rows.lengths, graph.X
    else:
        own, near, far = rows.touched[:, 0], rows.touched[:, 1:], rows.distances
        X = graph.X[rows.first]
    inside = [far < radius for radius in radii]
    within = np.stack([one.sum(axis=1) for one in inside], axis=1)
    known = within[:, 1] < far.shape[1]  # a list that ends farther out holds all that are within
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
