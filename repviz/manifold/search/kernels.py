"""Loops of the neighbour search, compiled for this processor at first use.

Each runs without the interpreter's lock, on the rows from ``begin`` to ``end``, so that threads
share one array. float32 only proposes candidates: :func:`rank` decides in float64, from
differences, so that equal rows are at distance 0.
"""

from __future__ import annotations

import numba
import numpy as np

_compiled = numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
CHUNK = 64  # products compared together, which the compiler vectorises
FAR = np.float32(1e30)  # farther than any two rows


@_compiled
def column_statistics(X, scale, begin, end, sums, low, high):  # type: ignore[no-untyped-def]
    """Add each column's sum to ``sums`` and widen [low, high] by its values, rows times scale."""
    for i in range(begin, end):
        factor = scale[i]
        for j in range(X.shape[1]):
            x = factor * np.float64(X[i, j])
            sums[j] += x
            low[j] = min(low[j], x)
            high[j] = max(high[j], x)


@_compiled
def centre_rows(X, scale, centre, unit, begin, end, out, sizes):  # type: ignore[no-untyped-def]
    """Write the centred and scaled rows to ``out``, and their squared lengths to ``sizes``."""
    for i in range(begin, end):
        factor, size = scale[i], np.float32(0)
        for j in range(X.shape[1]):
            x = np.float32((factor * np.float64(X[i, j]) - centre[j]) * unit)
            out[i - begin, j] = x
            size += x * x
        sizes[i - begin] = size


@_compiled
def select_smallest(values, numbers, count, keep):  # type: ignore[no-untyped-def]
    """Move the ``keep`` smallest of the first ``count`` values to the front; return the largest."""
    low, high, place = 0, count - 1, keep - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                numbers[i], numbers[j] = numbers[j], numbers[i]
                i += 1
                j -= 1
        if place <= j:
            high = j
        elif place >= i:
            low = i
        else:
            break
    return values[place]


@_compiled
def update_lists(products, sizes, first, keep, bound, count, values, numbers):  # type: ignore[no-untyped-def]
    """Add rows nearer than each list's bound to the list; the bound falls as the list fills up.

    Parameters
    ----------
    products : ndarray of float32, shape (a, b)
        Inner products of a rows with b others, b a multiple of ``CHUNK``.
    sizes : ndarray of float32, shape (b,)
        Squared lengths of the others; less twice the product, squared distances up to the row's own
        length.
    first : int
        Index of the first of the others.
    keep : int
        How many nearest rows each list must retain.
    bound : ndarray of float32, shape (a,)
        Values at or above it are not among them.
    count : ndarray of int64, shape (a,)
        Length of each list.
    values, numbers : ndarray, shape (a, more than keep + CHUNK)
        The lists: squared distances as above, and which row.
    """
    room = values.shape[1] - CHUNK
    for i in range(products.shape[0]):
        limit, filled = bound[i], count[i]
        list_values, list_numbers = values[i], numbers[i]
        for start in range(0, products.shape[1], CHUNK):
            size, product = sizes[start : start + CHUNK], products[i, start : start + CHUNK]
            nearer = np.float32(0)
            for j in range(CHUNK):
                nearer += max(limit - (size[j] - np.float32(2) * product[j]), np.float32(0))
            if nearer > 0:
                for j in range(CHUNK):  # branch-free: values not kept are overwritten
                    value = size[j] - np.float32(2) * product[j]
                    list_values[filled], list_numbers[filled] = value, first + start + j
                    filled += value < limit
                if filled >= room:
                    limit, filled = select_smallest(list_values, list_numbers, filled, keep), keep
        bound[i], count[i] = limit, filled


@_compiled
def transpose(products, begin, end, out):  # type: ignore[no-untyped-def]
    """Write columns ``begin`` to ``end`` of the products as rows, tile by tile."""
    side = 16
    for a in range(0, products.shape[0], side):
        for b in range(begin, end, side):
            for i in range(a, a + side):
                for j in range(b, b + side):
                    out[j - begin, i] = products[i, j]


