"""Intervals for estimates whose rows share neighbours or belong to groups.

Nearby rows have neighbours in common, so their influences on the estimate are dependent; an
interval that adds independent variances is too narrow. The sandwich estimator here adds the
products of the influences of every two rows that share a neighbour or a declared group
(augmentations of one image, frames of one video):

    variance of the mean = sum over dependent i, j of psi_i psi_j / n^2 / (1 - pairs / n^2)

It is the estimate for locally dependent sums (Conley 1999, "GMM estimation with cross sectional
dependence"; Chen and Shao 2004 for its normal limit). The divisor corrects for the influences
being centred by their own mean, which takes the mean product off every pair. Rows are drawn
independently, so the part of the influence that depends on the position of a row (dense or sparse,
interior or boundary) is independent: it is modelled by a parabola in the logarithm of the distance
to the farthest neighbour, and only the remainder is treated as dependent. (In a uniform set the
ratios of distances do not depend on the farthest, so the parabola removes no dependence.)

Rows whose neighbourhoods overlap are dependent even if no row lies in the overlap; so dependence is
computed from a few more neighbours than the estimator reads (:func:`dependent_neighbours`).

The more neighbours are shared, the less precise is the standard error itself; intervals therefore
use Student's t with n^2 / pairs degrees of freedom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.special

from repviz.manifold.dimension.dependence_kernels import dependent_rows, sum_of_products

MAX_PAIRS = 1 << 19  # about as many pairs are summed; with more, rows are sampled
MIN_SAMPLED = 1000
WIDENED = 15  # dependence uses half as many more neighbours up to this, then a quarter more


@dataclass(frozen=True, eq=False)
class Dependence:
    """The pairs of rows whose influences are dependent.

    Attributes
    ----------
    sampled : ndarray of int64, shape (a,)
        The rows whose dependence was computed: all, or an even sample where there are many.
    others : ndarray of int32, shape (pairs,)
        For each sampled row, the rows that depend on it, itself included; concatenated.
    n_dependent : ndarray of int64, shape (a,)
        The number of those rows.
    n : int
        The number of rows.
    groups : ndarray of int64, shape (n,), or None
        The declared group of each row.
    radius : ndarray of float64, shape (n,), or None
        The distance to each row's farthest neighbour.
    """

    sampled: np.ndarray = field(repr=False)
    others: np.ndarray = field(repr=False)
    n_dependent: np.ndarray = field(repr=False)
    n: int
    groups: np.ndarray | None = field(repr=False)
    radius: np.ndarray | None = field(repr=False)

    @property
    def dependent_fraction(self) -> float:
        """The fraction of all pairs of rows that are dependent, in (0, 1]."""
        return len(self.others) / len(self.sampled) / self.n

    @property
    def degrees_of_freedom(self) -> float:
        """Degrees of freedom of the standard error: 1 / ``dependent_fraction``, or of the groups.

        For normal influences the sum over pairs has the relative variance 2 pairs / n^2, that of a
        chi-square with n^2 / pairs degrees of freedom. With normal quantiles instead, nominal 0.95
        intervals of estimators with many neighbours cover 0.90.
        """
        return min(1 / self.dependent_fraction, group_degrees_of_freedom(self.groups))


def find_dependence(
    neighborhoods: np.ndarray, radius: np.ndarray | None = None, groups: np.ndarray | None = None
) -> Dependence:
    """The dependence between n rows that share neighbours or groups.

    Parameters
    ----------
    neighborhoods : ndarray of int, shape (n, k + 1)
        The rows from which each row's influence was computed: itself and its neighbours.
    radius : ndarray, shape (n,), optional
        The distance to the farthest of them: a sample of rows is stratified by it, so that it
        covers sparse and dense regions whatever the order of the rows.
    groups : ndarray of int, shape (at least neighborhoods.max() + 1,), optional
        The declared group of every row.
    """
    n, width = neighborhoods.shape
    sampled = np.arange(n)
    wanted = max(MIN_SAMPLED, MAX_PAIRS // width**2)
    if radius is not None and wanted < n:
        order = np.argsort(radius, kind="stable")
        sampled = np.sort(order[((np.arange(wanted) + 0.5) * n / wanted).astype(np.int64)])
    own = None if groups is None else groups[neighborhoods[:, 0]].astype(np.int64)
    columns = (
        neighborhoods
        if own is None
        else np.hstack([neighborhoods, int(neighborhoods.max()) + 1 + own[:, None]])
    )
    others, n_dependent = dependent_rows(
        np.ascontiguousarray(columns), int(columns.max()) + 1, sampled
    )
    return Dependence(sampled, others, n_dependent, n, own, radius)


def standard_error(influence: np.ndarray, dependence: Dependence) -> float:
    """Standard error of the mean of ``influence``, shape (n,), when rows are dependent.

    At least that of independent rows, and that of independent groups where groups are declared.
    """
    n, sampled = len(influence), dependence.sampled
    trend = _density_trend(influence, dependence.radius)
    products = sum_of_products(
        influence - trend, sampled, dependence.others, dependence.n_dependent
    )
    total = products * n / len(sampled) / (1 - min(dependence.dependent_fraction, 0.9))
    variances = [total + float(trend @ trend), float(influence @ influence)]
    if dependence.groups is not None:
        variances.append(n**2 * grouped_standard_error(influence, dependence.groups) ** 2)
    return math.sqrt(max(variances)) / n


def _density_trend(influence: np.ndarray, radius: np.ndarray | None) -> np.ndarray:
    """The part of the influences (n,) that local density explains: a parabola in log radius."""
    if radius is None:
        return np.zeros(len(influence))
    x = np.log(radius / np.median(radius))
    terms = np.stack([np.ones(len(x)), x, x * x], axis=1)
    weights, *_ = np.linalg.lstsq(terms, influence, rcond=None)
    return terms @ weights - influence.mean()


def dependent_neighbours(k: int) -> int:
    """The number of neighbours that make rows dependent, for an estimator that reads k."""
    return max(k * 5 // 4, min(k * 3 // 2, WIDENED))


def group_degrees_of_freedom(groups: np.ndarray | None) -> float:
    """The number of groups minus 1; infinite without groups."""
    return math.inf if groups is None else max(1.0, float(len(np.unique(groups)) - 1))


def dependent_standard_error(influence: np.ndarray, neighborhoods: np.ndarray) -> float:
    """:func:`standard_error`, from the neighbourhood (n, k + 1) of each row."""
    return standard_error(influence, find_dependence(neighborhoods))


def grouped_standard_error(influence: np.ndarray, groups: np.ndarray | None) -> float:
    """Standard error of the mean of ``influence`` when groups are the independent draws."""
    n = len(influence)
    if groups is None:
        return float(influence.std()) / math.sqrt(n)
    sums = np.bincount(groups, weights=influence)
    g = int((np.bincount(groups) > 0).sum())
    return math.sqrt(float(sums @ sums) * g / max(g - 1, 1)) / n


def interval(
    value: float, standard_error: float, level: float, degrees_of_freedom: float = math.inf
) -> tuple[float, float]:
    """The interval around a positive ``value`` whose logarithm has the given standard error.

    By Student's t with that many degrees of freedom; the normal distribution if infinite.
    """
    tail = 0.5 + level / 2
    t = (
        scipy.special.stdtrit(degrees_of_freedom, tail)
        if math.isfinite(degrees_of_freedom)
        else scipy.special.ndtri(tail)
    )
    half_width = float(t) * standard_error
    return value * math.exp(-half_width), value * math.exp(half_width)
