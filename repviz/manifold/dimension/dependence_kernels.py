"""Pairs of rows with a neighbour in common: loops, compiled by numba on first use."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def dependent_rows(neighborhoods, total, sampled):  # type: ignore[no-untyped-def]
    """For each sampled row, the rows that have a neighbour in common with it.

    Parameters
    ----------
    neighborhoods : ndarray of int64, shape (n, width)
        The neighbourhood of each row, as indices below ``total``.
    total : int
        The number of indices.
    sampled : ndarray of int64, shape (a,)
        The rows whose dependence is computed.

    Returns
    -------
    others : ndarray of int32, shape (pairs,)
        The lists of the sampled rows, concatenated; each row occurs once in a list.
    n_dependent : ndarray of int64, shape (a,)
        The length of each list.
    """
    n, width = neighborhoods.shape
    starts = np.zeros(total + 1, np.int64)
    for i in range(n):
        for c in range(width):
            starts[neighborhoods[i, c] + 1] += 1
    for number in range(total):
        starts[number + 1] += starts[number]
    ends, members = starts[:-1].copy(), np.empty(n * width, np.int32)
    for i in range(n):
        for c in range(width):
            number = neighborhoods[i, c]
            members[ends[number]] = i
            ends[number] += 1
    capacity = 0
    for i in sampled:
        for c in range(width):
            capacity += starts[neighborhoods[i, c] + 1] - starts[neighborhoods[i, c]]
    others, n_dependent = np.empty(capacity, np.int32), np.zeros(len(sampled), np.int64)
    last_seen, length = np.full(n, -1), 0
    for place, i in enumerate(sampled):
        for c in range(width):
            number = neighborhoods[i, c]
            for at in range(starts[number], starts[number + 1]):
                j = members[at]
                if last_seen[j] != place:
                    last_seen[j] = place
                    others[length] = j
                    length += 1
                    n_dependent[place] += 1
    return others[:length].copy(), n_dependent


@numba.njit(nogil=True, cache=True)
def sum_of_products(influence, sampled, others, n_dependent):  # type: ignore[no-untyped-def]
    """The sum of the products of the influences over all pairs of :func:`dependent_rows`."""
    total, at = 0.0, 0
    for place, i in enumerate(sampled):
        around = 0.0
        for _ in range(n_dependent[place]):
            around += influence[others[at]]
            at += 1
        total += influence[i] * around
    return total
