"""The reconstruction error of an autoencoder that is trained on known faces for this judge."""

from __future__ import annotations

import warnings

import numpy as np

from repviz.facespace.judges import Statistics
from repviz.facespace.known import Known
from repviz.principal import pca
from repviz.streams import stream_seed

SCORES = 64  # principal components that go in and come out
HIDDEN = (64, 16, 64)  # units per hidden layer; the middle one is the code
EPOCHS = 30


def fit(known: Known, seed: int) -> Statistics:
    """Root mean square difference of an image and its reconstruction, in grey levels: (m, 1).

    The autoencoder reads and writes the leading principal components; what lies outside them
    counts to the residual. It is not the one whose decoded codes are judged: that one would leave
    nothing of its own outputs.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    n, d = known.faces.shape
    space = pca(known.faces, components=max(1, min(SCORES, n // 2, d - 1)))
    axes = space.components.astype(np.float32)
    scale = float(np.sqrt(max(space.explained_variance[0], 1e-12)))
    scores = space.scores / scale
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        activation="tanh",
        learning_rate_init=3e-3,
        batch_size=min(64, n),
        max_iter=EPOCHS,
        random_state=stream_seed(seed, "autoencoder judge") % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed
        network.fit(scores, scores if scores.shape[1] > 1 else scores[:, 0])

    def statistics(X: np.ndarray) -> np.ndarray:
        centred = X - known.mean
        scores = (centred @ axes.T).astype(np.float64)
        energy = np.square(centred, dtype=np.float64).sum(axis=1)
        outside = np.maximum(energy - np.square(scores).sum(axis=1), 0)
        output = network.predict(scores / scale).reshape(len(X), -1) * scale
        inside = np.square(output - scores).sum(axis=1)
        return np.sqrt((outside + inside) / d)[:, None]

    return statistics
