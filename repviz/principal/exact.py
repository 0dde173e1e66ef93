"""Principal components by the smaller of the two Gram matrices, in float64."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from repviz.principal.record import PCA, block_slices, fix_signs, project


def exact_pca(X: np.ndarray, k: int) -> PCA:
    """The k leading principal components of finite rows X, (n, d), k at most min(n - 1, d)."""
    n, d = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    wide = n <= d
    gram = rows_gram(X, mean) if wide else columns_gram(X, mean)
    total = float(np.trace(gram))
    squares = float(np.square(gram).sum())
    last = len(gram) - 1
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=(last - k + 1, last))
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    directions = _column_directions(X, mean, vectors) if wide else vectors.T.copy()
    directions /= np.linalg.norm(directions, axis=1, keepdims=True).clip(np.finfo(float).tiny)
    null = values <= len(gram) * np.finfo(np.float64).eps * values[0]
    values[null] = 0
    directions[null] = 0
    directions = fix_signs(directions)
    return PCA(
        mean=mean,
        components=directions,
        scores=project(X, mean, directions),
        explained_variance=values / (n - 1),
        explained_variance_ratio=values / total if total > 0 else values,
        participation_ratio=total**2 / squares if squares > 0 else 0.0,
        n=n,
    )


def rows_gram(X: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The inner products of the centred rows, (n, n), summed column block by column block."""
    gram = np.zeros((len(X), len(X)))
    for part in block_slices(X.shape[1], len(X)):
        block = X[:, part] - mean[part]
        gram += block @ block.T
    return gram


def columns_gram(X: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The inner products of the centred columns, (d, d), summed row block by row block."""
    gram = np.zeros((X.shape[1], X.shape[1]))
    for part in block_slices(len(X), X.shape[1]):
        block = X[part] - mean
        gram += block.T @ block
    return gram


def _column_directions(X: np.ndarray, mean: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Right singular vectors (k, d) from left ones (n, k)."""
    out = np.empty((vectors.shape[1], X.shape[1]))
    for part in block_slices(X.shape[1], len(X)):
        out[:, part] = vectors.T @ (X[:, part] - mean[part])
    return out
