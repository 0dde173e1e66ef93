"""TwoNN: the dimension from the ratio of the distances to the two nearest neighbours.

Facco, d'Errico, Rodriguez, Laio 2017, "Estimating the intrinsic dimension of datasets by a minimal
neighborhood information", Scientific Reports 7:12140. Where the density is uniform, mu = r2 / r1
has the distribution F(mu) = 1 - mu^-d. The maximum likelihood estimate is n / sum(log mu) (Denti,
Doimo, Laio, Mira 2022, Scientific Reports 12:20005, who subtract 1 from n; we keep n, the inverse
of the mean, as the other estimators do). Where the calibrated dimension rises with the scale, half
of the rise is extrapolated to distance 0 (:func:`repviz.manifold.dimension.calibration.trend`), if
the graph holds 32 neighbours per row. The paper's own fit is a line through the origin of
-log(1 - F(mu)) against log mu, with F(mu_i) = i / n and the largest tenth of the mu left out.
"""

from __future__ import annotations

import numpy as np

from repviz import checks
from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.estimators.gride import far_estimate
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import result
from repviz.manifold.neighbors import Neighbors

FITS = ("likelihood", "linear")


def estimate(graph: Neighbors, *, fit: str = "likelihood", discard: float = 0.1) -> Dimension:
    """The TwoNN dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With k of at least 2; more where rows have identical copies; 32 for the extrapolation.
    fit : {"likelihood", "linear"}
        "linear" is the regression of the paper.
    discard : float
        For "linear": the share of largest ratios left out, from 0.01 to 0.9.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        There are too few distinct rows, or ``discard`` is out of its range.
    UnknownName
        There is no such fit.
    """
    checks.one_of("dimension", "fit", fit, FITS)
    discard = checks.real("dimension", "discard", discard, low=0.01, high=0.9)
    rows = distinct(graph, 2)
    log_mu = np.log(rows.distances[:, 1] / rows.distances[:, 0])
    far = far_estimate(graph)
    if fit == "linear":
        value, influence = linear(log_mu, discard)
        return result("twonn", rows, value, influence, table="twonn-linear", far=far)
    value, influence = likelihood(log_mu)
    return result("twonn", rows, value, influence, table="twonn", far=far)


def likelihood(log_mu: np.ndarray) -> tuple[float, np.ndarray]:
    """The estimate and each row's influence on its logarithm."""
    mean = log_mu.mean()
    return float(1 / mean), 1 - log_mu / mean


def linear(log_mu: np.ndarray, discard: float) -> tuple[float, np.ndarray]:
    """The slope and each row's influence on its logarithm.

    The slope is a ratio of two linear functions of order statistics, sum(x y) / sum(x^2); a row's
    influence on each is the integral of the weight above it against the distribution's own.
    """
    n = len(log_mu)
    order = np.argsort(log_mu, kind="stable")
    x = log_mu[order]
    kept = int(n * (1 - discard))
    y = np.zeros(n)
    y[:kept] = -np.log1p(-np.arange(1, kept + 1) / n)
    used = np.zeros(n)
    used[:kept] = 1
    above, below = float(x @ y) / n, float(x**2 @ used) / n
    influence = np.empty(n)
    influence[order] = _order_influence(x, y) / above - _order_influence(x**2, used) / below
    return above / below, influence


def _order_influence(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each point's influence on mean(weights * values), with ``values`` sorted."""
    n = len(values)
    steps = weights[:-1] * np.diff(values)
    reached = np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])
    expected = float(steps @ (np.arange(1, n) / n))
    return expected - reached
