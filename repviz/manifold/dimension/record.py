"""The record that every estimator of intrinsic dimension returns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from repviz.spreadsheets import SENTENCE_SEPARATOR

NUMBERS = ("value", "low", "high", "calibrated", "calibrated_low", "calibrated_high")


@dataclass(frozen=True)
class Dimension:
    """The intrinsic dimension of n rows: the number of parameters of the set on which they lie.

    Attributes
    ----------
    value : float
        The raw estimate, greater than 0. It is biased low where n is small for the dimension.
    low, high : float
        Interval for the mean of ``value`` over repeated draws of n rows, at ``level``: sampling
        error alone. It does not cover the true dimension.
    calibrated : float
        The dimension of the uniform ball for whose n points ``value`` is the mean (for the linear
        methods: see their files); for "twonn", extrapolated to distance 0 where it rises with the
        scale. It may lie outside [low, high]. This is the number to quote
        first, with the interval that follows.
    calibrated_low, calibrated_high : float
        Interval for the true dimension: sampling error and model error together, the latter from
        twelve families of sets of known dimension, most of them no uniform balls
        (:mod:`repviz.manifold.dimension.calibration`). Its measured coverage of the truth, by
        family and method over dimensions 1 to 8, was 0.92 to 1 at n = 200 and 1,000
        (``scripts/bench/truth_coverage.py``), and 0.9 to 1 at n = 5,000 for "twonn" and "gride",
        the others not having been measured there. It does not allow for what a warning names, nor
        for sets unlike those families. For the linear
        methods, "participation" and "pca-90", sampling error alone: they count the directions of
        the flat space that the set spans, whatever its dimension.
    n : int
        The number of rows used, identical ones counted once.
    k : int
        The number of neighbours used per row; 0 where none are.
    method : str
        The estimator's name.
    level : float
        The nominal coverage of [low, high], in [0, 1].
    warnings : tuple of str
        A sentence for each reason to doubt the value; empty where none was found.
    scale : float
        The median distance to the k-th neighbour, in the units of the rows: the radius of the
        neighbourhoods. NaN where the method compares all rows.
    local : ndarray of float64, shape (rows of the graph,), or None
        The dimension around each row, NaN where a row was left out; None for methods without
        local estimates. Noisy: average over several rows.
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
            joined into one text by ``spreadsheets.SENTENCE_SEPARATOR``.
        """
        names = (*NUMBERS, "n", "k", "method", "level")
        columns = {
            prefix if name == "value" else f"{prefix}_{name}": getattr(self, name) for name in names
        }
        return {**columns, f"{prefix}_warnings": SENTENCE_SEPARATOR.join(self.warnings)}
