"""Reasons to doubt an estimate, each said in a sentence."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from repviz.manifold.dimension.distinct import NEAR_DUPLICATE_RATIO, Distinct
from repviz.manifold.neighbors import Neighbors

MANY_TIES = 0.02  # share of rows; rows of real numbers have none
ROUNDING = 0.2  # noise of rounding, as a share of the nearest distance
SKEW = 0.25  # how far the middle row and all rows may differ, beyond chance
SAMPLE = 65_536  # values that are looked at to see whether they lie on a grid
LEVELS = 256
LONELY = 30  # times the middle distance to the nearest row
BESIDE, USUAL = 2, 0.15  # places from a row to its nearest; share of rows for which that is chance
HOLDS = 0.5  # share of the variance that one row may hold


def graph_warnings(graph: Neighbors, rows: Distinct) -> tuple[str, ...]:
    """A sentence for each thing in the neighbour graph that misleads an estimator of distances.

    Parameters
    ----------
    graph : Neighbors
        The graph.
    rows : Distinct
        What the estimator used of it.
    """
    found = (
        _duplicates(graph, rows),
        _near_copies(graph, rows),
        _ties(rows),
        _rounding(graph, rows),
        _skew(rows),
        _apart(rows),
        _in_a_row(graph, rows),
    )
    return tuple(sentence for sentence in found if sentence)


def _duplicates(graph: Neighbors, rows: Distinct) -> str:
    if graph.duplicates == 0:
        return ""
    dropped = f", and {rows.dropped} left out for want of others" if rows.dropped else ""
    return (
        f"{graph.duplicates} of {graph.n} rows have an identical copy: each was counted once"
        f"{dropped}."
    )


def _near_copies(graph: Neighbors, rows: Distinct) -> str:
    if rows.alike == 0:
        return ""
    return (
        f"{rows.alike} of {graph.n} rows have a near copy, {NEAR_DUPLICATE_RATIO:g} times nearer "
        f"than the next "
        "row: such rows were counted once."
    )


def _ties(rows: Distinct) -> str:
    tied, n = int((rows.distances[:, 0] == rows.distances[:, 1]).sum()), len(rows.distances)
    if tied <= MANY_TIES * n:
        return ""
    return (
        f"{tied} of {n} rows have two nearest neighbours at the very same distance: "
        "the values are coarse, which bends the estimate."
    )


def _rounding(graph: Neighbors, rows: Distinct) -> str:
    """Values on a grid of step s carry noise of variance s^2 / 12, twice that in a difference."""
    if "grid step" not in graph.made:
        graph.made["grid step"] = _grid_step(graph.X) if graph.metric == "euclidean" else 0.0
    step = graph.made["grid step"]
    noise = step * math.sqrt(graph.d / 6)
    nearest = float(np.median(rows.distances[:, 0]))
    if noise <= ROUNDING * nearest:
        return ""
    return (
        f"the values are rounded to steps of {step:.3g}, which alone puts rows {noise:.3g} apart "
        f"where the nearest lie {nearest:.3g} apart: the estimate reads high."
    )


def _grid_step(X: np.ndarray) -> float:
    """The step of the grid that the values lie on, 0 where there is none."""
    # Places by chance: in equal steps a picture's edge, black or cut out, might be all of them.
    rows, columns = np.random.default_rng(0).integers(0, X.shape, (SAMPLE, 2)).T
    sample = X[rows, columns]
    levels = np.unique(sample)
    return float(np.diff(levels).min()) if 1 < len(levels) <= LEVELS else 0.0


def _skew(rows: Distinct) -> str:
    """The middle row against the mean of all: log(r2 / r1) is exponential where the set is even."""
    ratios = np.log(rows.distances[:, 1] / rows.distances[:, 0])
    middle, mean = float(np.median(ratios)), float(ratios.mean())
    if middle == 0:
        return ""  # half the rows are tied, and said to be
    by_middle, by_mean = math.log(2) / middle, 1 / mean
    chance = 4 / math.sqrt(len(ratios))
    if abs(math.log(by_middle / by_mean)) <= SKEW + chance:
        return ""
    return (
        f"the middle row reads {by_middle / by_mean:.3g} times what all rows together read: near "
        "copies, clusters or a dimension that differs from place to place."
    )


def _apart(rows: Distinct) -> str:
    nearest = rows.distances[:, 0]
    middle = float(np.median(nearest))
    far = int((nearest > LONELY * middle).sum())
    if far == 0:
        return ""
    return (
        f"{far} of {len(nearest)} rows lie more than {LONELY} times farther from their nearest row "
        "than the middle row does: outliers, which methods that weigh angles or spread see most."
    )


def _in_a_row(graph: Neighbors, rows: Distinct) -> str:
    """Frames of a film and augmentations of an image lie side by side, in the file and in space."""
    if graph.groups is not None:
        return ""
    own, nearest = rows.first[rows.touched[:, :2]].T
    share = float((np.abs(own - nearest) <= BESIDE).mean())
    if share <= USUAL + 3 * 2 * BESIDE / graph.n:
        return ""
    return (
        f"{100 * share:.0f} % of the rows have their nearest row within {BESIDE} places before or "
        "after them: if these are frames of one film or changes of one image, the interval is too "
        "narrow. Say what belongs together: groups=."
    )


def matrix_warnings(X: np.ndarray) -> tuple[str, ...]:
    """A sentence for each thing in the rows that misleads a method that looks at all of them."""
    found = []
    contents = Counter(hashlib.sha256((row + 0.0).tobytes()).digest() for row in X)  # -0.0 is 0.0
    copies = sum(count for count in contents.values() if count > 1)
    if copies:
        found.append(
            f"{copies} of {len(X)} rows have an identical copy: each was counted as often as it "
            "occurs."
        )
    spread = np.concatenate([np.square(part).sum(axis=1) for part in _centred(X)])
    first = int(spread.argmax())
    if spread[first] > HOLDS * spread.sum():
        share = 100 * spread[first] / spread.sum()
        found.append(
            f"row {first} alone holds {share:.3g} % of the variance: an outlier, beside which the "
            "others hardly count."
        )
    return tuple(found)


def _centred(X: np.ndarray) -> Iterator[np.ndarray]:
    mean = X.mean(axis=0, dtype=np.float64)
    step = max(1, SAMPLE // X.shape[1])
    return (X[start : start + step] - mean for start in range(0, len(X), step))
