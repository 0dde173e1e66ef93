"""Intervals that know that neighbours are shared.

Rows that lie together have neighbours in common, so what they say about the dimension is not
independent; an interval that adds up independent variances is too narrow. The sandwich here adds
the products of the influences of every two rows that share a row:

    variance of the mean = sum over i, j with shared rows of psi_i psi_j / n^2

It is the estimate for locally dependent sums (Conley 1999, "GMM estimation with cross sectional
dependence"; Chen and Shao 2004 for its normal limit).
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse
import scipy.special


def shared_deviation(influence: np.ndarray, touched: np.ndarray) -> float:
    """Standard deviation of the mean of ``influence`` when rows share neighbours.

    Parameters
    ----------
    influence : ndarray, shape (n,)
        What each row adds to the estimate, less its mean.
    touched : ndarray of int, shape (n, k + 1)
        The rows that each influence was computed from: itself and its neighbours.

    Returns
    -------
    float
        At least 0, in the units of ``influence``.
    """
    n = len(influence)
    independent = float(influence @ influence)
    width = touched.shape[1]
    pattern = scipy.sparse.csr_array(
        (np.ones(touched.size, np.float32), touched.ravel(), np.arange(n + 1) * width),
        shape=(n, int(touched.max()) + 1),
    )
    together = pattern @ pattern.T
    together.data[:] = 1
    variance = float(influence @ (together @ influence))
    return math.sqrt(max(variance, independent)) / n


def interval(value: float, deviation: float, level: float) -> tuple[float, float]:
    """The interval around a positive ``value`` whose logarithm has the given standard deviation."""
    reach = float(scipy.special.ndtri(0.5 + level / 2)) * deviation
    return value * math.exp(-reach), value * math.exp(reach)
