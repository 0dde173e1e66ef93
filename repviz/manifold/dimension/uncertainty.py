"""Intervals that know that neighbours are shared, and that rows of one group belong together.

Rows that lie together have neighbours in common, so what they say about the dimension is not
independent; an interval that adds up independent variances is too narrow. The sandwich here adds
the products of the influences of every two rows that share a row, or are of one declared group
(augmentations of one image, frames of one film):

    variance of the mean = sum over i, j that share of psi_i psi_j / n^2 / (1 - pairs / n^2)

It is the estimate for locally dependent sums (Conley 1999, "GMM estimation with cross sectional
dependence"; Chen and Shao 2004 for its normal limit). The divisor makes up for the influences'
having their own mean taken off, which takes the mean product off every pair. What the influence
owes to where a row lies, dense or sparse, inside or at an edge, rows do not share: rows are drawn
independently. That part, a parabola in the logarithm of the distance to the farthest neighbour, is
taken for independent, the rest for shared. (Around a row of an even set the ratios of distances do
not depend on the farthest, so that the parabola takes nothing of what is shared.)

Rows whose neighbourhoods overlap depend on each other although no row may lie in the overlap; so
the neighbours that count as shared are some more than an estimator reads (:func:`reach`).

The more neighbours are shared, the fewer are the rows' independent say about the deviation itself;
intervals take Student's t for that, of n^2 / pairs degrees of freedom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.special

from repviz.manifold.dimension.dependence_kernels import products, sharers

PAIRS = 1 << 19  # looked at; beyond them, rows are sampled
FEWEST_ASKED = 1000
FARTHER = 15  # neighbours up to which half as many more count as shared; then a quarter more


@dataclass(frozen=True, eq=False)
class Dependence:
    """Which rows' influences depend on each other.

    Attributes
    ----------
    sampled : ndarray of int64, shape (a,)
        The rows for which this is known: all, or an even sample of them where there are many.
    others : ndarray of int32, shape (pairs,)
        The rows that each row that was asked shares something with, itself included, one after
        the other.
    n_dependent : ndarray of int64, shape (a,)
        How many those are.
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
        """The share of all pairs of rows that depend on each other, in (0, 1]."""
        return len(self.others) / len(self.sampled) / self.n

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the deviation itself, which is estimated: 1 over ``crowded``.

        The sum over pairs has, for normal influences, the relative variance 2 pairs / n^2, that of
        a chi-square with n^2 / pairs degrees. Without it, intervals of estimators that look at many
        neighbours cover 0.90 where they say 0.95.
        """
        return min(1 / self.dependent_fraction, group_freedom(self.groups))


def sharing(
    touched: np.ndarray, radius: np.ndarray | None = None, groups: np.ndarray | None = None
) -> Dependence:
    """Which of n rows share a row that they touched, or a group.

    Parameters
    ----------
    touched : ndarray of int, shape (n, k + 1)
        The rows that each row's influence was computed from: itself and its neighbours.
    radius : ndarray, shape (n,), optional
        The distance to the farthest of them, by which a sample is spread evenly over sparse and
        dense regions, whatever the order of the rows.
    groups : ndarray of int, shape (any number of rows >= touched.max() + 1,), optional
        The declared group of every row that can be touched.
    """
    n, width = touched.shape
    asked = np.arange(n)
    wanted = max(FEWEST_ASKED, PAIRS // width**2)
    if radius is not None and wanted < n:
        order = np.argsort(radius, kind="stable")
        asked = np.sort(order[((np.arange(wanted) + 0.5) * n / wanted).astype(np.int64)])
    own = None if groups is None else groups[touched[:, 0]].astype(np.int64)
    columns = (
        touched if own is None else np.hstack([touched, int(touched.max()) + 1 + own[:, None]])
    )
    others, many = sharers(np.ascontiguousarray(columns), int(columns.max()) + 1, asked)
    return Dependence(asked, others, many, n, own, radius)


def standard_error(influence: np.ndarray, shared: Dependence) -> float:
    """Standard deviation of the mean of ``influence``, shape (n,), when rows depend on each other.

    At least that of independent rows, and of independent groups where groups are declared.
    """
    n, asked = len(influence), shared.sampled
    place = _by_place(influence, shared.radius)
    pairs = products(influence - place, asked, shared.others, shared.n_dependent)
    together = pairs * n / len(asked) / (1 - min(shared.dependent_fraction, 0.9))
    variances = [together + float(place @ place), float(influence @ influence)]
    if shared.groups is not None:
        variances.append(n**2 * grouped_deviation(influence, shared.groups) ** 2)
    return math.sqrt(max(variances)) / n


def _by_place(influence: np.ndarray, radius: np.ndarray | None) -> np.ndarray:
    """What the influences (n,) owe to how dense the set is around the row: a parabola."""
    if radius is None:
        return np.zeros(len(influence))
    x = np.log(radius / np.median(radius))
    terms = np.stack([np.ones(len(x)), x, x * x], axis=1)
    weights, *_ = np.linalg.lstsq(terms, influence, rcond=None)
    return terms @ weights - influence.mean()


def reach(k: int) -> int:
    """How many neighbours make rows depend on each other, of which an estimator reads k."""
    return max(k * 5 // 4, min(k * 3 // 2, FARTHER))


def group_freedom(groups: np.ndarray | None) -> float:
    """One degree of freedom less than there are groups; no end of them where there are none."""
    return math.inf if groups is None else max(1.0, float(len(np.unique(groups)) - 1))


def shared_deviation(influence: np.ndarray, touched: np.ndarray) -> float:
    """:func:`deviation` of all rows, from the rows (n, k + 1) that each influence touched."""
    return standard_error(influence, sharing(touched))


def grouped_deviation(influence: np.ndarray, groups: np.ndarray | None) -> float:
    """Standard deviation of the mean of ``influence`` when whole groups are independent draws."""
    n = len(influence)
    if groups is None:
        return float(influence.std()) / math.sqrt(n)
    sums = np.bincount(groups, weights=influence)
    g = int((np.bincount(groups) > 0).sum())
    return math.sqrt(float(sums @ sums) * g / max(g - 1, 1)) / n


def interval(
    value: float, deviation: float, level: float, freedom: float = math.inf
) -> tuple[float, float]:
    """The interval around a positive ``value`` whose logarithm has the given standard deviation.

    By Student's t of ``freedom`` degrees, the normal distribution where there is no end of them.
    """
    tail = 0.5 + level / 2
    t = (
        scipy.special.stdtrit(freedom, tail)
        if math.isfinite(freedom)
        else scipy.special.ndtri(tail)
    )
    reach = float(t) * deviation
    return value * math.exp(-reach), value * math.exp(reach)
