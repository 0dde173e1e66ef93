"""DANCo: the dimension whose balls have the same angles and the same nearest distances.

Ceruti, Bassis, Rozza, Lombardi, Casiraghi, Campadelli 2014, "DANCo: an intrinsic dimensionality
estimator exploiting angle and norm concentration", Pattern Recognition 47. Three numbers describe
the rows: MiND-ML's dimension of the nearest distances, and the mean direction nu and concentration
tau of the angles between two of k neighbours (von Mises). The estimate is the d whose uniform balls
of the same n are nearest to them in Kullback-Leibler divergence, equations 9 and 10. The balls'
numbers are those of the shipped table, smooth in n and d, where the authors simulate one ball for
each d, so the estimate needs no seed and falls between whole numbers without a spline. Being
calibrated by its nature, its ``value`` and ``calibrated`` are one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy.special

from repviz.manifold.dimension.calibration import ball_means
from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.estimators import mindml
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import result
from repviz.manifold.neighbors import Neighbors

K = 10  # neighbours, the authors' own
STEPS = 4000  # dimensions among which the nearest is looked for, evenly in the logarithm
LINE = 2.05  # a reading below it may be that of a curve
STEP_SIZE = 0.02  # of each number, for the estimate's derivative by it


def estimate(graph: Neighbors) -> Dimension:
    """The DANCo dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With at least 11 neighbours per row; more where rows have identical copies.

    Returns
    -------
    Dimension
        Between 1 and 100, the span of the simulated balls.

    Raises
    ------
    InputError
        There are too few distinct rows.
    """
    rows = distinct(graph, K + 1)
    near, near_influence = mindml.likelihood(rows.distances)
    angles = np.concatenate([directions(grams[:, :K, :K]) for _, grams in rows.grams()])
    nu, tau = angles.mean(axis=0)
    seen = np.array([np.log(near), nu, np.log(tau)])
    influences = np.stack([near_influence, angles[:, 0] - nu, angles[:, 1] / tau - 1], axis=1)
    n = len(rows.distances)
    dimension = _nearest(seen, n)
    slopes = [
        np.log(_nearest(seen + step, n) / _nearest(seen - step, n)) / (2 * STEP_SIZE)
        for step in STEP_SIZE * np.eye(3)
    ]
    found = result(
        "danco", rows, dimension, influences @ slopes, table="mind-ml-10", table_value=near
    )
    most = float(ball_means("mind-ml-10", n)[1][-1])
    warnings = tuple(one for one in found.warnings if "this dimension" not in one)
    if dimension >= 0.99 * most:
        warnings += (f"balls of {most:g} dimensions and more look like this: a lower limit.",)
    if dimension < LINE:
        warnings += (
            "of a set of one dimension 'danco' may read anything from 1 to 2: angles on a line are "
            "0 or 180 degrees and concentrate nowhere. Compare method='twonn'.",
        )
    return replace(
        found,
        calibrated=dimension,
        calibrated_low=found.low,
        calibrated_high=found.high,
        warnings=warnings,
    )


def directions(grams: np.ndarray) -> np.ndarray:
    """Mean direction and concentration of the angles around each row, (n, 2).

    Of the von Mises distribution, by the approximate inverse of Fisher 1993, "Statistical analysis
    of circular data", equation 4.40, which the authors use.
    """
    k = grams.shape[1]
    size = np.sqrt(np.einsum("nii->ni", grams))
    first, second = np.triu_indices(k, 1)
    cosines = grams[:, first, second] / (size[:, first] * size[:, second])
    cosines = cosines.clip(-1, 1)  # (n, pairs)
    sines = np.sqrt(1 - cosines**2)
    c, s = cosines.mean(axis=1), sines.mean(axis=1)
    eta = np.hypot(c, s).clip(0, 1 - 1e-9)
    tau = np.select(
        [eta < 0.53, eta < 0.85],
        [2 * eta + eta**3 + 5 * eta**5 / 6, -0.4 + 1.39 * eta + 0.43 / (1 - eta)],
        1 / (eta**3 - 4 * eta**2 + 3 * eta),
    )
    return np.stack([np.arctan2(s, c), tau], axis=1)


def _nearest(seen: np.ndarray, n: int) -> float:
    """The dimension whose balls are nearest to (log dimension by MiND-ML, nu, log tau)."""
    _, dimensions, near = ball_means("mind-ml-10", n)
    log_d = np.log(dimensions)
    fine = np.linspace(log_d[0], log_d[-1], STEPS)
    balls = [
        np.interp(fine, log_d, values)
        for values in (
            np.log(near),
            ball_means("danco-nu-10", n)[2],
            np.log(ball_means("danco-tau-10", n)[2]),
        )
    ]
    gap = _distances_apart(seen[0], balls[0]) + _angles_apart(seen[1:], balls[1], balls[2])
    best = int(np.clip(gap.argmin(), 1, STEPS - 2))
    left, here, right = gap[best - 1 : best + 2]
    bend = left - 2 * here + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(np.exp(fine[best] + np.clip(shift, -1, 1) * (fine[1] - fine[0])))


def _distances_apart(seen: float, balls: np.ndarray) -> np.ndarray:
    """Divergence between nearest distances of two dimensions, given as logarithms."""
    ratio = np.exp(balls - seen)
    i = np.arange(K + 1)
    signed = (-1.0) ** i * scipy.special.binom(K, i)
    series = scipy.special.digamma(1 + i / ratio[:, None]) @ signed
    return float((1 / i[1:]).sum()) * ratio - np.log(ratio) - (K - 1) * series


def _angles_apart(seen: np.ndarray, nu: np.ndarray, log_tau: np.ndarray) -> np.ndarray:
    """Divergence between two von Mises distributions."""
    one, two = np.exp(seen[1]), np.exp(log_tau)
    log_i0 = np.log(scipy.special.i0e(two)) + two - np.log(scipy.special.i0e(one)) - one
    lean = scipy.special.i1e(one) / scipy.special.i0e(one)
    return log_i0 + lean * (one - two * np.cos(seen[0] - nu))
