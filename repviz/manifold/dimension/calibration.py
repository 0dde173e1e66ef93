"""Calibration of an estimator on uniform balls of known dimension.

On n points of a uniform ball of dimension d the estimator has the mean v(n, d), which is below d,
and the more so the larger d. The shipped table holds v, and :func:`calibrate` inverts it. The table
is made by ``scripts/make_calibration_tables``.

No set is a uniform ball. Where density decays, or the set curves within a neighbourhood, the
calibrated value is off, however many rows there are. A second table, made by
``scripts/make_model_error_table``, holds the range of the logarithm of true over calibrated
dimension for other sets: cube, Gaussian, flat torus, sphere, exponential spectrum, Student's t,
clusters, bent and twisted cubes, beta and lognormal coordinates. :func:`calibrate_interval` adds it
to the sampling error.

Curvature makes the calibrated dimension rise with the scale, by the square of the distance at
first. :func:`trend` extrapolates half of such a rise to distance 0, for TwoNN. A fall has two
causes, a density that decays and noise, which call for opposite corrections: it is left alone, and
a warning names it.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from importlib import resources

import numpy as np

from repviz.number_format import LOWER_LIMIT

TABLE, ERRORS = "calibration.csv", "model_error.csv"
TWO_INVERSES = 0.1  # relative distance from the falling branch at which it may be the true one
LARGE_CORRECTION = 0.2  # of the calibrated value, beyond which there is a warning
FAR = 16  # m of GRIDE at the far scale of the trend
# The fraction of a rise that is extrapolated, and over sqrt(n) the log ratio that chance explains:
# those of the smallest mean error over scripts/reference_families.py, "twisted" and "beta" left
# out, for n = 1,000 to 5,000.
EXTRAPOLATED, CHANCE = 0.5, 2.0


def calibrate(method: str, n: int, value: float) -> tuple[float, tuple[str, ...]]:
    """The calibrated dimension and its warnings.

    Parameters
    ----------
    method : str
        A method of the table ("twonn", "twonn-linear", "mle-10", ...).
    n : int
        The number of rows. The table is interpolated in log n, and extended by its ends, with a
        warning where n is below it.
    value : float
        The raw estimate, greater than 0.

    Returns
    -------
    calibrated : float
        In (0, 100].
    warnings : tuple of str
        Where n is below the table, the dimension above it, or the correction large.
    """
    sizes, dimensions, means = ball_means(method, n)
    rising = slice(int(np.argmax(means)) + 1)  # beyond the peak: see falling_inverse
    dimensions, means = dimensions[rising], np.maximum.accumulate(means[rising])
    if value <= means[0]:
        calibrated = float(value * dimensions[0] / means[0])
    else:
        calibrated = float(np.exp(np.interp(np.log(value), np.log(means), np.log(dimensions))))
    warnings = []
    other = falling_inverse(method, n, value)
    if other is not None:
        warnings.append(
            f"'{method}' gives this value for uniform balls of {calibrated:.3g} and of {other:.3g} "
            f"dimensions at n = {n}: {LOWER_LIMIT}."
        )
    if n < sizes[0]:
        warnings.append(
            f"{n} rows are fewer than the {sizes[0]} from which on calibration is tabulated."
        )
    if value >= means[-1]:
        warnings.append(
            f"{n} rows are too few for this dimension: uniform balls of {dimensions[-1]:g} and "
            f"more dimensions give this value, so {LOWER_LIMIT}."
        )
    elif value < (1 - LARGE_CORRECTION) * calibrated:
        warnings.append(
            f"{n} rows are few for this dimension: the raw {value:.3g} is the mean for a uniform "
            f"ball of {calibrated:.3g} dimensions at this n."
        )
    return calibrated, tuple(warnings)


def trend(n: int, near: float, far: float) -> tuple[float, float]:
    """The correction of a dimension that rises with the scale, by extrapolation to distance 0.

    The distance to the m-th neighbour grows as m^(1/d). With x = m^(2/d), the log of the dimension
    is taken to be linear in x, from x = 1 for TwoNN to 16^(2/d) for GRIDE at m = 16.

    Parameters
    ----------
    n : int
        The number of rows.
    near, far : float
        The calibrated dimensions of TwoNN and of GRIDE at m = 16.

    Returns
    -------
    shift : float
        What is added to the logarithm of ``near``, at most 0; 0 where the dimension does not rise
        by more than chance explains.
    widening : float
        The factor, at least 1, by which a change of log ``near`` alone changes the result.
    """
    rise, chance = math.log(far / near), CHANCE / math.sqrt(n)
    if rise <= chance:
        return 0.0, 1.0
    slope = EXTRAPOLATED * (1 - (chance / rise) ** 2) / (FAR ** (2 / near) - 1)
    return -slope * rise, 1 + slope


def calibrate_interval(
    method: str, n: int, value: float, low: float, high: float, *, far: float | None = None
) -> tuple[tuple[float, float, float], tuple[str, ...]]:
    """The calibrated dimension, an interval for the truth, and the warnings of :func:`calibrate`.

    The distances from the value to the ends are, in the logarithm, the root of the sum of squares
    of the sampling error and of the model error.

    Parameters
    ----------
    method, n, value
        As in :func:`calibrate`.
    low, high : float
        The ends of the raw interval, each greater than 0: the sampling error.
    far : float, optional
        The raw estimate of GRIDE at m = 16, by which the result is extrapolated: see :func:`trend`.

    Returns
    -------
    calibrated : (float, float, float)
        The value, its low and its high end.
    warnings : tuple of str
        Those for the value.
    """
    calibrated, warnings = calibrate(method, n, value)
    shift, widening = 0.0, 1.0
    if far is not None:
        shift, widening = trend(n, calibrated, calibrate(f"gride-{FAR}", n, far)[0])
    ends = (calibrate(method, n, end)[0] / calibrated for end in (low, high))
    calibrated *= math.exp(shift)
    low, high = (calibrated * end**widening for end in ends)
    truth_low, truth_high = truth_interval(method, n, calibrated, low, high)
    other = falling_inverse(method, n, value)
    return (calibrated, truth_low, max(truth_high, other or 0.0)), warnings


def falling_inverse(method: str, n: int, value: float) -> float | None:
    """The larger dimension whose balls have the mean ``value`` too; None where there is none.

    The means of "abid" and "fishers" have a peak, beyond which they fall with the dimension.
    """
    _, dimensions, means = ball_means(method, n)
    peak = int(np.argmax(means))
    falling = means[peak:]
    if len(falling) == 1 or not (1 - TWO_INVERSES) * falling.min() < value < means[peak]:
        return None
    return float(np.interp(-value, -np.minimum.accumulate(falling), dimensions[peak:]))


def truth_interval(
    method: str, n: int, calibrated: float, low: float, high: float
) -> tuple[float, float]:
    """The sampling interval [low, high] of a calibrated dimension, widened by the model error."""
    below, above = model_error(method, n, calibrated)
    return (
        calibrated * math.exp(-math.hypot(math.log(calibrated / low), below)),
        calibrated * math.exp(math.hypot(math.log(high / calibrated), above)),
    )


def model_error(method: str, n: int, calibrated: float) -> tuple[float, float]:
    """How far the true dimension may be below and above the calibrated one, in the logarithm.

    Interpolated in log n and in the logarithm of the calibrated dimension; outside the table the
    nearest is taken.
    """
    sizes, knots, tables = _error_table()[method]
    at = float(np.interp(math.log(n), np.log(sizes), np.arange(len(sizes))))
    lower = min(int(at), len(sizes) - 2)
    table = (1 - (at - lower)) * tables[lower] + (at - lower) * tables[lower + 1]  # (2, knots)
    low, high = (float(np.interp(math.log(calibrated), np.log(knots), end)) for end in table)
    return -low, high


def ball_means(method: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A method's mean on n points of uniform balls: (sizes, dimensions (t,), means (t,)).

    ``sizes`` are the simulated numbers of rows; between them the logarithms of the means are
    interpolated in log n, outside them the nearest is used.
    """
    sizes, dimensions, values = _table()[method]
    at = np.interp(np.log(n), np.log(sizes), np.arange(len(sizes)))
    low = min(int(at), len(sizes) - 2)
    means = np.exp((1 - (at - low)) * np.log(values[low]) + (at - low) * np.log(values[low + 1]))
    return sizes, dimensions, means


