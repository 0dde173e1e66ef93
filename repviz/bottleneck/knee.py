"""Is there a size at which the error curve bends, or does it fall smoothly?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

MIN_POINTS = 5  # of a range in which a knee is looked for
MAX_RATIO, MIN_SHARE = 2.0, 2 / 3  # of the knees over the ranges, where one is stable: see `knee`


@dataclass(frozen=True)
class Knee:
    """The knee of a curve over every range of sizes that could have been swept.

    Attributes
    ----------
    low, high : float
        The smallest and the largest knee over the ranges; NaN where no range has one.
    ranges, with_knee : int
        The number of ranges of at least five sizes, and of those with a knee.
    stable : bool
        Whether two ranges of three have a knee and it moves by less than a factor of two;
        otherwise the answer is "no knee". One range alone cannot show that it stays: False.
    """

    low: float
    high: float
    ranges: int
    with_knee: int
    stable: bool


def knee(sizes: Sequence[int], errors: Sequence[float]) -> Knee:
    """The knee of an error curve over all ranges of sizes, and whether it is stable.

    A curve that falls smoothly has a "knee" that moves with the range that it is drawn over. So it
    is looked for in every range of consecutive sizes, and is reported only where it stays.

    References
    ----------
    Satopaa, Albrecht, Irwin & Raghavan 2011, ICDCS Workshops ("Kneedle"), in the package kneed.
    """
    from kneed import KneeLocator

    x, y = np.log2(np.asarray(sizes, float)), np.asarray(errors, float)
    ranges = [(a, b) for a, b in combinations(range(len(x) + 1), 2) if b - a >= MIN_POINTS]
    knees = []
    for a, b in ranges:
        at = KneeLocator(x[a:b], y[a:b], curve="convex", direction="decreasing").knee
        if at is not None:
            knees.append(float(round(2.0 ** float(at))))
    if not knees:
        return Knee(float("nan"), float("nan"), len(ranges), 0, False)
    low, high = min(knees), max(knees)
    often = len(ranges) > 1 and len(knees) >= MIN_SHARE * len(ranges)
    stable = often and high / low < MAX_RATIO
    return Knee(low, high, len(ranges), len(knees), stable)
