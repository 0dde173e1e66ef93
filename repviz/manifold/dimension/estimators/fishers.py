"""FisherS: the dimension of the sphere on which as few points can be told apart by a hyperplane.

Albergante, Bac, Zinovyev 2019, "Estimating the effective dimension of large biological datasets
using Fisher separability analysis", IJCNN. Rows are centred, reduced to the components with more
than a tenth of the largest variance, whitened and put on the unit sphere; a row is inseparable from
another at level alpha where their inner product is at least alpha. The share of inseparable pairs
at one alpha fixes the dimension n of an even sphere (their equation 4, by Lambert's W); alpha is
the one nearest to nine tenths of the largest at which any pair is inseparable.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from repviz.errors import InputError
from repviz.manifold.dimension.calibration import calibrate_interval
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.uncertainty import group_freedom, grouped_deviation, interval
from repviz.principal import pca

ALPHAS = np.arange(0.6, 1, 0.02)
CONDITION = 10  # components with less than a tenth of the largest variance are left out
FEWEST = 10
LEVEL = 0.95
BLOCK_BYTES = 64 << 20


def estimate(X: np.ndarray, *, groups: np.ndarray | None = None) -> Dimension:
    """The dimension of the rows by Fisher separability: global, all pairs of rows are compared.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        At least 10 rows, not all the same; about n^2 d operations.
    groups : ndarray of int, shape (n,), optional
        The group of each row; whole groups are the independent draws.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        Fewer than 10 rows, rows that are all the same, or rows that are separable at every alpha.
    """
    n = len(X)
    if n < FEWEST:
        raise InputError(f"dimension: 'fishers' needs at least {FEWEST} rows, got {n}.")
    value, alpha, counts = separability(X)
    p, pairs = counts.mean() / (n - 1), counts.sum() / 2
    slope = math.log(_sphere(1.01 * p, alpha) / _sphere(p / 1.01, alpha)) / (2 * math.log(1.01))
    relative = counts / counts.mean() - 1
    if groups is None:
        # What rows differ by, beyond the chance in which pairs happen to be near.
        rows = max(0.0, float(relative.var()) - 1 / counts.mean()) / n
    else:
        rows = grouped_deviation(relative, groups) ** 2
    deviation = abs(slope) * math.sqrt(4 * rows + 1 / pairs)  # a mean over pairs: Hoeffding 1948
    low, high = interval(value, deviation, LEVEL, group_freedom(groups))
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
    """The dimension, the alpha that it was read at, and each row's inseparable others (n,)."""
    fit = pca(X)
    spectrum = fit.explained_variance
    if spectrum[0] == 0:
        raise InputError("dimension: the rows must not all be the same. Give it other images.")
    kept = spectrum > spectrum[0] / CONDITION
    rows = fit.scores[:, kept] / np.sqrt(spectrum[kept])
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(sizes > 0, sizes, 1)
    counts = _inseparable(rows)
    if not counts[0].any():
        raise InputError(
            f"dimension: each of {len(X)} rows can be told apart from all others, so 'fishers' "
            "cannot say more than that the dimension is high. Give it more images."
        )
    told = np.flatnonzero(counts.any(axis=1))
    alpha = int(told[np.abs(ALPHAS[told] - 0.9 * ALPHAS[told[-1]]).argmin()])
    p = counts[alpha].mean() / (len(X) - 1)
    return _sphere(p, float(ALPHAS[alpha])), float(ALPHAS[alpha]), counts[alpha]


def _inseparable(rows: np.ndarray) -> np.ndarray:
    """For each alpha and row, how many other rows it cannot be told apart from, (alphas, n)."""
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
    """The dimension of the even sphere on which a share p of pairs is inseparable at alpha."""
    w = math.log(1 - alpha**2)
    return float(
        scipy.special.lambertw(-w / (2 * math.pi * p**2 * alpha**2 * (1 - alpha**2))).real / -w
    )
