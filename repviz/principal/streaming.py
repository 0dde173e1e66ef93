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

from repviz import checks
from repviz.errors import InputError
from repviz.principal.record import PCA, block_slices, fix_signs

OVERSAMPLING = 20  # extra directions beyond the k requested
TOLERANCE = 1e-4  # largest relative change of a variance between passes at convergence
PASSES = 12  # at most
SAFE_SPREAD = (1e-6, 1e6)  # spreads whose squares are safe in float32

Block = tuple[slice, np.ndarray]


def streaming_pca(X: Any, k: int, *, seed: int) -> PCA:
    """The k leading principal components of the rows of X, (n, d), read in a few passes.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Anything that can be sliced by rows: an array, a memory map, a stored layer.
    k : int
        Number of components.
    seed : int
        Random seed of the initial directions.
    """
    n, d = X.shape
    width = min(k + OVERSAMPLING, d, n - 1)
    start = np.random.default_rng(seed).standard_normal((d, width), dtype=np.float32)
    shift, scale = _shift_and_scale(X)
    offset, total, first = _first_pass(X, start, shift, scale)
    centre = shift + offset  # the mean, in units of the scale

    def multiply(V: np.ndarray) -> np.ndarray:
        """Scatter matrix of the centred rows times V, (d, width)."""
        out = np.zeros((d, V.shape[1]), np.float32)
        for _, block in _blocks(X, centre, scale):
            out += block.T @ (block @ V)
        return out

    values, basis = _krylov(multiply, start, first, k)
    directions = fix_signs(np.ascontiguousarray(basis.T, dtype=np.float64))  # (k, d)
    # Of what the components leave, the sum of squares as random directions show it.
    rest = first - basis @ (values[:, None] * (basis.T @ start))
    squares = float(values @ values) + float(np.square(rest, dtype=np.float64).sum()) / width
    scores = np.empty((n, k))
    directions32 = directions.T.astype(np.float32)
    for part, block in _blocks(X, centre, scale):
        scores[part] = block @ directions32
    return PCA(
        mean=centre * scale,
        components=directions,
        scores=scores * scale,
        explained_variance=values / (n - 1) * scale**2,
        explained_variance_ratio=values / total if total > 0 else values,
        participation_ratio=total**2 / squares if squares > 0 else 0.0,
        n=n,
    )


def _shift_and_scale(X: Any) -> tuple[np.ndarray, float]:
    """The shift (d,) and the scale, a power of two, with which float32 represents the rows well.

    The first block's mean, over the scale, and a scale that brings its spread near 1; 1 where
    float32 holds the squares well.
    """
    first = next(block_slices(X.shape[0], X.shape[1], bytes_each=4))
    block = np.asarray(X[first])
    block = block.astype(np.promote_types(block.dtype, np.float32), copy=False)
    if not np.isfinite(block).all():
        return np.zeros(X.shape[1]), 1.0  # the first pass names the row
    checks.magnitude("pca", block)
    spread, scale = float(np.max(block.max(axis=0) - block.min(axis=0))), 1.0
    if spread > 0 and not SAFE_SPREAD[0] < spread < SAFE_SPREAD[1]:
        scale = float(2.0 ** np.round(np.log2(spread)))
    return block.mean(axis=0, dtype=np.float64) / scale, scale


def _blocks(X: Any, shift: np.ndarray, scale: float) -> Iterator[Block]:
    """Blocks of rows over the scale, less ``shift``, as float32, with the slice that they are.

    Types wider than float32 are shifted in float64.
    """
    shift32 = shift.astype(np.float32)
    for part in block_slices(X.shape[0], X.shape[1], bytes_each=4):
        block = np.asarray(X[part])
        if np.can_cast(block.dtype, np.float32):
            block = block.astype(np.float32)
            if scale != 1:
                block /= np.float32(scale)
            block -= shift32
        else:
            block = (block / scale - shift).astype(np.float32)
        yield part, block


def _first_pass(
    X: Any, V: np.ndarray, shift: np.ndarray, scale: float
) -> tuple[np.ndarray, float, np.ndarray]:
    """Mean (d,) less ``shift``, sum of squares about it, and the scatter matrix times V, (d, w)."""
    n, d = X.shape
    sums, total = np.zeros(d), 0.0
    out = np.zeros(V.shape, np.float32)
    for part, block in _blocks(X, shift, scale):
        if not np.isfinite(block).all():
            rows = np.asarray(X[part])
            if np.isfinite(rows).all():
                checks.magnitude("pca", rows)
            row = part.start + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
            raise InputError(
                f"pca: every value of X must be finite, got NaN or an infinity in row {row}. "
                "Leave out the rows of unreadable images."
            )
        sums += block.sum(axis=0, dtype=np.float64)
        total += float(np.einsum("ij,ij->", block, block, dtype=np.float64))
        out += block.T @ (block @ V)
    offset = sums / n
    out -= (n * offset[:, None] * (offset @ V)).astype(np.float32)
    return offset, max(total - n * float(offset @ offset), 0.0), out


def _krylov(
    multiply: Callable[[np.ndarray], np.ndarray], start: np.ndarray, first: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k largest eigenvalues of the matrix of ``multiply``, descending, and eigenvectors (d, k).

    ``first`` is ``multiply(start)``; its span is where the search begins. Where it has fewer than k
    directions, the others are zeros.
    """
    basis = np.empty((len(start), 0), np.float32)
    images = np.empty((len(start), 0), np.float32)
    block, before = first, np.zeros(k)
    values, vectors = np.zeros(0), np.zeros((0, 0))
    for _ in range(PASSES):
        fresh = _orthogonal(block, basis)
        if fresh.shape[1] == 0:
            break
        image = multiply(fresh)
        basis, images = np.hstack([basis, fresh]), np.hstack([images, image])
        small = basis.T.astype(np.float64) @ images
        values, vectors = scipy.linalg.eigh((small + small.T) / 2)
        values, vectors = values[::-1][:k].clip(0), vectors[:, ::-1][:, :k]
        if len(values) == k and np.all(np.abs(values - before) <= TOLERANCE * values):
            break
        before = np.pad(values, (0, k - len(values)))
        block = image
    lacking = k - len(values)
    found = basis[:, : len(vectors)] @ vectors.astype(np.float32)
    return np.pad(values, (0, lacking)), np.pad(found, ((0, 0), (0, lacking)))


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
