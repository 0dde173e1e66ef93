"""Which rows touched a row in common: loops, compiled for this processor when first used."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def sharers(touched, total, asked):  # type: ignore[no-untyped-def]
    """The rows that each row that is asked shares something with, and how many those are.

    Parameters
    ----------
    touched : ndarray of int64, shape (n, width)
        What each row touched, as numbers below ``total``.
    total : int
    sampled : ndarray of int64, shape (a,)
        Rows.

    Returns
    -------
    others : ndarray of int32, shape (pairs,)
        One list after the other, each row once in a list.
    n_dependent : ndarray of int64, shape (a,)
        How long each list is.
    """
    n, width = touched.shape
    starts = np.zeros(total + 1, np.int64)
    for i in range(n):
        for c in range(width):
            starts[touched[i, c] + 1] += 1
    for number in range(total):
        starts[number + 1] += starts[number]
    ends, holders = starts[:-1].copy(), np.empty(n * width, np.int32)
    for i in range(n):
        for c in range(width):
            number = touched[i, c]
            holders[ends[number]] = i
            ends[number] += 1
    room = 0
    for i in asked:
        for c in range(width):
            room += starts[touched[i, c] + 1] - starts[touched[i, c]]
    others, many = np.empty(room, np.int32), np.zeros(len(asked), np.int64)
    seen, filled = np.full(n, -1), 0
    for place, i in enumerate(asked):
        for c in range(width):
            number = touched[i, c]
            for at in range(starts[number], starts[number + 1]):
                j = holders[at]
                if seen[j] != place:
                    seen[j] = place
                    others[filled] = j
                    filled += 1
                    many[place] += 1
    return others[:filled].copy(), many


@numba.njit(nogil=True, cache=True)
def products(influence, asked, others, many):  # type: ignore[no-untyped-def]
    """The sum over all pairs of :func:`sharers` of the product of their influences."""
    total, at = 0.0, 0
    for place, i in enumerate(asked):
        around = 0.0
        for _ in range(many[place]):
            around += influence[others[at]]
            at += 1
        total += influence[i] * around
    return total
