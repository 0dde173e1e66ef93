"""The dimension as a function of scale, and its plateau."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.dimension.estimators import gride
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.neighbors import Neighbors, neighbors
from repviz.manifold.stored_rows import readable_rows

PLATEAU_TOLERANCE = 0.1  # relative difference of calibrated values within a plateau


@dataclass(frozen=True, eq=False)
class ScaleCurve:
    """The GRIDE dimension of n rows at each scale.

    Attributes
    ----------
    m : ndarray of int, shape (s,)
        The nearer of the two neighbours that each scale compares; the farther is 2m.
    estimates : tuple of Dimension, length s
        Each with its interval, calibrated value, ``scale`` (the median distance to neighbour 2m)
        and warnings.
    plateau : tuple of int
        First and last m of the longest run of scales whose calibrated values lie within 10 % of
        each other or within their intervals; of equal runs the one at the smallest scale.
    dimension : float
        The plateau's calibrated dimension: the mean of its scales, in the logarithm.
    low, high : float
        From the lowest to the highest end of the plateau's calibrated intervals, which hold
        sampling error and model error.
    warnings : tuple of str
        A sentence where the dimension depends on the scale.
    """

    m: np.ndarray
    estimates: tuple[Dimension, ...] = field(repr=False)
    plateau: tuple[int, int]
    dimension: float
    low: float
    high: float
    warnings: tuple[str, ...] = ()


def scale_curve(X: Neighbors | Any, *, groups: Any = None) -> ScaleCurve:
    """The dimension at scales from the two nearest neighbours to the 64th, and its plateau.

    At the smallest scales noise dominates, at the largest curvature and boundaries do. A plateau in
    between is the best estimate from distances; without one, no single number describes the rows.
    Denti, Doimo, Laio, Mira 2022, Scientific Reports 12:20005; the plateau rule is ours.

    Parameters
    ----------
    X : Neighbors or array_like, shape (n, d)
        A graph with k neighbours gives the scales up to k / 2; a matrix, all that n allows. Rows of
        a stored layer that hold no activations are left out, with a warning.
    groups : array_like, shape (n,), optional
        The group of each row, as in :func:`repviz.dimension`.

    Returns
    -------
    ScaleCurve

    Raises
    ------
    InputError
        Fewer than two scales are available, or ``groups`` is invalid.
    """
    X, groups, warnings = readable_rows(X, groups)
    if not isinstance(X, Neighbors):
        rows = checks.matrix("scale_curve", X, rows=3)
        X = neighbors(rows, k=min(2 * gride.SCALES[-1] + 8, len(rows) - 1))
    X = X.with_groups(groups, who="scale_curve")
    scales = [m for m in gride.SCALES if 2 * m <= X.k and 4 * m < X.n]
    if len(scales) < 2:
        raise InputError(
            "scale_curve: the graph must have at least 4 neighbours per row and more than 8 rows, "
            f"got {X.k} and {X.n}. Build it with neighbors(X, k=64)."
        )
    estimates = tuple(gride.estimate(X, m=m) for m in scales)
    first, last = _plateau(estimates)
    plateau = estimates[first : last + 1]
    value = float(np.exp(np.mean([np.log(estimate.calibrated) for estimate in plateau])))
    calibrated = [estimate.calibrated for estimate in estimates]
    fold_change = max(calibrated) / min(calibrated)
    if last - first + 1 < (len(scales) + 1) // 2:
        warnings = (
            *warnings,
            f"the dimension depends on the scale: its calibrated value changes {fold_change:.2g}-"
            f"fold between the {2 * scales[0]} and the {2 * scales[-1]} nearest rows, with a "
            f"plateau from m = {scales[first]} to {scales[last]} only.",
        )
    return ScaleCurve(
        m=np.array(scales),
        estimates=estimates,
        plateau=(scales[first], scales[last]),
        dimension=value,
        low=min(estimate.calibrated_low for estimate in plateau),
        high=max(estimate.calibrated_high for estimate in plateau),
        warnings=warnings,
    )


def _plateau(estimates: tuple[Dimension, ...]) -> tuple[int, int]:
    """First and last position of the longest run of scales that agree."""
    values = np.log([estimate.calibrated for estimate in estimates])
    # The relative half width of an interval: values that differ by less may be equal.
    half = np.log([estimate.high / estimate.value for estimate in estimates])
    best = (0, 0)
    for first in range(len(estimates)):
        for last in range(first + best[1] - best[0] + 1, len(estimates)):
            part, widths = values[first : last + 1], half[first : last + 1]
            if np.ptp(part) <= max(np.log1p(PLATEAU_TOLERANCE), float(widths.max())):
                best = (first, last)
    return best
