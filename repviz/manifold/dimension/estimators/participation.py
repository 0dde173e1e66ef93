"""The participation ratio of the PCA spectrum: a linear, global count of directions.

(sum of variances)^2 / sum of squared variances: d where d directions vary equally, 1 where one
holds everything. It is linear: a curve counts every direction that it
bends into. The sample ratio is biased low when n is small for it; ``calibrated`` replaces the sum
of squares by its unbiased estimate for Gaussian rows (Srivastava 2005, "Some
tests concerning the covariance matrix in high dimensional data", J. Japan Statist. Soc. 35(2)).
"""

from __future__ import annotations

import numpy as np

from repviz.errors import Degenerate
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.uncertainty import (
    group_degrees_of_freedom,
    grouped_standard_error,
    interval,
)
from repviz.principal import pca

MIN_ROWS = 10
LEVEL = 0.95


def estimate(X: np.ndarray, *, groups: np.ndarray | None = None) -> Dimension:
    """The participation ratio of the rows' PCA spectrum.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        At least 10 rows, not all the same.
    groups : ndarray of int, shape (n,), optional
        The group of each row; groups are the independent draws, rows if None.

    Returns
    -------
    Dimension

    Raises
    ------
    InputError
        Fewer than 10 rows, or rows that are all the same.
    """
    n = len(X)
    if n < MIN_ROWS:
        raise Degenerate(f"dimension: 'participation' needs at least {MIN_ROWS} rows, got {n}.")
    fit = pca(X)
    spectrum = fit.explained_variance
    if spectrum[0] == 0:
        raise Degenerate(
            f"dimension: the rows must not all be identical, got {len(X)} identical rows."
        )
    total, squares = float(spectrum.sum()), float(spectrum @ spectrum)
    value = total**2 / squares
    power = fit.scores**2
    influence = 2 * (power.sum(axis=1) / total - 1) - 2 * (power @ spectrum / squares - 1)
    low, high = interval(
        value, grouped_standard_error(influence, groups), LEVEL, group_degrees_of_freedom(groups)
    )
    unbiased = (n - 1) ** 2 / ((n - 2) * (n + 1)) * (squares - total**2 / (n - 1))
    rank = int((spectrum > 0).sum())
    most = float(rank if rank < n - 1 else X.shape[1])
    calibrated = min(total**2 / unbiased, most) if unbiased > 0 else most
    warnings = []
    if calibrated > 1.2 * value:
        warnings.append(
            f"{n} rows are few for so many directions: the ratio is {value:.3g}, "
            f"and {calibrated:.3g} after correction."
        )
    return Dimension(
        value=value,
        low=low,
        high=high,
        calibrated=calibrated,
        calibrated_low=calibrated * (low / value),
        calibrated_high=min(calibrated * (high / value), most),
        n=n,
        k=0,
        method="participation",
        level=LEVEL,
        warnings=tuple(warnings),
    )
