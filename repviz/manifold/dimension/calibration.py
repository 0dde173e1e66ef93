"""Calibration of an estimator on uniform balls of known dimension.

On n points of a uniform ball of dimension d the estimator has the mean v(n, d), which is below d,
and the more so the larger d. The shipped table holds v, and :func:`calibrate` inverts it. The table
is made by ``scripts/make_calibration_tables``.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

import numpy as np

TABLE = "calibration.csv"
LARGE_CORRECTION = 0.2  # of the calibrated value, beyond which there is a warning


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
    # Beyond its peak the mean falls with the dimension: a value there has two inverses.
    rising = slice(int(np.argmax(means)) + 1)
    dimensions, means = dimensions[rising], np.maximum.accumulate(means[rising])
    if value <= means[0]:
        calibrated = float(value * dimensions[0] / means[0])
    else:
        calibrated = float(np.exp(np.interp(np.log(value), np.log(means), np.log(dimensions))))
    warnings = []
    if n < sizes[0]:
        warnings.append(
            f"{n} rows are fewer than the {sizes[0]} from which on calibration is tabulated."
        )
    if value >= means[-1]:
        warnings.append(
            f"{n} rows are too few for this dimension: uniform balls of {dimensions[-1]:g} and "
            "more dimensions give this value, so the calibrated value is a lower limit."
        )
    elif value < (1 - LARGE_CORRECTION) * calibrated:
        warnings.append(
            f"{n} rows are few for this dimension: the raw {value:.3g} is the mean for a uniform "
            f"ball of {calibrated:.3g} dimensions at this n."
        )
    return calibrated, tuple(warnings)


def calibrate_interval(
    method: str, n: int, value: float, low: float, high: float
) -> tuple[tuple[float, float, float], tuple[str, ...]]:
    """The calibrated dimension with its interval, and the warnings of :func:`calibrate`.

    Parameters
    ----------
    method, n, value
        As in :func:`calibrate`.
    low, high : float
        The ends of the raw interval, each greater than 0: they are calibrated like the value.

    Returns
    -------
    calibrated : (float, float, float)
        The value, its low and its high end.
    warnings : tuple of str
        Those for the value.
    """
    calibrated, warnings = calibrate(method, n, value)
    return (calibrated, calibrate(method, n, low)[0], calibrate(method, n, high)[0]), warnings


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
