"""The record that a principal component analysis returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError

BLOCK_BYTES = 64 << 20  # largest block of X in floating point


@dataclass(frozen=True, eq=False)
class PCA:
    """The directions in which n rows vary most.

    Attributes
    ----------
    mean : ndarray of float64, shape (d,)
        In the units of ``X``.
    components : ndarray of float64, shape (k, d)
        Orthonormal directions, most variance first, with the largest loading of each positive.
        Where the rows have no variance left, a direction of zeros.
    scores : ndarray of float64, shape (n, k)
        The rows in these directions, in the units of ``X``.
    explained_variance : ndarray of float64, shape (k,)
        Variance (n - 1 in the denominator) along each, in squared units of ``X``.
    explained_variance_ratio : ndarray of float64, shape (k,)
        Its share of the variance of all d columns, in [0, 1].
    participation_ratio : float
        (sum of the spectrum)^2 / sum of its squares, over the whole spectrum, from 1 to
        min(n - 1, d): the number of equal variances with the same ratio; 0 if nothing varies.
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
        _check_columns("PCA.transform", "X", X, len(self.mean))
        return project(X, self.mean, self.components)

    def inverse(self, Z: Any) -> np.ndarray:
        """The rows (m, d) that have the scores Z (m, k), in the units of X.

        Raises
        ------
        InputError
            ``Z`` is not a finite matrix of k columns.
        """
        Z = checks.matrix("PCA.inverse", Z, rows=1)
        _check_columns("PCA.inverse", "Z", Z, len(self.components))
        return Z @ self.components + self.mean


def block_slices(length: int, width: int, *, bytes_each: int = 8) -> Iterator[slice]:
    """Slices of ``length`` rows of ``width`` numbers, each within :data:`BLOCK_BYTES`."""
    step = max(1, BLOCK_BYTES // (bytes_each * width))
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


def project(X: np.ndarray, mean: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The rows (n, d) in the directions (k, d), less the mean: (n, k)."""
    scores = np.empty((len(X), len(directions)))
    for part in block_slices(len(X), X.shape[1]):
        scores[part] = (X[part] - mean) @ directions.T
    return scores


def fix_signs(directions: np.ndarray) -> np.ndarray:
    """The directions (k, d), with the sign of each fixed: its largest loading is positive."""
    largest = np.abs(directions).argmax(axis=1)
    signs = np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)
    return directions * signs[:, None]


def _check_columns(who: str, what: str, X: np.ndarray, expected: int) -> None:
    if X.shape[1] != expected:
        raise InputError(
            f"{who}: {what} must have {expected} columns, as in fitting, got {X.shape[1]}."
        )
