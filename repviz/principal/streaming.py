"""Leading principal components of a matrix that is read block by block, in bounded memory.

Block Lanczos with full orthogonalisation: Golub and Underwood 1977, "The block Lanczos method for
computing eigenvalues", Mathematical Software III; started from random directions it is the block
Krylov method of Musco and Musco 2015, "Randomized block Krylov methods for stronger and faster
approximate singular value decomposition", NeurIPS. One pass over the rows multiplies their
covariance with a block of directions. It needs a few passes where plain power iterations need
dozens: a flat spectrum, as of noise, is no trap for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.linalg

from repviz.errors import InputError
from repviz.principal.record import PCA, steps, turned

SPARE = 20  # directions beyond those asked for
TOLERANCE = 1e-4  # of a variance: the change from pass to pass at which it counts as found
PASSES = 12  # at most

Block = tuple[slice, np.ndarray]


def streamed(X: Any, k: int, *, seed: int) -> PCA:
    """The k leading principal components of the rows of X, (n, d), read a few times over.

    Parameters
    ----------
    X : array_like, shape (n, d)
        What gives rows for a slice: an array, a memory map, a stored layer.
    k : int
        How many components.
    seed : int
        Of the directions that it starts from.
    """
    n, d = X.shape
    width = min(k + SPARE, d, n - 1)
    start = np.random.default_rng(seed).standard_normal((d, width), dtype=np.float32)
    mean, total, first = _first_pass(X, start)
    centre = mean.astype(np.float32)

    def times(V: np.ndarray) -> np.ndarray:
        """Scatter matrix of the centred rows times V, (d, width)."""
        out = np.zeros((d, V.shape[1]), np.float32)
        for _, block in _blocks(X):
            block -= centre
            out += block.T @ (block @ V)
        return out

    values, basis = _krylov(times, start, first, k)
    directions = turned(np.ascontiguousarray(basis.T, dtype=np.float64))  # (k, d)
    # Of what the components leave, the sum of squares as random directions show it.
    rest = first - basis @ (values[:, None] * (basis.T @ start))
    squares = float(values @ values) + float(np.square(rest, dtype=np.float64).sum()) / width
    scores = np.empty((n, k))
    narrow = directions.T.astype(np.float32)
    for part, block in _blocks(X):
        block -= centre
        scores[part] = block @ narrow
    return PCA(
        mean=mean,
        components=directions,
        scores=scores,
        explained_variance=values / (n - 1),
        explained_variance_ratio=values / total if total > 0 else values,
        participation_ratio=total**2 / squares if squares > 0 else 0.0,
        n=n,
    )


def _blocks(X: Any) -> Iterator[Block]:
    """Blocks of rows as float32 of their own, with the slice that they are."""
    for part in steps(X.shape[0], X.shape[1], bytes_each=4):
        yield part, np.array(X[part], dtype=np.float32)


def _first_pass(X: Any, V: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """Mean (d,), sum of squares about it, and the scatter matrix times V, (d, width).

    Rows are taken from the first block's mean, so that nothing is lost where values lie far from 0.
    """
    n, d = X.shape
    shift = np.zeros(d, np.float32)
    sums, total = np.zeros(d), 0.0
    out = np.zeros(V.shape, np.float32)
    for part, block in _blocks(X):
        if not np.isfinite(block).all():
            row = part.start + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
            raise InputError(
                f"pca: every value of X must be finite, got one that is not in row {row}. "
                "Leave out the rows whose image could not be read."
            )
        if part.start == 0:
            shift = block.mean(axis=0)
        block -= shift
        sums += block.sum(axis=0, dtype=np.float64)
        total += float(np.einsum("ij,ij->", block, block, dtype=np.float64))
        out += block.T @ (block @ V)
    offset = sums / n
    out -= (n * offset[:, None] * (offset @ V)).astype(np.float32)
    return shift + offset, total - n * float(offset @ offset), out


def _krylov(
    times: Callable[[np.ndarray], np.ndarray], start: np.ndarray, first: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k largest eigenvalues, descending, and their eigenvectors (d, k), of what ``times`` is.

    ``first`` is ``times(start)``; its span is where the search begins.
    """
    basis = np.empty((len(start), 0), np.float32)
    images = np.empty((len(start), 0), np.float32)
    block, before = first, np.zeros(k)
    for _ in range(PASSES):
        fresh = _orthogonal(block, basis)
        if fresh.shape[1] == 0:
            break
        image = times(fresh)
        basis, images = np.hstack([basis, fresh]), np.hstack([images, image])
        small = basis.T.astype(np.float64) @ images
        values, vectors = scipy.linalg.eigh((small + small.T) / 2)
        values, vectors = values[::-1][:k].clip(0), vectors[:, ::-1][:, :k]
        if len(values) == k and np.all(np.abs(values - before) <= TOLERANCE * values):
            break
        before = np.pad(values, (0, k - len(values)))
        block = image
    return values, basis @ vectors.astype(np.float32)


def _orthogonal(block: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """An orthonormal basis of what the block adds to the basis, without directions of rounding."""
    room = len(block) - basis.shape[1]
    block = block / np.linalg.norm(block, axis=0).clip(np.finfo(np.float32).tiny)
    for _ in range(2):  # once more, for what rounding brought back
        block = block - basis @ (basis.T @ block)
        block, sizes, _ = scipy.linalg.qr(block, mode="economic", pivoting=True)
        large = np.abs(np.diag(sizes)) > 1e-5
        block = block[:, : min(int(large.sum()), room)]
    return np.ascontiguousarray(block)
