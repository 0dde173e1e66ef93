"""All principal components of a matrix, without their directions: the spectrum and the scores."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg

from repviz import checks
from repviz.principal.exact import columns_gram, rows_gram
from repviz.principal.record import project


@dataclass(frozen=True, eq=False)
class Spectrum:
    """How the variance of n rows is spread over their principal components.

    Attributes
    ----------
    scores : ndarray of float64, shape (n, k)
        The rows along each component, k = min(n - 1, d), in the units of ``X``: rows whose
        distances are those of ``X``. Signs are arbitrary.
    explained_variance : ndarray of float64, shape (k,)
        Variance (n - 1 in the denominator) along each, in squared units of ``X``, largest first.
    explained_variance_ratio : ndarray of float64, shape (k,)
        Its share of the total variance, in [0, 1].
    participation_ratio : float
        (sum of the spectrum)^2 / sum of its squares, from 1 to k; 0 where nothing varies.
    """

    scores: np.ndarray = field(repr=False)
    explained_variance: np.ndarray = field(repr=False)
    explained_variance_ratio: np.ndarray = field(repr=False)
    participation_ratio: float


def spectrum(X: Any) -> Spectrum:
    """The full spectrum of the rows of X and their scores, exactly.

    As :func:`repviz.pca` of all components, at a third of its cost where rows are wide: scores
    come from the eigenvectors of the Gram matrix of rows, and no direction among the d columns is
    computed.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row per image.

    Raises
    ------
    InputError
        ``X`` is not a finite matrix of two rows or more.
    """
    X = checks.matrix("pca", X)
    n, d = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    wide = n <= d
    gram = rows_gram(X, mean) if wide else columns_gram(X, mean)
    total, squares = float(np.trace(gram)), float(np.square(gram).sum())
    values, vectors = scipy.linalg.eigh(gram, overwrite_a=True, driver="evd")
    k = min(n - 1, d)
    values, vectors = values[::-1][:k].clip(0), vectors[:, ::-1][:, :k]
    values[values <= len(vectors) * np.finfo(np.float64).eps * values[0]] = 0
    scores = vectors * np.sqrt(values) if wide else project(X, mean, vectors.T)
    return Spectrum(
        scores=scores,
        explained_variance=values / (n - 1),
        explained_variance_ratio=values / total if total > 0 else values,
        participation_ratio=total**2 / squares if squares > 0 else 0.0,
    )
