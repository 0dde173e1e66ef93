"""One-sided upper bounds of a mean loss: below the margin, a reconstruction is non-inferior.

Images of one person are not independent, so people are the units of both bounds. Where a score
takes few values (a yes or no), people without a loss say little: none in G rules out a loss of one
in G / 3 at best. The bound is then that of a proportion and never below it.
"""

from __future__ import annotations

import math

import numpy as np

MAX_VALUES = 10  # distinct scores up to which a criterion counts as discrete
MIN_GROUPS = 12  # independent groups below which no continuous loss is tested
RESERVE = 3.0  # over sqrt(groups): fraction of the error reserved for a skewness that is not seen


def is_discrete(scores: np.ndarray) -> bool:
    """Whether scores take so few values that the spread of the losses may be zero by chance."""
    return len(np.unique(scores)) <= min(MAX_VALUES, scores.size // 2)


def groups_needed(margin: float, level: float, *, score_range: float = 1.0) -> int:
    """The number of groups from which no loss at all in a discrete score is enough evidence.

    ``1 - (1 - level) ** (1 / G)`` is the upper bound of a proportion of 0 in G: 59 groups for a
    margin of 0.05 at 95 %.
    """
    share = margin / score_range
    return 1 if share >= 1 else math.ceil(math.log(1 - level) / math.log1p(-share))


def discrete_bound(
    losses: np.ndarray, groups: np.ndarray, level: float, *, score_range: float = 1.0
) -> float:
    """The Clopper-Pearson upper bound of the mean loss over groups; gains do not offset losses.

    A group counts with its mean loss, a share of ``score_range``: exact where each group is one
    image; with several it holds even where a group's images are all lost together, at the price of
    power where they are not.

    Parameters
    ----------
    losses : ndarray, shape (n,)
        Loss of each image, at most ``score_range``.
    groups : ndarray, shape (n,)
        The group of each image (a person, or the image itself).
    level : float
        Confidence of the one-sided bound, in (0, 1).
    score_range : float
        The largest possible loss.

    References
    ----------
    Clopper & Pearson 1934, Biometrika 26.
    """
    from scipy.stats import beta

    lost = group_means(np.maximum(losses, 0) / score_range, groups)
    x, n_groups = float(lost.sum()), len(lost)
    return (
        score_range if x >= n_groups else score_range * float(beta.ppf(level, x + 1, n_groups - x))
    )


def continuous_bound(losses: np.ndarray, groups: np.ndarray, level: float) -> float:
    """Student's upper bound of the mean loss over groups, raised where the losses are right-skewed.

    NaN where there are fewer than two groups. Few groups often lack the rare large losses that
    make a distribution skewed, and show neither its mean nor its skewness: part of the error,
    :data:`RESERVE`, is kept for that. With it losses as skewed as a lognormal distribution of
    log-variance 1 (skewness 6) keep the level; heavier tails do not
    (``scripts/bench/choice_errors.py``).

    References
    ----------
    Hall 1992, Journal of the Royal Statistical Society B 54:221, the transformation that removes
    skewness, with Student's quantile in place of the normal one.
    """
    from scipy.stats import skew, t

    means = group_means(losses, groups)
    n = len(means)
    if n < 2:
        return float("nan")
    mean, spread = float(means.mean()), float(means.std(ddof=1))
    reserve = min(0.9, RESERVE / math.sqrt(n))
    reach = float(t.ppf(1 - (1 - reserve) * (1 - level), n - 1)) / math.sqrt(n)
    if not spread > 0:
        return mean
    skewness = float(skew(means, bias=n < 3))
    if not skewness > 0:
        return mean + spread * reach
    cube = max(1 + skewness * (-reach - skewness / (6 * n)), 1e-9)
    return mean + spread * max(reach, 3 / skewness * (1 - math.cbrt(cube)))


def group_means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The mean of each group's values, shape (G,)."""
    _, member = np.unique(groups, return_inverse=True)
    return np.bincount(member, weights=values) / np.bincount(member)
