"""Loops of the neighbour search, compiled for this processor when they are first used.

Each runs without the interpreter's lock, on the rows from ``begin`` to ``end``, so that threads
share one array. What float32 finds is a proposal only: :func:`ranked` decides in float64, from
differences, so that equal rows are at distance 0.
"""

from __future__ import annotations

import numba
import numpy as np

_compiled = numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
CHUNK = 64  # products that are looked at together; the compiler makes a few instructions of them
FAR = np.float32(1e30)  # farther than any two rows


@_compiled
def survey(X, scale, begin, end, sums, low, high):  # type: ignore[no-untyped-def]
    """Add each column's sum to ``sums`` and widen [low, high] by its values, rows times scale."""
    for i in range(begin, end):
        factor = scale[i]
        for j in range(X.shape[1]):
            x = factor * np.float64(X[i, j])
            sums[j] += x
            low[j] = min(low[j], x)
            high[j] = max(high[j], x)


@_compiled
def centred(X, scale, centre, unit, begin, end, out, sizes):  # type: ignore[no-untyped-def]
    """Write the rows, less the centre and over the unit, to ``out`` and their squared lengths."""
    for i in range(begin, end):
        factor, size = scale[i], np.float32(0)
        for j in range(X.shape[1]):
            x = np.float32((factor * np.float64(X[i, j]) - centre[j]) * unit)
            out[i - begin, j] = x
            size += x * x
        sizes[i - begin] = size


@_compiled
def smallest(values, numbers, count, keep):  # type: ignore[no-untyped-def]
    """Bring the ``keep`` smallest of the first ``count`` values forward, and give the largest."""
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
def gather(products, sizes, first, keep, bound, count, values, numbers):  # type: ignore[no-untyped-def]
    """Take in what lies nearer than each row's bound, which falls as its list fills up.

    Parameters
    ----------
    products : ndarray of float32, shape (a, b)
        Inner products of a rows with b others, b a multiple of ``CHUNK``.
    sizes : ndarray of float32, shape (b,)
        Squared lengths of the others; less twice the product, squared distances up to the row's own
        length.
    first : int
        The number of the first of the others.
    keep : int
        How many of the nearest a row must keep.
    bound : ndarray of float32, shape (a,)
        What is not below it is not among them.
    count : ndarray of int64, shape (a,)
        How long each list is.
    values, numbers : ndarray, shape (a, more than keep + CHUNK)
        The lists: squared distances as above, and which row.
    """
    room = values.shape[1] - CHUNK
    for i in range(products.shape[0]):
        limit, filled = bound[i], count[i]
        mine, who = values[i], numbers[i]
        for start in range(0, products.shape[1], CHUNK):
            size, product = sizes[start : start + CHUNK], products[i, start : start + CHUNK]
            nearer = np.float32(0)
            for j in range(CHUNK):
                nearer += max(limit - (size[j] - np.float32(2) * product[j]), np.float32(0))
            if nearer > 0:
                for j in range(CHUNK):  # without a branch: each is written, few are kept
                    value = size[j] - np.float32(2) * product[j]
                    mine[filled], who[filled] = value, first + start + j
                    filled += value < limit
                if filled >= room:
                    limit, filled = smallest(mine, who, filled, keep), keep
        bound[i], count[i] = limit, filled


@_compiled
def turned(products, begin, end, out):  # type: ignore[no-untyped-def]
    """Write columns ``begin`` to ``end`` of the products as rows, tile by tile."""
    side = 16
    for a in range(0, products.shape[0], side):
        for b in range(begin, end, side):
            for i in range(a, a + side):
                for j in range(b, b + side):
                    out[j - begin, i] = products[i, j]


@_compiled
def settled(values, numbers, count, keep, bound, begin, end):  # type: ignore[no-untyped-def]
    """Leave each list's ``keep`` nearest in front, and the bound at the farthest of them."""
    for i in range(begin, end):
        bound[i] = smallest(values[i], numbers[i], count[i], keep)


@_compiled
def apart(one, scale, i, other, scales, j):  # type: ignore[no-untyped-def]
    """The squared distance of row i of one matrix and row j of another, from differences."""
    squared = 0.0
    for f in range(one.shape[1]):
        gap = scale[i] * np.float64(one[i, f]) - scales[j] * np.float64(other[j, f])
        squared += gap * gap
    return squared


@_compiled
def pairs_apart(one, scale, asking, other, scales, asked, begin, end, out):  # type: ignore[no-untyped-def]
    """Squared distances of pairs, row ``asking[p]`` of one matrix and ``asked[p]`` of another."""
    for p in range(begin, end):
        out[p] = apart(one, scale, asking[p], other, scales, asked[p])


@_compiled
def ranked(one, scale, other, scales, proposed, begin, end, indices, squared):  # type: ignore[no-untyped-def]
    """Rank what was proposed to each row by distance, and by number where distances are equal."""
    many, k = proposed.shape[1], indices.shape[1]
    far, who = np.empty(many), np.empty(many, np.int64)
    for i in range(begin, end):
        for c in range(many):
            far[c], who[c] = apart(one, scale, i, other, scales, proposed[i, c]), proposed[i, c]
        gap = many // 2
        while gap > 0:  # Shell's sort, by steps of about 2.2 (Gonnet, Baeza-Yates 1991)
            for c in range(gap, many):
                distance, row, place = far[c], who[c], c
                while place >= gap and (
                    far[place - gap] > distance
                    or (far[place - gap] == distance and who[place - gap] > row)
                ):
                    far[place], who[place] = far[place - gap], who[place - gap]
                    place -= gap
                far[place], who[place] = distance, row
            gap = 1 if gap == 2 else int(gap / 2.2)
        indices[i], squared[i] = who[:k], far[:k]


@_compiled
def within(products, sizes, own, sure, doubted, counts, rows, others):  # type: ignore[no-untyped-def]
    """Count others nearer than ``sure``, and list those from there to ``doubted``; give how many.

    Parameters
    ----------
    products : ndarray of float32, shape (a, b)
        Of the rows that ask with the others, as for :func:`gather`.
    sizes, own : ndarray of float32, shapes (b,) and (a,)
        Squared lengths of the others and of the rows.
    sure, doubted : ndarray of float32, shape (a,)
        Squared distances; float32 may take one below ``sure`` for one above ``doubted`` or not.
    counts : ndarray of int64, shape (a,)
        Added to.
    rows, others : ndarray of int64, shape (a * b,)
        Where the list is written.
    """
    listed = 0
    for i in range(products.shape[0]):
        nearer, limit = sure[i] - own[i], doubted[i] - own[i]
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
                        rows[listed], others[listed] = i, start + j
                        listed += 1
    return listed
