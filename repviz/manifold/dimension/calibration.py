"""What an estimator says of uniform balls of known dimension, turned round.

With n points, balls of dimension d make the estimator say v(n, d), which is below d and falls
further behind as d grows. The shipped table holds v; :func:`calibrate` finds the d that gives the
value seen. The table is made by ``scripts/make_calibration_tables``.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

import numpy as np

TABLE = "calibration.csv"
FAR = 0.2  # how far below the calibrated the raw value may lie without a warning


def calibrate(method: str, n: int, value: float) -> tuple[float, tuple[str, ...]]:
    """The calibrated dimension and the sentences that go with it.

    Parameters
    ----------
    method : str
        A method of the table ("twonn", "twonn-linear", "mle-10", ...).
    n : int
        The number of rows. Between the table's, values are interpolated in log n; outside them the
        nearest is taken, with a warning where n is smaller.
    value : float
        The raw estimate, greater than 0.

    Returns
    -------
    calibrated : float
        In (0, 100].
    warnings : tuple of str
        Where n is below the table, the dimension above it, or the raw value far off.
    """
    sizes, dimensions, said = expected(method, n)
    # Past its peak a method says less of more dimensions: what it says there tells nothing.
    rising = slice(int(np.argmax(said)) + 1)
    dimensions, said = dimensions[rising], np.maximum.accumulate(said[rising])
    if value <= said[0]:
        found = value * dimensions[0] / said[0]
    else:
        found = np.exp(np.interp(np.log(value), np.log(said), np.log(dimensions)))
    calibrated = float(found)
    warnings = []
    if n < sizes[0]:
        warnings.append(f"{n} rows are fewer than the {sizes[0]} that calibration begins at.")
    if value >= said[-1]:
        warnings.append(
            f"{n} rows are too few for this dimension: balls of {dimensions[-1]:g} dimensions and "
            "more look like this, so the calibrated value is a lower limit."
        )
    elif value < (1 - FAR) * calibrated:
        warnings.append(
            f"{n} rows are few for this dimension: the raw {value:.3g} is what a ball of "
            f"{calibrated:.3g} dimensions gives at this n."
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
        The ends of the raw interval, each greater than 0: they are calibrated as the value is.

    Returns
    -------
    calibrated : (float, float, float)
        The value, its low and its high end.
    warnings : tuple of str
        Those of the value.
    """
    calibrated, warnings = calibrate(method, n, value)
    return (calibrated, calibrate(method, n, low)[0], calibrate(method, n, high)[0]), warnings


def expected(method: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a method says of n points of uniform balls: (sizes, dimensions (t,), values (t,)).

    ``sizes`` are the numbers of rows that were simulated; between them the logarithms of the values
    are interpolated in log n, outside them the nearest is taken.
    """
    sizes, dimensions, values = _table()[method]
    at = np.interp(np.log(n), np.log(sizes), np.arange(len(sizes)))
    low = min(int(at), len(sizes) - 2)
    said = np.exp((1 - (at - low)) * np.log(values[low]) + (at - low) * np.log(values[low + 1]))
    return sizes, dimensions, said


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
        method: (np.array(sorted(of)), dimensions, np.array([of[n] for n in sorted(of)]))
        for method, of in rows.items()
    }
