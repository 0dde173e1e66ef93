"""How well the known factors can still be read off."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Function, Reference
from repviz.principal import pca

COMPONENTS, RIDGE = 100, 1e-3  # of the fit's input; of its penalty, a share of the variance


def criterion(argument: str) -> Function:
    """One minus the squared error of the factors as a share of their variance: its mean is R2.

    A linear fit from principal components of the training images reads the factors; it is the
    same for originals and reconstructions, and knows nothing of either.
    """

    def scores(images: np.ndarray, of: Reference) -> np.ndarray:
        fitted = pca(of.known, components=min(COMPONENTS, len(of.known) - 1, of.known.shape[1]))
        F = np.stack(list(of.known_factors.values()), axis=1)  # (m, factors)
        truth = np.stack(list(of.factors.values()), axis=1)
        varies = (F.std(axis=0) > 0) & (truth.std(axis=0) > 0)
        F, truth, S = F[:, varies], truth[:, varies], fitted.scores
        penalty = RIDGE * np.square(S).sum() / S.shape[1] * np.eye(S.shape[1])
        weights = np.linalg.solve(S.T @ S + penalty, S.T @ (F - F.mean(axis=0)))
        left = fitted.transform(images) @ weights + F.mean(axis=0) - truth
        explained: np.ndarray = 1 - (np.square(left) / truth.var(axis=0)).mean(axis=1)
        return explained

    return scores
