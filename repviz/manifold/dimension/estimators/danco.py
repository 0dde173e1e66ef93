"""DANCo: the dimension of the uniform balls with the same angles and nearest distances.

Ceruti, Bassis, Rozza, Lombardi, Casiraghi, Campadelli 2014, "DANCo: an intrinsic dimensionality
estimator exploiting angle and norm concentration", Pattern Recognition 47. Three numbers describe
the rows: MiND-ML's dimension of the nearest distances, and the mean direction nu and concentration
tau of the angles between two of k neighbours (von Mises). The estimate is the d whose uniform balls
of the same n are closest to them in Kullback-Leibler divergence, equations 9 and 10.

We differ in three points. The balls' numbers are those of the shipped table, smooth in n and d,
where the authors simulate one ball for each integer d; so the estimate needs no seed, and is
continuous unless ``integer`` asks for the published rule. Around a row of a curve angles are 0 or
180 degrees and tau diverges, so below 1.5 dimensions the distances alone decide. And the estimate
is at most the number of columns that vary. Being calibrated by its nature, its ``value`` and
``calibrated`` are equal.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from repviz import checks
from repviz.manifold.dimension.calibration import ball_means, calibrate
from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.estimators import mindml
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import calibrated_result
from repviz.manifold.dimension.uncertainty import standard_error
from repviz.manifold.neighbors import Neighbors

K = 10  # neighbours, as in the paper
STEPS = 4000  # dimensions among which the closest is searched, evenly spaced in the logarithm
CURVE = 1.5  # below which the distances alone decide
STEP = 2.0  # standard errors of each number, for the estimate's derivative with respect to it


def estimate(graph: Neighbors, *, integer: bool = False) -> Dimension:
    """The DANCo dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With at least 11 neighbours per row; more where rows have identical copies.
    integer : bool
        Whether ``value`` and ``calibrated`` are the closest integer dimension, as published. The
        intervals are those of the continuous estimate, widened to hold it.

    Returns
    -------
    Dimension
        Between 1 and 100, the range of the simulated balls, and at most the number of columns that
        are not constant.

    Raises
    ------
    InputError
        There are too few distinct rows.
    """
    integer = checks.flag("danco", "integer", integer)
    rows = distinct(graph, K + 1)
    log_near, near_influence = _log(mindml.likelihood(rows.distances))
    angles = np.concatenate([directions(grams[:, :K, :K]) for _, grams in rows.grams()])
    nu, tau = angles.mean(axis=0)
    numbers = np.array([log_near, nu, np.log(tau)])
    influences = np.stack([near_influence, angles[:, 0] - nu, angles[:, 1] / tau - 1], axis=1)
    n = len(rows.distances)
    steps = np.array([STEP * standard_error(column, rows.dependence) for column in influences.T])
    slopes = [_steeper_slope(numbers, step, n) for step in np.diag(steps)]
    ambient = float(max(1, graph.d - len(graph.constant_columns)))
    value = min(match_balls(numbers, n), ambient)
    warnings: tuple[str, ...] = ()
    largest = float(ball_means("mind-ml-10", n)[1][-1])
    if value >= 0.99 * largest:
        warnings = (
            f"uniform balls of {largest:g} and more dimensions give this value: a lower limit.",
        )
    whole = min(match_balls(numbers, n, integer=True), ambient) if integer else value
    return calibrated_result(
        "danco", rows, value, influences @ slopes, reported=whole, most=ambient, warnings=warnings
    )


def _log(fit: tuple[float, np.ndarray]) -> tuple[float, np.ndarray]:
    return math.log(fit[0]), fit[1]


def _steeper_slope(numbers: np.ndarray, step: np.ndarray, n: int) -> float:
    """The derivative of the logarithm of the estimate along ``step``, on its steeper side.

    At 2 dimensions the balls' concentration has a kink: on one side of it the estimate hardly
    moves, and a central difference is too small for the other.
    """
    width = float(step.max())
    if width == 0:
        return 0.0
    here = math.log(match_balls(numbers, n))
    above = math.log(match_balls(numbers + step, n)) - here
    below = here - math.log(match_balls(numbers - step, n))
    return max(above, below, key=abs) / width


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


def match_balls(numbers: np.ndarray, n: int, *, integer: bool = False) -> float:
    """The dimension of the closest balls of n points.

    Parameters
    ----------
    numbers : ndarray, shape (3,)
        The logarithm of MiND-ML's dimension, nu, and the logarithm of tau.
    n : int
        The number of rows.
    integer : bool
        Whether only integer dimensions are compared.
    """
    by_distances = calibrate("mind-ml-10", n, float(np.exp(numbers[0])))[0]
    if by_distances < CURVE:
        return float(max(1, round(by_distances))) if integer else by_distances
    _, dimensions, near = ball_means("mind-ml-10", n)
    log_d = np.log(dimensions)
    grid = np.linspace(log_d[0], log_d[-1], STEPS)
    if integer:
        grid = np.log(np.arange(dimensions[0], dimensions[-1] + 1))
    balls = [
        np.interp(grid, log_d, values)
        for values in (
            np.log(near),
            ball_means("danco-nu-10", n)[2],
            np.log(ball_means("danco-tau-10", n)[2]),
        )
    ]
    divergence = _distance_divergence(numbers[0], balls[0])
    divergence += _angle_divergence(numbers[1:], balls[1], balls[2])
    if integer:
        return float(np.exp(grid[divergence.argmin()]).round())
    best = int(np.clip(divergence.argmin(), 1, STEPS - 2))
    left, here, right = divergence[best - 1 : best + 2]
    bend = left - 2 * here + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(np.exp(grid[best] + np.clip(shift, -1, 1) * (grid[1] - grid[0])))


def _distance_divergence(observed: float, balls: np.ndarray) -> np.ndarray:
    """Divergence between nearest distances of two dimensions, given as logarithms."""
    ratio = np.exp(balls - observed)
    i = np.arange(K + 1)
    signed = (-1.0) ** i * scipy.special.binom(K, i)
    series = scipy.special.digamma(1 + i / ratio[:, None]) @ signed
    return float((1 / i[1:]).sum()) * ratio - np.log(ratio) - (K - 1) * series


def _angle_divergence(observed: np.ndarray, nu: np.ndarray, log_tau: np.ndarray) -> np.ndarray:
    """Divergence between two von Mises distributions."""
    one, two = np.exp(observed[1]), np.exp(log_tau)
    log_i0 = np.log(scipy.special.i0e(two)) + two - np.log(scipy.special.i0e(one)) - one
    lean = scipy.special.i1e(one) / scipy.special.i0e(one)
    return log_i0 + lean * (one - two * np.cos(observed[0] - nu))
