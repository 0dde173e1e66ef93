"""The space of eigenfaces: how far an image lies within it, and how much of it lies outside."""

from __future__ import annotations

import numpy as np

from repviz.facespace.judges import Statistics
from repviz.facespace.known import Known
from repviz.principal import PCA, pca

COMPONENTS = 40
FACES_EACH = 4  # known faces per component, at least
NEGLIGIBLE = 1e-6  # of the first component's variance: less would standardise rounding errors


def fit(known: Known, seed: int) -> Statistics:
    """Two statistics of each image, (m, 2).

    "within" is the root mean square of its standardised scores on the leading components: 1 on
    average for faces, near 0 for the mean face. "residual" is the root mean square grey level of
    what the components leave, in [0, 1].

    References
    ----------
    Turk & Pentland 1991, Journal of Cognitive Neuroscience 3, who judge by the residual alone and
    from above. Both sides of both are judged here: a blur has too little residual.
    """
    space = leading_components(known)
    axes = space.components.astype(np.float32)
    deviation = deviations(space)

    def statistics(X: np.ndarray) -> np.ndarray:
        centred = X - known.mean
        scores = centred @ axes.T
        within = np.sqrt(np.square(scores / deviation).mean(axis=1))
        residual = np.sqrt(np.square(centred - scores @ axes).mean(axis=1))
        return np.stack([within, residual], axis=1)

    return statistics


def leading_components(known: Known) -> PCA:
    """The eigenfaces: 40, or one for every 4 known faces where these are fewer."""
    n, d = known.fitted_n or len(known.faces), known.faces.shape[1]
    return pca(known.faces, components=max(1, min(COMPONENTS, n // FACES_EACH, d - 1)))


def deviations(space: PCA) -> np.ndarray:
    """The standard deviation by which the scores of each component are divided, shape (k,)."""
    variance = space.explained_variance
    return np.sqrt(np.maximum(variance, NEGLIGIBLE * variance[0]))
