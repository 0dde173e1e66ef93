"""Building a :class:`Dimension` from the raw estimate of a method that reads the graph."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.optimize

from repviz import checks
from repviz.errors import Degenerate, InputError
from repviz.manifold.dimension.calibration import calibrate_interval, truth_interval
from repviz.manifold.dimension.distinct import Distinct, distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.uncertainty import group_degrees_of_freedom, interval, standard_error
from repviz.manifold.dimension.warnings import graph_warnings
from repviz.manifold.neighbors import Neighbors

LEVEL = 0.95
AVERAGES = ("inverse", "mean")
GRAM_SCALES = (10, 20)  # the k of the calibration tables, for methods that read Gram matrices
SEARCH_RANGE = (1e-3, 1e4)  # dimensions in which a likelihood's maximum is searched


def result(
    method: str,
    rows: Distinct,
    value: float,
    influence: np.ndarray,
    *,
    table: str,
    table_value: float | None = None,
    local: np.ndarray | None = None,
    log_se: float | None = None,
    far: float | None = None,
) -> Dimension:
    """The :class:`Dimension` of a raw estimate from a graph, calibrated and with its interval.

    Parameters
    ----------
    method : str
        The estimator's name.
    rows : Distinct
        The distinct rows and neighbours that it used.
    value : float
        The raw estimate.
    influence : ndarray, shape (m,)
        The influence of each row on the logarithm of the estimate.
    table : str
        The method's name in the calibration table.
    table_value : float, optional
        The estimate of that method for these rows, where it differs from ``value``.
    local : ndarray, shape (m,), optional
        The dimension around each row that was used.
    log_se : float, optional
        The standard error of the estimate's logarithm; from the rows' dependence if None.
    far : float, optional
        The estimate at the far scale, by which a rise is extrapolated: see ``calibration.trend``.
    """
    n, k = rows.distances.shape
    if log_se is None:
        log_se = standard_error(influence, rows.dependence)
        degrees_of_freedom = rows.dependence.degrees_of_freedom
    else:
        degrees_of_freedom = group_degrees_of_freedom(rows.groups)
    low, high = interval(value, log_se, LEVEL, degrees_of_freedom)
    factor = 1.0 if table_value is None else table_value / value
    calibrated, calibration_warnings = calibrate_interval(
        table, n, factor * value, factor * low, factor * high, far=far
    )
    return Dimension(
        value=value,
        low=low,
        high=high,
        calibrated=calibrated[0],
        calibrated_low=calibrated[1],
        calibrated_high=calibrated[2],
        n=n,
        k=k,
        method=method,
        level=LEVEL,
        warnings=(*graph_warnings(rows.graph, rows), *calibration_warnings),
        scale=float(np.median(rows.distances[:, -1])),
        local=None if local is None else rows.to_all_rows(local),
    )


def calibrated_result(
    method: str,
    rows: Distinct,
    value: float,
    influence: np.ndarray,
    *,
    reported: float,
    most: float,
    warnings: tuple[str, ...],
) -> Dimension:
    """The :class:`Dimension` of an estimate from a graph that needs no calibration.

    Parameters
    ----------
    method, rows, value, influence
        As in :func:`result`.
    reported : float
        What ``value`` and ``calibrated`` are, such as ``value`` rounded; the intervals hold it.
    most : float
        What the true dimension cannot exceed.
    warnings : tuple of str
        Those of the method, beside those of the graph.
    """
    n, k = rows.distances.shape
    log_se = standard_error(influence, rows.dependence)
    low, high = interval(value, log_se, LEVEL, rows.dependence.degrees_of_freedom)
    truth_low, truth_high = truth_interval(method, n, value, low, high)
    return Dimension(
        value=reported,
        low=min(low, reported),
        high=max(high, reported),
        calibrated=reported,
        calibrated_low=min(truth_low, reported),
        calibrated_high=max(min(truth_high, most), reported),
        n=n,
        k=k,
        method=method,
        level=LEVEL,
        warnings=(*graph_warnings(rows.graph, rows), *warnings),
        scale=float(np.median(rows.distances[:, -1])),
    )


def gram_estimator(
    method: str, inverses: Callable[[np.ndarray], np.ndarray]
) -> Callable[..., Dimension]:
    """The ``estimate`` function of a method that reads each row's neighbours by their Gram matrix.

    Parameters
    ----------
    method : str
        The estimator's name.
    inverses : callable
        From Gram matrices (n, k, k) of the vectors to the neighbours to one over the dimension
        around each row (n,).
    """

    def estimate(graph: Neighbors, *, k: int = 20, average: str = "inverse") -> Dimension:
        """The intrinsic dimension of the graph's rows, with each row's own in ``local``.

        Parameters
        ----------
        graph : Neighbors
            With at least k neighbours per row; more where rows have identical copies.
        k : {10, 20}
            The number of neighbours: those that the calibration tables hold.
        average : {"inverse", "mean"}
            Whether the inverse dimensions of the rows are averaged, or the dimensions themselves.

        Raises
        ------
        InputError
            ``k`` is not one of these, or there are too few distinct rows.
        UnknownName
            There is no such average.
        """
        check_scale(method, "k", k, GRAM_SCALES)
        check_average(average)
        rows = distinct(graph, k)
        inverse = np.concatenate([inverses(grams) for _, grams in rows.grams()])
        value, influence = average_inverses(inverse, average)
        table = f"{method}-{k}" + ("-mean" if average == "mean" else "")
        with np.errstate(divide="ignore"):
            local = 1 / inverse
        return result(method, rows, value, influence, table=table, local=local)

    return estimate


def average_inverses(inverse: np.ndarray, average: str) -> tuple[float, np.ndarray]:
    """The estimate from the rows' inverse dimensions (n,), and each row's influence on its log.

    Parameters
    ----------
    inverse : ndarray, shape (n,)
        One over the dimension around each row, at least 0.
    average : {"inverse", "mean"}
        Whether the inverses are averaged, and then inverted, or the dimensions themselves.
    """
    if average == "inverse":
        mean = inverse.mean()
        return float(1 / mean), 1 - inverse / mean
    with np.errstate(divide="ignore"):
        local = 1 / inverse
    value = float(local[np.isfinite(local)].mean())
    return value, np.where(np.isfinite(local), local, value) / value - 1


def check_scale(method: str, option: str, value: int, scales: tuple[int, ...]) -> None:
    """Refuse a scale for which there is no calibration table."""
    if isinstance(value, float) or value not in scales:
        raise InputError(
            f"dimension: {option} must be one of {scales} for '{method}', got {value!r}."
        )


def check_average(average: str) -> str:
    """``average``, which must be one of ``AVERAGES``."""
    return checks.one_of("dimension", "average", average, AVERAGES)


def maximum_likelihood(score: Callable[[float], np.ndarray]) -> tuple[float, np.ndarray]:
    """The dimension at which the scores sum to 0, and each row's influence on its logarithm.

    Parameters
    ----------
    score : callable
        From a dimension d to the derivative (n,) of each row's log-likelihood at it. Their sum
        falls from above 0 to below it.
    """

    def total(t: float) -> float:
        return float(score(float(np.exp(t))).mean())

    low, high = np.log(SEARCH_RANGE)
    if not total(low) > 0 > total(high):
        raise Degenerate(
            f"dimension: some dimension from {SEARCH_RANGE[0]:g} to {SEARCH_RANGE[1]:,.0f} must "
            "fit the distances, got none: distances are tied, or the rows lie on a grid. Use the "
            "values before rounding, or randomly sampled rows."
        )
    root = scipy.optimize.brentq(total, low, high, xtol=1e-13)
    value, step = float(np.exp(root)), 1e-4
    slope = (score(value * (1 + step)).mean() - score(value * (1 - step)).mean()) / (2 * step)
    return value, score(value) / -slope
