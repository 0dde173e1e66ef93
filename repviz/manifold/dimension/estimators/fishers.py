"""FisherS: the dimension of the sphere on which as many pairs of points are inseparable.

Albergante, Bac, Zinovyev 2019, "Estimating the effective dimension of large biological datasets
using Fisher separability analysis", IJCNN. Rows are centred, reduced to the components with more
than a tenth of the largest variance, whitened and put on the unit sphere; a row is inseparable from
another at level alpha where their inner product is at least alpha. The fraction of inseparable
pairs at one alpha gives the dimension n of a uniform sphere (their equation 4, by Lambert's W);
alpha is the one nearest to nine tenths of the largest at which any pair is inseparable.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from repviz.errors import Degenerate
from repviz.manifold.dimension.calibration import calibrate_interval
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.uncertainty import (
    group_degrees_of_freedom,
    grouped_standard_error,
    interval,
)
from repviz.principal import pca

ALPHAS = np.arange(0.6, 1, 0.02)
CONDITION = 10  # components with less than a tenth of the largest variance are left out
MIN_ROWS = 10
LEVEL = 0.95
BLOCK_BYTES = 64 << 20


def estimate(X: np.ndarray, *, groups: np.ndarray | None = None) -> Dimension:
    """The dimension of the rows by Fisher separability: global, all pairs of rows are compared.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        At least 10 rows, not all the same; about n^2 d operations.
    groups : ndarray of int, shape (n,), optional
        The group of each row; groups are the independent draws.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        Fewer than 10 rows, rows that are all the same, or rows that are separable at every alpha.
    """
    n = len(X)
    if n < MIN_ROWS:
        raise Degenerate(f"dimension: 'fishers' needs at least {MIN_ROWS} rows, got {n}.")
    value, alpha, counts = separability(X)
    p, pairs = counts.mean() / (n - 1), counts.sum() / 2
    slope = math.log(_sphere(1.01 * p, alpha) / _sphere(p / 1.01, alpha)) / (2 * math.log(1.01))
    relative = counts / counts.mean() - 1
    if groups is None:
        # The variance between rows, beyond that of the random number of close pairs.
        rows = max(0.0, float(relative.var()) - 1 / counts.mean()) / n
    else:
        rows = grouped_standard_error(relative, groups) ** 2
    deviation = abs(slope) * math.sqrt(4 * rows + 1 / pairs)  # a mean over pairs: Hoeffding 1948
    low, high = interval(value, deviation, LEVEL, group_degrees_of_freedom(groups))
    calibrated, warnings = calibrate_interval("fishers", n, value, low, high)
    return Dimension(
        value=value,
        low=low,
        high=high,
        calibrated=calibrated[0],
        calibrated_low=calibrated[1],
        calibrated_high=calibrated[2],
        n=n,
        k=0,
        method="fishers",
        level=LEVEL,
        warnings=warnings,
    )


def separability(X: np.ndarray) -> tuple[float, float, np.ndarray]:
    """The dimension, its alpha, and the number of rows inseparable from each row (n,)."""
    fit = pca(X)
    spectrum = fit.explained_variance
    if spectrum[0] == 0:
        raise Degenerate(
            f"dimension: the rows must not all be identical, got {len(X)} identical rows."
        )
    retained = spectrum > spectrum[0] / CONDITION
    rows = fit.scores[:, retained] / np.sqrt(spectrum[retained])
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(sizes > 0, sizes, 1)
    counts = _inseparable(rows)
    if not counts[0].any():
        raise Degenerate(
            f"dimension: 'fishers' needs inseparable pairs of rows, got none among {len(X)} rows, "
            "which shows only that the dimension is high. Use more rows."
        )
    usable = np.flatnonzero(counts.any(axis=1))
    alpha = int(usable[np.abs(ALPHAS[usable] - 0.9 * ALPHAS[usable[-1]]).argmin()])
    p = counts[alpha].mean() / (len(X) - 1)
    return _sphere(p, float(ALPHAS[alpha])), float(ALPHAS[alpha]), counts[alpha]


def _inseparable(rows: np.ndarray) -> np.ndarray:
    """The number of other rows inseparable from each row at each alpha, (alphas, n)."""
    n = len(rows)
    counts = np.zeros((len(ALPHAS) + 1, n), np.int64)
    step = max(1, BLOCK_BYTES // (8 * n))
    for start in range(0, n, step):
        inner = rows[start : start + step] @ rows.T
        inner[np.arange(len(inner)), start + np.arange(len(inner))] = -np.inf
        row, other = np.nonzero(inner >= ALPHAS[0])
        level = np.searchsorted(ALPHAS, inner[row, other], side="right")
        np.add.at(counts, (level, start + row), 1)
    return counts[::-1].cumsum(axis=0)[::-1][1:]


def _sphere(p: float, alpha: float) -> float:
    """The dimension of the uniform sphere whose fraction of inseparable pairs at alpha is p."""
    w = math.log(1 - alpha**2)
    return float(
        scipy.special.lambertw(-w / (2 * math.pi * p**2 * alpha**2 * (1 - alpha**2))).real / -w
    )