@cache
def _error_table() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Method to (sizes (s,), knots (t,), low and high ends (s, 2, t))."""
    text = resources.files(__package__).joinpath(ERRORS).read_text(encoding="utf-8")
    header, *lines = csv.reader(text.splitlines())
    knots = np.array([float(knot) for knot in header[3:]])
    rows: dict[str, dict[int, dict[str, list[float]]]] = {}
    for method, n, end, *values in lines:
        rows.setdefault(method, {}).setdefault(int(n), {})[end] = [float(v) for v in values]
    return {
        method: (
            np.array(sorted(by_n)),
            knots,
            np.array([[by_n[n]["low"], by_n[n]["high"]] for n in sorted(by_n)]),
        )
        for method, by_n in rows.items()
    }


@cache
def _table() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Method to (sizes (s,), dimensions (t,), values (s, t))."""
    text = resources.files(__package__).joinpath(TABLE).read_text(encoding="utf-8")
    header, *lines = csv.reader(text.splitlines())
    dimensions = np.array([float(d) for d in header[2:]])
    rows: dict[str, dict[int, list[float]]] = {}
    for method, n, *values in lines:
        rows.setdefault(method, {})[int(n)] = [float(value) for value in values]
    return {
        method: (np.array(sorted(by_n)), dimensions, np.array([by_n[n] for n in sorted(by_n)]))
        for method, by_n in rows.items()
    }
