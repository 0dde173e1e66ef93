"""Local response normalisation on a CPU, compiled for this processor when it is first used.

Each value is read once, worked on in the nearest cache and written once. There is a pair of kernels
(forward, backward) for each order of the axes in memory, so that nothing is copied into another.

    s[i] = k + alpha * sum of x[j]**2 over the n channels j around i
    y[i] = x[i] s[i]**-beta
    dx[i] = g[i] s[i]**-beta - 2 alpha beta x[i] * sum of g[j] x[j] s[j]**(-beta - 1)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

# Not nnan and ninf: a loss that is no number any more must stay visible.
_compiled = numba.njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
BLOCK = 256  # pixels of every channel at a time, where the channels lie apart

Kernels = tuple[Callable[..., None], Callable[..., None]]


@cache
def kernels(n: int, beta: float, channels_last: bool) -> Kernels:
    """Forward ``(x, y, alpha, k)`` and backward ``(x, g, dx, alpha, k)``.

    Parameters
    ----------
    n : int
        Channels in the sum; odd.
    beta : float
        The power.
    channels_last : bool
        Whether the arrays are (pixels, channels), or (images, channels, pixels).
    """
    return (_by_pixel if channels_last else _by_channel)(n, _root(beta), beta)


def _root(beta: float) -> Any:
    """The function s -> s**-beta."""
    if beta == 0.75:  # sqrt(1/s) sqrt(sqrt(1/s)): roots are vectorised, powers are not

        @_compiled
        def root(s):  # type: ignore[no-untyped-def]
            r = np.sqrt(1 / s)
            return r * np.sqrt(r)
    else:

        @_compiled
        def root(s):  # type: ignore[no-untyped-def]
            return s**-beta

    return root


def _by_pixel(n: int, root: Any, beta: float) -> Kernels:
    half = n // 2

    @_compiled
    def norms(row, padded, s, alpha, k):  # type: ignore[no-untyped-def]
        for i in range(len(row)):
            padded[half + i] = row[i] * row[i]
        for i in range(len(row)):
            total = padded[i]
            for d in range(1, n):
                total += padded[i + d]
            s[i] = k + alpha * total

    @_compiled
    def forward(x, y, alpha, k):  # type: ignore[no-untyped-def]
        c = x.shape[1]
        padded, s = np.zeros(c + n, x.dtype), np.empty(c, x.dtype)
        for p in range(len(x)):
            row, out = x[p], y[p]
            norms(row, padded, s, alpha, k)
            for i in range(c):
                out[i] = row[i] * root(s[i])

    @_compiled
    def backward(x, g, dx, alpha, k):  # type: ignore[no-untyped-def]
        c = x.shape[1]
        padded, s = np.zeros(c + n, x.dtype), np.empty(c, x.dtype)
        inner = np.zeros(c + n, x.dtype)
        factor = x.dtype.type(2 * beta) * alpha
        for p in range(len(x)):
            row, gradient, out = x[p], g[p], dx[p]
            norms(row, padded, s, alpha, k)
            for i in range(c):
                straight = gradient[i] * root(s[i])
                out[i] = straight
                inner[half + i] = straight * row[i] / s[i]
            for i in range(c):
                total = inner[i]
                for d in range(1, n):
                    total += inner[i + d]
                out[i] -= factor * row[i] * total

    return forward, backward


def _by_channel(n: int, root: Any, beta: float) -> Kernels:
    half = n // 2

    @_compiled
    def squares(image, start, width, padded):  # type: ignore[no-untyped-def]
        for i in range(len(image)):
            row, square = image[i, start : start + width], padded[half + i]
            for p in range(width):
                square[p] = row[p] * row[p]

    @_compiled
    def norms(padded, i, width, s, alpha, k):  # type: ignore[no-untyped-def]
        for p in range(width):
            total = padded[i, p]
            for d in range(1, n):
                total += padded[i + d, p]
            s[p] = k + alpha * total

    @_compiled
    def forward(x, y, alpha, k):  # type: ignore[no-untyped-def]
        images, c, pixels = x.shape
        padded, s = np.zeros((c + n, BLOCK), x.dtype), np.empty(BLOCK, x.dtype)
        for image in range(images):
            for start in range(0, pixels, BLOCK):
                width = min(BLOCK, pixels - start)
                squares(x[image], start, width, padded)
                for i in range(c):
                    norms(padded, i, width, s, alpha, k)
                    row, out = x[image, i, start:], y[image, i, start:]
                    for p in range(width):
                        out[p] = row[p] * root(s[p])

    @_compiled
    def backward(x, g, dx, alpha, k):  # type: ignore[no-untyped-def]
        images, c, pixels = x.shape
        padded, s = np.zeros((c + n, BLOCK), x.dtype), np.empty(BLOCK, x.dtype)
        inner = np.zeros((c + n, BLOCK), x.dtype)
        factor = x.dtype.type(2 * beta) * alpha
        for image in range(images):
            for start in range(0, pixels, BLOCK):
                width = min(BLOCK, pixels - start)
                squares(x[image], start, width, padded)
                for i in range(c):
                    norms(padded, i, width, s, alpha, k)
                    row, out = x[image, i, start:], dx[image, i, start:]
                    gradient, kept = g[image, i, start:], inner[half + i]
                    for p in range(width):
                        straight = gradient[p] * root(s[p])
                        out[p] = straight
                        kept[p] = straight * row[p] / s[p]
                for i in range(c):
                    row, out = x[image, i, start:], dx[image, i, start:]
                    for p in range(width):
                        total = inner[i, p]
                        for d in range(1, n):
                            total += inner[i + d, p]
                        out[p] -= factor * row[p] * total

    return forward, backward
