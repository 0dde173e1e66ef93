"""Confidence intervals of shares, means and statistics of means, over independent groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from repviz import checks

if TYPE_CHECKING:
    import numpy as np


def share(count: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The Clopper-Pearson interval of ``count`` out of ``n``: its coverage is at least its level.

    For 0 of n its upper end is ``1 - ((1 - level) / 2) ** (1 / n)``, close to 3.7 / n at 95 %.

    Parameters
    ----------
    count, n : int
        Successes and trials, 0 <= count <= n, n >= 1. Trials that are not independent (images of
        one person) make it too narrow.
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

    n = checks.integer("share", "n", n, low=1)
    count = checks.integer("share", "count", count, low=0, high=n)
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(beta.ppf(tail, count, n - count + 1))
    high = 1.0 if count == n else float(beta.ppf(1 - tail, count + 1, n - count))
    return low, high


def share_of_groups(
    hits: np.ndarray, groups: np.ndarray, *, level: float = 0.95
) -> tuple[float, float]:
    """The interval of a share whose trials are clustered, such as the images of one person.

    The Clopper-Pearson interval at the effective sample size: that of independent trials whose
    share varies as much as this one does over groups. Where all trials agree, the variance over
    groups says nothing, and each group counts as one trial.

    Parameters
    ----------
    hits : ndarray of bool, shape (n,)
        Which trials succeed.
    groups : ndarray, shape (n,)
        The group of each trial.
    level : float
        Confidence, in (0, 1).

    Returns
    -------
    low, high : float
        In [0, 1]; NaN where there are fewer than two groups.

    References
    ----------
    Korn & Graubard 1998, Survey Methodology 24:193-201, for survey clusters; their effective
    sample size is that of the trials where all agree, ours the number of groups.
    """
    import numpy as np
    from scipy.stats import beta, t

    names, member = np.unique(groups, return_inverse=True)
    n, many = len(hits), len(names)
    if many < 2:
        return float("nan"), float("nan")
    value = float(np.mean(hits))
    deviations = np.bincount(member, weights=hits - value)
    variance = many / (many - 1) * float(np.square(deviations).sum()) / n**2
    effective = float(many)
    tail = (1 - level) / 2
    if variance > 0:
        freedom = float(t.ppf(1 - tail, n - 1) / t.ppf(1 - tail, many - 1))
        effective = min(float(n), value * (1 - value) / variance * freedom**2)
    count = value * effective
    low = 0.0 if value == 0 else float(beta.ppf(tail, count, effective - count + 1))
    high = 1.0 if value == 1 else float(beta.ppf(1 - tail, count + 1, effective - count))
    return low, high


def accuracy(
    hits: np.ndarray, groups: np.ndarray | None = None, *, level: float = 0.95
) -> tuple[float, float]:
    """The interval of a share: :func:`share_of_groups`, or :func:`share` of independent trials.

    Parameters
    ----------
    hits : ndarray of bool, shape (n,)
        Which trials succeed.
    groups : ndarray, shape (n,), optional
        The group of each trial (a person); trials are independent if None.
    level : float
        Confidence, in (0, 1).
    """
    if groups is None:
        return share(int(hits.sum()), len(hits), level=level)
    return share_of_groups(hits, groups, level=level)


def paired_difference(
    one: np.ndarray, other: np.ndarray, groups: np.ndarray | None = None
) -> dict[str, float]:
    """The difference of two shares of the same trials, with its 95 % interval, as table columns.

    Parameters
    ----------
    one, other : ndarray of bool, shape (n,)
        Which trials succeed in either case, such as two layers.
    groups : ndarray, shape (n,), optional
        The group of each trial, left out as a whole by the jackknife; each its own if None.

    Returns
    -------
    dict of str to float
        ``difference``, of the first from the second, in [-1, 1]; ``low``, ``high``; ``n``.
    """
    import numpy as np

    apart = one.astype(float) - other
    groups = np.arange(len(apart)) if groups is None else groups
    low, high = jackknife(apart[:, None], groups, lambda means: means[..., 0])
    return {"difference": float(apart.mean()), "low": low, "high": high, "n": len(apart)}


def jackknife(
    values: np.ndarray,
    groups: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval of a statistic of means, from leaving out one group of rows at a time.

    Images of one person are not independent: leaving out whole people keeps together what they
    share. With few groups Student's t, of one degree of freedom less than groups, keeps the level
    where resampling by a bootstrap falls short (6 groups: about 85 instead of 95 %).

    Parameters
    ----------
    values : ndarray, shape (n, m)
        m numbers per row.
    groups : ndarray, shape (n,)
        The group of each row (a person; the row itself where rows are independent).
    statistic : callable
        From means, shape (..., m), to the statistic, shape (...). Best on a scale where its error
        is even: the logarithm of a ratio.
    level : float
        Confidence, in (0, 1).

    Returns
    -------
    low, high : float
        NaN where there are fewer than two groups: one person says nothing about others.

    References
    ----------
    Efron & Stein 1981, Annals of Statistics 9, on the variance; Tukey 1958 for the t.
    """
    import numpy as np
    from scipy.stats import t

    names, member = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, member, values)
    sizes = np.bincount(member)[:, None]
    left = statistic((sums.sum(axis=0) - sums) / (len(values) - sizes))
    spread = (len(names) - 1) / len(names) * np.square(left - left.mean()).sum()
    reach = t.ppf((1 + level) / 2, len(names) - 1) * np.sqrt(spread)
    centre = float(statistic(values.mean(axis=0)))
    return float(centre - reach), float(centre + reach)


