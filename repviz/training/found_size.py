"""The criterion by which trainings find a code size.

The size is the smallest length of code with which the squared error of the validation images
exceeds that of the complete code by at most :data:`TOLERANCE` of their variance.
"""

from __future__ import annotations

from collections.abc import Callable

TOLERANCE = 0.01  # of the validation images' variance


def smallest_size(error: Callable[[int], float], largest: int, allowed: float) -> int | None:
    """The smallest size, from 0 to ``largest``, whose error is at most ``allowed``; by bisection.

    Where the error does not fall with the size, it is one whose next smaller size has a larger
    error. None where even the largest has.
    """
    if error(largest) > allowed:
        return None
    low, high = -1, largest  # the error of low is above what is allowed, that of high is not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= allowed else (middle, high)
    return high
