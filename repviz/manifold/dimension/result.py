"""From what an estimator of the graph found to the record that it returns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.optimize

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.dimension.calibration import calibrate_interval
from repviz.manifold.dimension.distinct import Distinct, distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.uncertainty import group_freedom, interval, standard_error
from repviz.manifold.dimension.warnings import graph_warnings
from repviz.manifold.neighbors import Neighbors

LEVEL = 0.95
AVERAGES = ("inverse", "mean")
SEARCHED = (1e-3, 1e4)  # dimensions among which a likelihood's maximum is looked for


def result(
    method: str,
    rows: Distinct,
    value: float,
    influence: np.ndarray,
    *,
    table: str,
    said: float | None = None,
    local: np.ndarray | None = None,
    spread: float | None = None,
) -> Dimension:
    """The record of an estimate from a graph.

    Parameters
    ----------
    method : str
        The estimator's name.
    rows : Distinct
        What it used of the graph.
    value : float
        The raw estimate.
    influence : ndarray, shape (m,)
        What each row adds to the estimate's logarithm.
    table : str
        The method of the calibration table.
    said : float, optional
        What that method says of these rows, where it is not ``value``.
    local : ndarray, shape (m,), optional
        The dimension around each row that was used.
    spread : float, optional
        The standard deviation of the estimate's logarithm, where it does not come from neighbours
        that rows share.
    """
    n, k = rows.distances.shape
    if spread is None:
        spread, freedom = standard_error(influence, rows.sharing), rows.sharing.freedom
    else:
        freedom = group_freedom(rows.groups)
    low, high = interval(value, spread, LEVEL, freedom)
    of = 1.0 if said is None else said / value
    calibrated, doubts = calibrate_interval(table, n, of * value, of * low, of * high)
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
        warnings=(*graph_warnings(rows.graph, rows), *doubts),
        scale=float(np.median(rows.distances[:, -1])),
        local=None if local is None else rows.spread(local),
    )


def neighbourhoods(
    method: str,
    graph: Neighbors,
    k: int,
    average: str,
    *,
    scales: tuple[int, ...],
    inverses: Callable[[np.ndarray], np.ndarray],
) -> Dimension:
    """The record of an estimator that reads each row's k neighbours by their Gram matrix.

    Parameters
    ----------
    method : str
        The estimator's name.
    graph : Neighbors
        With at least k neighbours a row; more where rows have identical copies.
    k : int
        One of ``scales``, the k that the calibration tables hold.
    average : {"inverse", "mean"}
        As in :func:`averaged`.
    inverses : callable
        From Gram matrices (n, k, k) to one over the dimension around each row (n,).
    """
    checked_scale(method, "k", k, scales)
    checked_average(average)
    rows = distinct(graph, k)
    inverse = np.concatenate([inverses(grams) for _, grams in rows.grams()])
    value, influence = averaged(inverse, average)
    table = f"{method}-{k}" + ("-mean" if average == "mean" else "")
    with np.errstate(divide="ignore"):
        local = 1 / inverse
    return result(method, rows, value, influence, table=table, local=local)


def averaged(inverse: np.ndarray, average: str) -> tuple[float, np.ndarray]:
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


def checked_scale(method: str, option: str, value: int, scales: tuple[int, ...]) -> None:
    """Refuse what is none of the whole numbers that the calibration tables hold."""
    if isinstance(value, float) or value not in scales:
        raise InputError(
            f"dimension: {option} must be one of {scales} for '{method}', got {value!r}."
        )


def checked_average(average: str) -> str:
    """``average``, which must be one of ``AVERAGES``."""
    return checks.one_of("dimension", "average", average, AVERAGES)


def most_likely(score: Callable[[float], np.ndarray]) -> tuple[float, np.ndarray]:
    """Where the rows' scores add up to 0, and each row's influence on its logarithm.

    Parameters
    ----------
    score : callable
        From a dimension d to the derivative (n,) of each row's log-likelihood at it. Their sum
        falls from above 0 to below it.
    """

    def total(t: float) -> float:
        return float(score(float(np.exp(t))).mean())

    low, high = np.log(SEARCHED)
    if not total(low) > 0 > total(high):
        raise InputError(
            f"dimension: some dimension from {SEARCHED[0]:g} to {SEARCHED[1]:,.0f} must fit the "
            "distances, got none: rows are tied or lie as on a grid. Give it the rows before they "
            "were rounded, or rows that were drawn by chance."
        )
    root = scipy.optimize.brentq(total, low, high, xtol=1e-13)
    value, step = float(np.exp(root)), 1e-4
    slope = (score(value * (1 + step)).mean() - score(value * (1 - step)).mean()) / (2 * step)
    return value, score(value) / -slope
