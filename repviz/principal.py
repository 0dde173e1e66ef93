"""Principal components, exactly, in float64, whether rows or columns are the fewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg

from repviz import checks
from repviz.errors import InputError

BLOCK_BYTES = 64 << 20  # how much of X is held in float64 at a time


@dataclass(frozen=True, eq=False)
class PCA:
    """The directions in which n rows vary most.

    Attributes
    ----------
    mean : ndarray of float64, shape (d,)
        In the units of ``X``.
    components : ndarray of float64, shape (k, d)
        Orthonormal directions, most variance first. Each is turned so that its largest loading is
        positive. Where the rows have no variance left, a direction of zeros.
    scores : ndarray of float64, shape (n, k)
        The rows in these directions, in the units of ``X``.
    explained_variance : ndarray of float64, shape (k,)
        Variance (n - 1 in the denominator) along each, in squared units of ``X``.
    explained_variance_ratio : ndarray of float64, shape (k,)
        Its share of the variance of all d columns, in [0, 1].
    participation_ratio : float
        (sum of the spectrum)^2 / sum of its squares, over the whole spectrum, from 1 to
        min(n - 1, d): how many equal directions would be as even. 0 where nothing varies.
    n : int
        The number of rows.
    """

    mean: np.ndarray = field(repr=False)
    components: np.ndarray = field(repr=False)
    scores: np.ndarray = field(repr=False)
    explained_variance: np.ndarray = field(repr=False)
    explained_variance_ratio: np.ndarray = field(repr=False)
    participation_ratio: float
    n: int

    def transform(self, X: Any) -> np.ndarray:
        """Scores of the rows of X, shape (m, k), in the units of X.

        Raises
        ------
        InputError
            ``X`` is not a finite matrix of d columns.
        """
        X = checks.matrix("PCA.transform", X, rows=1)
        _columns("PCA.transform", "X", X, len(self.mean))
        return _project(X, self.mean, self.components)

    def inverse(self, Z: Any) -> np.ndarray:
        """The rows (m, d) that have the scores Z (m, k), in the units of X.

        Raises
        ------
        InputError
            ``Z`` is not a finite matrix of k columns.
        """
        Z = checks.matrix("PCA.inverse", Z, rows=1)
        _columns("PCA.inverse", "Z", Z, len(self.components))
        return Z @ self.components + self.mean


def pca(X: Any, *, components: int | None = None) -> PCA:
    """The principal components of the rows of X, exactly.

    The smaller of the two Gram matrices, rows by rows or columns by columns, is summed in float64
    block by block and decomposed, so that 400 rows of 290,400 numbers take little more memory than
    themselves. Directions below 1e-7 of the largest standard deviation are beyond its reach.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row an image.
    components : int, optional
        How many directions to keep, from 1 to min(n - 1, d); all of these if None.

    Returns
    -------
    PCA

    Raises
    ------
    InputError
        ``X`` is not a finite matrix of two rows or more, or ``components`` is out of its range.
    """
    X = checks.matrix("pca", X)
    n, d = X.shape
    most = min(n - 1, d)
    k = most if components is None else checks.whole("pca", "components", components, low=1)
    if k > most:
        raise InputError(
            f"pca: components must be at most min(n - 1, d) = {most}, got {k}. "
            "Ask for fewer components or give it more images."
        )
    mean = X.mean(axis=0, dtype=np.float64)
    wide = n <= d
    gram = _rows_gram(X, mean) if wide else _columns_gram(X, mean)
    total = float(np.trace(gram))
    squares = float(np.square(gram).sum())
    last = len(gram) - 1
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=(last - k + 1, last))
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    directions = _spread(X, mean, vectors) if wide else vectors.T.copy()
    directions /= np.linalg.norm(directions, axis=1, keepdims=True).clip(np.finfo(float).tiny)
    nothing = values <= len(gram) * np.finfo(np.float64).eps * values[0]
    values[nothing] = 0
    directions[nothing] = 0
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.where(directions[np.arange(k), largest] < 0, -1.0, 1.0)[:, None]
    return PCA(
        mean=mean,
        components=directions,
        scores=_project(X, mean, directions),
        explained_variance=values / (n - 1),
        explained_variance_ratio=values / total if total > 0 else values,
        participation_ratio=total**2 / squares if squares > 0 else 0.0,
        n=n,
    )


def _steps(length: int, width: int) -> Iterator[slice]:
    """Slices of ``length`` whose block of ``width`` float64 numbers a line stays in bounds."""
    step = max(1, BLOCK_BYTES // (8 * width))
    return (slice(start, start + step) for start in range(0, length, step))


def _rows_gram(X: np.ndarray, mean: np.ndarray) -> np.ndarray:
    gram = np.zeros((len(X), len(X)))
    for part in _steps(X.shape[1], len(X)):
        block = X[:, part] - mean[part]
        gram += block @ block.T
    return gram


def _columns_gram(X: np.ndarray, mean: np.ndarray) -> np.ndarray:
    gram = np.zeros((X.shape[1], X.shape[1]))
    for part in _steps(len(X), X.shape[1]):
        block = X[part] - mean
        gram += block.T @ block
    return gram


def _spread(X: np.ndarray, mean: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Directions among the columns (k, d) that belong to directions among the rows (n, k)."""
    out = np.empty((vectors.shape[1], X.shape[1]))
    for part in _steps(X.shape[1], len(X)):
        out[:, part] = vectors.T @ (X[:, part] - mean[part])
    return out


def _project(X: np.ndarray, mean: np.ndarray, directions: np.ndarray) -> np.ndarray:
    scores = np.empty((len(X), len(directions)))
    for part in _steps(len(X), X.shape[1]):
        scores[part] = (X[part] - mean) @ directions.T
    return scores


def _columns(who: str, what: str, given: np.ndarray, wanted: int) -> None:
    if given.shape[1] != wanted:
        raise InputError(
            f"{who}: {what} must have {wanted} columns, as the fit has, got {given.shape[1]}."
        )
