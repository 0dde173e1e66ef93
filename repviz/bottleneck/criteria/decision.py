"""Whether a classifier still decides as it did on the original."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Function, Reference
from repviz.principal import pca

COMPONENTS, RIDGE = 100, 1e-2  # of the classifier's input; of its penalty, a share of the variance


def criterion(argument: str) -> Function:
    """1 where the decision is that on the original, else 0.

    The classifier is least squares onto the training labels (Fisher's discriminant for two of
    them) from principal components of the training images. Of people whom it has not seen it
    still says whom they look most like.
    """

    def scores(images: np.ndarray, of: Reference) -> np.ndarray:
        assert of.known_labels is not None
        fitted = pca(of.known, components=min(COMPONENTS, len(of.known) - 1, of.known.shape[1]))
        names, codes = np.unique(of.known_labels, return_inverse=True)
        target = np.eye(len(names))[codes] - 1 / len(names)
        S = fitted.scores
        penalty = RIDGE * np.square(S).sum() / S.shape[1] * np.eye(S.shape[1])
        weights = np.linalg.solve(S.T @ S + penalty, S.T @ target)

        def decided(X: np.ndarray) -> np.ndarray:
            return np.argmax(fitted.transform(X) @ weights, axis=1)

        same: np.ndarray = decided(images) == decided(of.originals)
        return same

    return scores
