"""Whether a classifier predicts the same label for a reconstruction as for the original."""

from __future__ import annotations

import numpy as np

from repviz.bottleneck.criteria import Reference, Score
from repviz.principal import pca

COMPONENTS, RIDGE = 100, 1e-2  # of the classifier's input; its penalty, as a share of the variance


def criterion(argument: str) -> Score:
    """1 where the prediction is the same, else 0.

    The classifier is least squares onto the training labels (Fisher's discriminant for two of
    them) from principal components of the training images. For people who are not in training it
    still decides whom they look most like.
    """

    def score(images: np.ndarray, reference: Reference) -> np.ndarray:
        assert reference.train_labels is not None
        train = reference.train
        fitted = pca(train, components=min(COMPONENTS, len(train) - 1, train.shape[1]))
        names, label_indices = np.unique(reference.train_labels, return_inverse=True)
        target = np.eye(len(names))[label_indices] - 1 / len(names)
        S = fitted.scores
        penalty = RIDGE * np.square(S).sum() / S.shape[1] * np.eye(S.shape[1])
        weights = np.linalg.solve(S.T @ S + penalty, S.T @ target)

        def decisions(X: np.ndarray) -> np.ndarray:
            return np.argmax(fitted.transform(X) @ weights, axis=1)

        same: np.ndarray = decisions(images) == decisions(reference.originals)
        return same

    return score
