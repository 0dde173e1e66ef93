"""How sure a mean or a share is: intervals that a table can carry beside its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repviz import checks

if TYPE_CHECKING:
    import numpy as np


def share(count: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The Clopper-Pearson interval of ``count`` out of ``n``: never too narrow.

    Where ``count`` is 0 or ``n`` the interval is one-sided, so that its upper limit for 0 of n is
    ``1 - (1 - level) ** (1 / n)``, close to 3 / n at the 95 % level.

    Parameters
    ----------
    count, n : int
        Successes and trials, 0 <= count <= n, n >= 1.
    level : float
        Confidence, in (0, 1).

    Returns
    -------
    low, high : float
        In [0, 1].

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26; the limits as quantiles of the beta distribution.
    """
    from scipy.stats import beta

    n = checks.whole("share", "n", n, low=1)
    count = checks.whole("share", "count", count, low=0, high=n)
    tail = (1 - level) if count in (0, n) else (1 - level) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, n - count + 1))
    high = 1.0 if count == n else float(beta.ppf(1 - tail, count + 1, n - count))
    return low, high


def resampled_weights(groups: np.ndarray, *, draws: int = 2000, seed: int = 0) -> np.ndarray:
    """How often each row is drawn when whole groups are resampled: the rows of a cluster bootstrap.

    Images of one person are not independent: drawing whole people keeps what they share together.

    Parameters
    ----------
    groups : ndarray, shape (n,)
        The group of each row (a person; the row itself where rows are independent).
    draws : int
        Bootstrap samples, at least 1.
    seed : int
        Seed of the draws.

    Returns
    -------
    ndarray, shape (draws, n), float64
        Weights that sum to 1 in each draw: a statistic's draws are ``weights @ values``.

    References
    ----------
    Davison & Hinkley 1997, Bootstrap Methods, section 3.8 (resampling of clusters).
    """
    import numpy as np

    names, member = np.unique(groups, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(len(names), size=(draws, len(names)))
    counts = np.zeros((draws, len(names)))
    np.add.at(counts, (np.arange(draws)[:, None], drawn), 1.0)
    weights: np.ndarray = counts[:, member]
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def middle(draws: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """The central percentile interval of bootstrap draws, ``(low, high)``."""
    import numpy as np

    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
