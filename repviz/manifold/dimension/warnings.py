"""Warnings: reasons to doubt an estimate, one sentence each."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from repviz.manifold.dimension.distinct import NEAR_DUPLICATE_RATIO, Distinct
from repviz.manifold.neighbors import Neighbors

MAX_TIES = 0.02  # fraction of rows; continuous data have none
ROUNDING = 0.2  # rounding noise, as a fraction of the nearest distance
MAX_SKEW = 0.25  # log ratio of the median and the mean estimate, beyond chance
SAMPLE = 65_536  # values that are tested for lying on a grid
LEVELS = 256
OUTLIER_RATIO = 30  # times the median distance to the nearest row
ADJACENT, BY_CHANCE = 2, 0.15  # row numbers apart; fraction of the rows for which it is chance
DOMINANT_SHARE = 0.5  # fraction of the variance that one row may account for


def graph_warnings(graph: Neighbors, rows: Distinct) -> tuple[str, ...]:
    """A sentence for each property of the neighbour graph that biases local estimators.

    Parameters
    ----------
    graph : Neighbors
        The graph.
    rows : Distinct
        The distinct rows and neighbours that the estimator used.
    """
    sentences = (
        _duplicates(graph, rows),
        _near_duplicate_pairs(graph, rows),
        _ties(rows),
        _rounding(graph, rows),
        _skew(rows),
        _outliers(rows),
        _adjacent_rows(graph, rows),
    )
    return tuple(sentence for sentence in sentences if sentence)


def _duplicates(graph: Neighbors, rows: Distinct) -> str:
    if graph.duplicates == 0:
        return ""
    dropped = f"; {rows.dropped} were left out for lack of neighbours" if rows.dropped else ""
    return (
        f"{graph.duplicates} of {graph.n} rows have an identical copy: each was counted once"
        f"{dropped}."
    )


def _near_duplicate_pairs(graph: Neighbors, rows: Distinct) -> str:
    if rows.near_duplicates == 0:
        return ""
    return (
        f"{rows.near_duplicates} of {graph.n} rows have a near duplicate, {NEAR_DUPLICATE_RATIO:g} "
        "times nearer than the next row: each such pair was counted once."
    )


def _ties(rows: Distinct) -> str:
    tied, n = int((rows.distances[:, 0] == rows.distances[:, 1]).sum()), len(rows.distances)
    if tied <= MAX_TIES * n:
        return ""
    return (
        f"{tied} of {n} rows have two nearest neighbours at exactly the same distance: the values "
        "are coarse, which biases the estimate."
    )


def _rounding(graph: Neighbors, rows: Distinct) -> str:
    """Warnings of rounded values: a grid of step s adds noise of variance s^2 / 12 to each."""
    if "grid step" not in graph.cache:
        graph.cache["grid step"] = _grid_step(graph.X) if graph.metric == "euclidean" else 0.0
    step = graph.cache["grid step"]
    noise = step * math.sqrt(graph.d / 6)
    nearest = float(np.median(rows.distances[:, 0]))
    if noise <= ROUNDING * nearest:
        return ""
    return (
        f"the values are rounded to steps of {step:.3g}, which alone puts rows {noise:.3g} apart "
        f"where the nearest lie {nearest:.3g} apart: the estimate is biased upwards."
    )


def _grid_step(X: np.ndarray) -> float:
    """The step of the grid that the values lie on, 0 where there is none."""
    # Random positions: at regular steps all of them might lie on a black image border.
    rows, columns = np.random.default_rng(0).integers(0, X.shape, (SAMPLE, 2)).T
    sample = X[rows, columns]
    levels = np.unique(sample)
    return float(np.diff(levels).min()) if 1 < len(levels) <= LEVELS else 0.0


def _skew(rows: Distinct) -> str:
    """Warnings of uneven density: log(r2 / r1) is exponential where it is uniform."""
    ratios = np.log(rows.distances[:, 1] / rows.distances[:, 0])
    middle, mean = float(np.median(ratios)), float(ratios.mean())
    if middle == 0:
        return ""  # half the rows are tied, of which another warning tells
    by_middle, by_mean = math.log(2) / middle, 1 / mean
    chance = 4 / math.sqrt(len(ratios))
    if abs(math.log(by_middle / by_mean)) <= MAX_SKEW + chance:
        return ""
    return (
        f"the median row gives {by_middle / by_mean:.3g} times the estimate of all rows: near "
        "duplicates, clusters, or a dimension that varies over the set."
    )


def _outliers(rows: Distinct) -> str:
    nearest = rows.distances[:, 0]
    middle = float(np.median(nearest))
    far = int((nearest > OUTLIER_RATIO * middle).sum())
    if far == 0:
        return ""
    return (
        f"{far} of {len(nearest)} rows lie more than {OUTLIER_RATIO} times farther from their "
        "nearest row than the median row does: outliers, which affect methods that use angles or "
        "variances most."
    )


def _adjacent_rows(graph: Neighbors, rows: Distinct) -> str:
    """Warnings of dependent rows: frames of a video are adjacent, in the file and in space."""
    if graph.groups is not None:
        return ""
    own, nearest = rows.representatives[rows.neighborhoods[:, :2]].T
    share = float((np.abs(own - nearest) <= ADJACENT).mean())
    if share <= BY_CHANCE + 3 * 2 * ADJACENT / graph.n:
        return ""
    return (
        f"{100 * share:.0f} % of the rows have their nearest row within {ADJACENT} rows before or "
        "after them: if these are frames of one video or augmentations of one image, the interval "
        "is too narrow. Declare the groups: groups=."
    )


def matrix_warnings(X: np.ndarray) -> tuple[str, ...]:
    """A sentence for each property of the rows that biases global methods."""
    found = []
    contents = Counter(hashlib.sha256((row + 0.0).tobytes()).digest() for row in X)  # -0.0 is 0.0
    copies = sum(count for count in contents.values() if count > 1)
    if copies:
        found.append(f"{copies} of {len(X)} rows have an identical copy: every copy was counted.")
    spread = np.concatenate([np.square(part).sum(axis=1) for part in _centred(X)])
    first = int(spread.argmax())
    if spread[first] > DOMINANT_SHARE * spread.sum():
        share = 100 * spread[first] / spread.sum()
        found.append(
            f"row {first} alone accounts for {share:.3g} % of the variance: an outlier that "
            "dominates the estimate."
        )
    return tuple(found)


def _centred(X: np.ndarray) -> Iterator[np.ndarray]:
    mean = X.mean(axis=0, dtype=np.float64)
    step = max(1, SAMPLE // X.shape[1])
    return (X[start : start + step] - mean for start in range(0, len(X), step))
