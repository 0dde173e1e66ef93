"""The candidates of a search: the nearest rows in float32 precision."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Proposal:
    """Candidate neighbours of m queries, a few more than needed.

    Attributes
    ----------
    numbers : ndarray of int, shape (m, n_proposed)
        Which rows, in any order.
    bound : ndarray of float64, shape (m,)
        No other row is nearer by more than ``error``: squared distances in squared units.
    error : ndarray of float64, shape (m,)
        Bound on the rounding error of float32.
    reach : float
        The largest squared length of a row that could be proposed, in squared units.
    """

    numbers: np.ndarray = field(repr=False)
    bound: np.ndarray = field(repr=False)
    error: np.ndarray = field(repr=False)
    reach: float


def rounding(sizes: np.ndarray, reach: float, features: int) -> np.ndarray:
    """Bound on the rounding error of |q|^2 + |x|^2 - 2qx in float32, for |x|^2 up to ``reach``."""
    return float(np.finfo(np.float32).eps) * (8 + np.sqrt(features)) * (reach + sizes)
