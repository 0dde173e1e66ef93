"""The dimension as a function of scale, and the stretch of scales over which it stands still."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.dimension.estimators import gride
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.neighbors import Neighbors, neighbors

STEADY = 0.1  # how far calibrated values may part within a plateau, as a share


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
        From the lowest to the highest end of the plateau's intervals, calibrated as the values are.
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

    Noise and copies make the dimension at the smallest scales that of the space around; curvature
    and edges change it at the largest. Where it stands still in between is the best that distances
    can tell; where it never does, no single number describes the rows. Denti, Doimo, Laio, Mira
    2022, Scientific Reports 12:20005; the rule for the plateau is ours.

    Parameters
    ----------
    X : Neighbors or array_like, shape (n, d)
        A graph with k neighbours shows the scales up to k / 2; of a matrix, all that n allows.
    groups : array_like, shape (n,), optional
        Which rows belong together, as in :func:`repviz.dimension`.

    Returns
    -------
    ScaleCurve

    Raises
    ------
    InputError
        Fewer than two scales can be seen, or ``groups`` is not what it must be.
    """
    if not isinstance(X, Neighbors):
        rows = checks.matrix("scale_curve", X, rows=3)
        X = neighbors(rows, k=min(2 * gride.SCALES[-1] + 8, len(rows) - 1))
    X = X.with_groups(groups, who="scale_curve")
    seen = [m for m in gride.SCALES if 2 * m <= X.k and 4 * m < X.n]
    if len(seen) < 2:
        raise InputError(
            f"scale_curve: the graph must hold at least 4 neighbours of more than 8 rows, got "
            f"{X.k} of {X.n}. Make it with neighbors(X, k=64)."
        )
    found = tuple(gride.estimate(X, m=m) for m in seen)
    first, last = _plateau(found)
    within = found[first : last + 1]
    value = float(np.exp(np.mean([np.log(one.calibrated) for one in within])))
    spread = max(one.calibrated for one in found) / min(one.calibrated for one in found)
    warnings: tuple[str, ...] = ()
    if last - first + 1 < (len(seen) + 1) // 2:
        warnings = (
            f"the dimension depends on the scale: its calibrated value changes {spread:.2g}-fold "
            f"between the {2 * seen[0]} and the {2 * seen[-1]} nearest rows, and stands still from "
            f"m = {seen[first]} to {seen[last]} only.",
        )
    return ScaleCurve(
        m=np.array(seen),
        estimates=found,
        plateau=(seen[first], seen[last]),
        dimension=value,
        low=min(one.calibrated_low for one in within),
        high=max(one.calibrated_high for one in within),
        warnings=warnings,
    )


def _plateau(found: tuple[Dimension, ...]) -> tuple[int, int]:
    """First and last place of the longest run of scales that agree."""
    values = np.log([one.calibrated for one in found])
    # An interval's half width, as a share: two values that differ by less may well be one.
    half = np.log([one.high / one.value for one in found])
    best = (0, 0)
    for first in range(len(found)):
        for last in range(first + best[1] - best[0] + 1, len(found)):
            part, widths = values[first : last + 1], half[first : last + 1]
            if np.ptp(part) <= max(np.log1p(STEADY), float(widths.max())):
                best = (first, last)
    return best