def over_splits(
    values: np.ndarray, *, test_share: float, level: float = 0.95
) -> tuple[float, float]:
    """The interval of the mean of an estimate that was made on several random splits.

    Training sets of different splits share rows, and so do test sets: the estimates are no
    independent draws. Their variance is multiplied by 1 / splits + test rows / training rows
    instead of 1 / splits.

    Parameters
    ----------
    values : ndarray, shape (splits,)
        The estimate of each split; best on a scale where its error is even.
    test_share : float
        Test rows as a multiple of training rows, above 0.
    level : float
        Confidence, in (0, 1).

    Returns
    -------
    low, high : float
        NaN where there are fewer than two splits.

    References
    ----------
    Nadeau & Bengio 2003, Machine Learning 52:239-281, equation 9: the corrected resampled t.
    """
    import numpy as np
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return float("nan"), float("nan")
    spread = np.sqrt((1 / n + test_share) * np.var(values, ddof=1))
    reach = float(t.ppf((1 + level) / 2, n - 1) * spread)
    centre = float(np.mean(values))
    return centre - reach, centre + reach


def group_bootstrap(
    values: np.ndarray,
    groups: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile interval of a statistic of means, resampling both repetitions and groups.

    Parameters
    ----------
    values : ndarray, shape (r, n, m)
        m numbers per row, in each of r repetitions (trainings with another seed).
    groups : ndarray, shape (n,)
        The group of each row; all rows of a group are drawn together.
    statistic : callable
        From means, shape (..., m), to the statistic, shape (...).
    draws : int
        Number of bootstrap samples.
    level : float
        Confidence, in (0, 1).
    seed : int
        Random seed of the bootstrap samples.

    Returns
    -------
    low, high : float
        NaN where there are fewer than two groups. With few repetitions or groups they are too
        narrow: three trainings say little about all that might have been.

    References
    ----------
    Davison & Hinkley 1997, Bootstrap Methods and their Application, section 3.8, strategy 1.
    """
    import numpy as np

    if len(np.unique(groups)) < 2:
        return float("nan"), float("nan")
    r, rng = len(values), np.random.default_rng(seed)
    sums, counts = resample_groups(values, groups, draws=draws, rng=rng)
    weights = rng.multinomial(r, np.full(r, 1 / r), size=draws) / r
    means = np.einsum("dr,drm->dm", weights, sums) / counts[:, None]
    tail = (1 - level) / 2
    low, high = np.quantile(statistic(means), [tail, 1 - tail])
    return float(low), float(high)


def resample_groups(
    values: np.ndarray, groups: np.ndarray, *, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The sums and the numbers of rows of groups drawn with replacement, as many as there are.

    Parameters
    ----------
    values : ndarray, shape (r, n, m)
        m numbers per row, in each of r repetitions.
    groups : ndarray, shape (n,)
        The group of each row; all rows of a group are drawn together.
    draws : int
        Number of bootstrap samples.
    rng : Generator
        Draws the groups.

    Returns
    -------
    sums : ndarray, shape (draws, r, m)
        Sums over the rows of each sample.
    counts : ndarray of float64, shape (draws,)
        The number of those rows.
    """
    import numpy as np

    names, member = np.unique(groups, return_inverse=True)
    r, _, m = values.shape
    sums = np.zeros((r, len(names), m))
    for total, repetition in zip(sums, values, strict=True):
        np.add.at(total, member, repetition)
    sizes = np.bincount(member).astype(float)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    resampled = np.einsum("dg,rgm->drm", weights.astype(float), sums, optimize=True)
    return resampled, weights @ sizes
