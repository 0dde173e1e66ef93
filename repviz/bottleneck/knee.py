"""Is there a size at which the error curve bends, or does it fall smoothly?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

LEAST_POINTS, SPAN, AGREED = 5, 2.0, 2 / 3  # of a knee: see :func:`knee`


@dataclass(frozen=True)
class Knee:
    """Where a curve bends, over every range of sizes that could have been swept.

    Attributes
    ----------
    low, high : float
        The smallest and the largest knee over the ranges; NaN where none was found.
    ranges, found : int
        How many ranges of at least five sizes there are, and in how many there is a knee.
    stands : bool
        Whether the knee is there in two ranges of three and moves by less than a factor of two;
        otherwise the answer is "no knee".
    """

    low: float
    high: float
    ranges: int
    found: int
    stands: bool


def knee(sizes: Sequence[int], errors: Sequence[float]) -> Knee:
    """The knee of an error curve with its band, or none.

    A curve that falls smoothly has a "knee" that moves with the range it is drawn over. So it is
    looked for in every range of consecutive sizes, and stands only where it keeps its place.

    References
    ----------
    Satopaa, Albrecht, Irwin & Raghavan 2011, ICDCS Workshops ("Kneedle"), in the package kneed.
    """
    from kneed import KneeLocator

    x, y = np.log2(np.asarray(sizes, float)), np.asarray(errors, float)
    ranges = [(a, b) for a, b in combinations(range(len(x) + 1), 2) if b - a >= LEAST_POINTS]
    found = []
    for a, b in ranges:
        at = KneeLocator(x[a:b], y[a:b], curve="convex", direction="decreasing").knee
        if at is not None:
            found.append(2.0 ** float(at))
    if not found:
        return Knee(float("nan"), float("nan"), len(ranges), 0, False)
    low, high = min(found), max(found)
    stands = len(found) >= AGREED * len(ranges) and high / low < SPAN
    return Knee(low, high, len(ranges), len(found), stands)