@_compiled
def finish_lists(values, numbers, count, keep, bound, begin, end):  # type: ignore[no-untyped-def]
    """Move each list's ``keep`` nearest to the front, and set the bound to the farthest of them."""
    for i in range(begin, end):
        bound[i] = select_smallest(values[i], numbers[i], count[i], keep)


@_compiled
def squared_distance(one, scale, i, other, scales, j):  # type: ignore[no-untyped-def]
    """The squared distance of row i of one matrix and row j of another, from differences."""
    squared = 0.0
    for f in range(one.shape[1]):
        gap = scale[i] * np.float64(one[i, f]) - scales[j] * np.float64(other[j, f])
        squared += gap * gap
    return squared


@_compiled
def pair_distances(one, scale, rows_one, other, scales, rows_other, begin, end, out):  # type: ignore[no-untyped-def]
    """Squared distances of rows ``rows_one`` of one matrix and ``rows_other`` of another."""
    for p in range(begin, end):
        out[p] = squared_distance(one, scale, rows_one[p], other, scales, rows_other[p])


@_compiled
def rank(one, scale, other, scales, proposed, begin, end, indices, squared):  # type: ignore[no-untyped-def]
    """Rank the candidates of each row by distance, ties by row number."""
    n_candidates, k = proposed.shape[1], indices.shape[1]
    far, candidates = np.empty(n_candidates), np.empty(n_candidates, np.int64)
    for i in range(begin, end):
        for c in range(n_candidates):
            candidates[c] = proposed[i, c]
            far[c] = squared_distance(one, scale, i, other, scales, candidates[c])
        gap = n_candidates // 2
        while gap > 0:  # Shell's sort, by steps of about 2.2 (Gonnet, Baeza-Yates 1991)
            for c in range(gap, n_candidates):
                distance, row, place = far[c], candidates[c], c
                while place >= gap and (
                    far[place - gap] > distance
                    or (far[place - gap] == distance and candidates[place - gap] > row)
                ):
                    far[place], candidates[place] = far[place - gap], candidates[place - gap]
                    place -= gap
                far[place], candidates[place] = distance, row
            gap = 1 if gap == 2 else int(gap / 2.2)
        indices[i], squared[i] = candidates[:k], far[:k]


@_compiled
def count_within(products, sizes, own, certain, doubtful, counts, rows, others):  # type: ignore[no-untyped-def]
    """Count others nearer than ``certain``, list those from there to ``doubtful``, return how many.

    Parameters
    ----------
    products : ndarray of float32, shape (a, b)
        Products of the queries with the others, as for :func:`update_lists`.
    sizes, own : ndarray of float32, shapes (b,) and (a,)
        Squared lengths of the others and of the rows.
    certain, doubtful : ndarray of float32, shape (a,)
        Squared distances; float32 may take one below ``certain`` for one above ``doubtful`` or not.
    counts : ndarray of int64, shape (a,)
        Added to.
    rows, others : ndarray of int64, shape (a * b,)
        Where the list is written.
    """
    n_listed = 0
    for i in range(products.shape[0]):
        nearer, limit = certain[i] - own[i], doubtful[i] - own[i]
        for start in range(0, products.shape[1], CHUNK):
            size, product = sizes[start : start + CHUNK], products[i, start : start + CHUNK]
            below = np.float32(0)
            for j in range(CHUNK):
                below += max(limit - (size[j] - np.float32(2) * product[j]), np.float32(0))
            if below > 0:
                for j in range(CHUNK):
                    value = size[j] - np.float32(2) * product[j]
                    if value < nearer:
                        counts[i] += 1
                    elif value < limit:
                        rows[n_listed], others[n_listed] = i, start + j
                        n_listed += 1
    return n_listed
