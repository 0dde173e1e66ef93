"""What every estimator of intrinsic dimension returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NUMBERS = ("value", "low", "high", "calibrated", "calibrated_low", "calibrated_high")


@dataclass(frozen=True)
class Dimension:
    """The intrinsic dimension of n rows: how many numbers move a point along the set they form.

    Attributes
    ----------
    value : float
        What the estimator says, greater than 0. It reads low where n is small for the dimension.
    low, high : float
        Interval for ``value`` at ``level``: what repeating the draw of n rows would do to it. It
        knows nothing of the estimator's bias, which ``calibrated`` removes for even balls.
    calibrated : float
        The dimension of the uniform ball whose n points make the estimator say ``value`` (for the
        linear methods: what their files say). It may lie outside [low, high].
    calibrated_low, calibrated_high : float
        The ends of the interval, calibrated as the value is: what the draw of the rows leaves open,
        not how far the set is from an even ball.
    n : int
        How many rows were used, identical ones counted once.
    k : int
        How many neighbours of each row were used; 0 where none are.
    method : str
        The estimator's name.
    level : float
        The share of intervals, in [0, 1], that hold the estimator's mean in repeated draws.
    warnings : tuple of str
        A sentence for each reason to doubt the value; empty where none was found.
    scale : float
        The median distance to the k-th neighbour, in the units of the rows: how far around it each
        row looked. NaN where the method looks at all rows at once.
    local : ndarray of float64, shape (rows of the graph,), or None
        The dimension around each row, NaN where a row was left out; None for methods that say
        nothing of single rows. Noisy: a mean over places is worth more than a place.
    """

    value: float
    low: float
    high: float
    calibrated: float
    calibrated_low: float
    calibrated_high: float
    n: int
    k: int
    method: str
    level: float = 0.95
    warnings: tuple[str, ...] = ()
    scale: float = field(default=math.nan, compare=False)
    local: np.ndarray | None = field(default=None, repr=False, compare=False)

    def as_row(self, prefix: str = "dimension") -> dict[str, Any]:
        """The estimate as the columns of a table, each name beginning with ``prefix``.

        Parameters
        ----------
        prefix : str
            The column of ``value``; the others are ``{prefix}_low``, ``{prefix}_calibrated_high``,
            ``{prefix}_warnings`` and so on.

        Returns
        -------
        dict of str to float, int or str
            In this order: ``value``, ``low``, ``high``, ``calibrated``, ``calibrated_low``,
            ``calibrated_high``, ``n``, ``k``, ``method``, ``level`` and ``warnings``, the last
            joined by spaces into one text.
        """
        names = (*NUMBERS, "n", "k", "method", "level")
        columns = {
            prefix if name == "value" else f"{prefix}_{name}": getattr(self, name) for name in names
        }
        return {**columns, f"{prefix}_warnings": " ".join(self.warnings)}
