"""The number of PCA components with the same error as an engine: its gain, in components."""

from __future__ import annotations

import numpy as np

from repviz.distortion import squared_errors
from repviz.principal.mirrored import MirroredPCA
from repviz.training.found_size import smallest_size

NEAR = 1e-6  # relative difference of two errors that are taken as equal


class PCACurve:
    """PCA's mean squared error on some rows by the number of components.

    Parameters
    ----------
    linear : MirroredPCA
        The fitted PCA.
    X : ndarray, shape (n, d)
        The rows.
    clip : bool
        Whether reconstructions are clipped to [0, 1].
    """

    def __init__(self, linear: MirroredPCA, X: np.ndarray, *, clip: bool) -> None:
        self.linear, self.X, self.clip = linear, X, clip
        self.scores = linear.scores(X)
        self.largest = len(linear.basis)
        self._known: dict[int, float] = {}

    def error(self, k: int) -> float:
        """The error with ``k`` components, from 0 to :attr:`largest`."""
        if k not in self._known:
            output = self.linear.mean + self.scores[:, :k] @ self.linear.basis[:k]
            output = np.clip(output, 0, 1) if self.clip else output
            self._known[k] = float(squared_errors(output, self.X).mean())
        return self._known[k]

    def needed(self, mse: float) -> float:
        """The smallest number of components whose error is at most ``mse``.

        A whole number, from 0 to :attr:`largest`; NaN where even all of them leave more.
        """
        size = smallest_size(self.error, self.largest, mse * (1 + NEAR))
        return float("nan") if size is None else float(size)
