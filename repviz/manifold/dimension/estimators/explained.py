"""The number of principal components that explain a given share of the variance.

A linear, global count: a curve counts every direction that it bends into. ``value`` is a
whole number; ``calibrated`` is the dimension of the uniform ball whose directions, all equal, need
as many, the count between whole numbers divided by the share.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special

from repviz import checks
from repviz.errors import Degenerate
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.uncertainty import grouped_standard_error
from repviz.principal import pca

MIN_ROWS = 10
LEVEL = 0.95


def estimate(X: np.ndarray, *, share: float = 0.9, groups: np.ndarray | None = None) -> Dimension:
    """The number of leading principal components that explain a share of the variance.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        At least 10 rows, not all the same.
    share : float
        Of the variance, from 0.01 to 0.999.
    groups : ndarray of int, shape (n,), optional
        The group of each row; groups are the independent draws.

    Returns
    -------
    Dimension
        The interval takes the components' share at the count for uncertain, not the directions.

    Raises
    ------
    InputError
        Fewer than 10 rows, or rows that are all the same.
    """
    share = checks.real("dimension", "share", share, low=0.01, high=0.999)
    name = f"pca-{100 * share:g}"
    n = len(X)
    if n < MIN_ROWS:
        raise Degenerate(f"dimension: '{name}' needs at least {MIN_ROWS} rows, got {n}.")
    fit = pca(X)
    spectrum = fit.explained_variance
    if spectrum[0] == 0:
        raise Degenerate(
            f"dimension: the rows must not all be identical, got {len(X)} identical rows."
        )
    held = np.cumsum(spectrum) / spectrum.sum()
    count = int(np.searchsorted(held, share * (1 - 1e-12)) + 1)
    power = fit.scores**2
    influence = (power[:, :count].sum(axis=1) - held[count - 1] * power.sum(axis=1)) / power.sum()
    spread = grouped_standard_error(n * influence, groups)
    reach = float(scipy.special.ndtri(0.5 + LEVEL / 2)) * spread
    low, high = (
        float(np.searchsorted(held, min(max(bound, 0.0), 1 - 1e-9)) + 1)
        for bound in (share - reach, share + reach)
    )
    before = held[count - 2] if count > 1 else 0.0
    between = count - 1 + (share - before) / (held[count - 1] - before)
    calibrated = max(float(between / share), math.ulp(1.0))
    low, high = min(low, float(count)), min(max(high, float(count)), float(len(held)))
    warnings = []
    if count > n / 5:
        warnings.append(
            f"{n} rows are few for {count} components: of a sample this small the spectrum falls "
            "faster than that of the images, and the count reads low."
        )
    return Dimension(
        value=float(count),
        low=low,
        high=high,
        calibrated=calibrated,
        calibrated_low=calibrated * (low / count),
        calibrated_high=calibrated * (high / count),
        n=n,
        k=0,
        method=name,
        level=LEVEL,
        warnings=tuple(warnings),
    )
