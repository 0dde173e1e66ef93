"""How well the known factors can be predicted from a reconstruction."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Reference, Score
from repviz.principal import pca

COMPONENTS, RIDGE = 100, 1e-3  # of the fit's input; its penalty, as a share of the variance


def criterion(argument: str) -> Score:
    """One minus the squared error of the factors relative to their variance: its mean is R2.

    The linear fit from principal components of the training images is the same for originals and
    reconstructions, and was fitted to neither.
    """

    def score(images: np.ndarray, reference: Reference) -> np.ndarray:
        train = reference.train
        fitted = pca(train, components=min(COMPONENTS, len(train) - 1, train.shape[1]))
        names, S = reference.varying_factors, fitted.scores
        F = np.stack([reference.train_factors[name] for name in names]).T  # (m, factors)
        truth = np.stack([reference.factors[name] for name in names]).T
        penalty = RIDGE * np.square(S).sum() / S.shape[1] * np.eye(S.shape[1])
        weights = np.linalg.solve(S.T @ S + penalty, S.T @ (F - F.mean(axis=0)))
        residual = fitted.transform(images) @ weights + F.mean(axis=0) - truth
        explained: np.ndarray = 1 - (np.square(residual) / truth.var(axis=0)).mean(axis=1)
        return explained

    return score
