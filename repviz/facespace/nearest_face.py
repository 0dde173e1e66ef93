"""Who says what counts as a face: the distance to the nearest known one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.neighbors import neighbors_between

QUANTILE = 0.95


@dataclass(frozen=True, eq=False)
class NearestFace:
    """A judge that accepts what lies as near to a known face as unseen faces do.

    It knows nothing of faces but examples. What it accepts is near a known face in pixels, which
    is not enough to be one: the mean face under a little noise passes. What it refuses is
    farther from every known face than 95 of 100 unseen faces are; a sharp face of an unusual kind,
    or one moved by a few pixels, is refused as well. So a rate of 0 says "nowhere near the known
    faces", and a high rate says only "not told apart from a face by pixel distance".

    Attributes
    ----------
    known : ndarray, shape (n, d)
        The known faces, in [0, 1].
    threshold : float
        The largest distance that is accepted, in [0, 1].
    calibration_n : int
        How many faces the threshold was found with.
    quantile : float
        The share of these that it accepts, at least, in (0, 1].
    """

    known: np.ndarray = field(repr=False)
    threshold: float
    calibration_n: int
    quantile: float

    @classmethod
    def fit(cls, known: Any, calibration: Any, *, quantile: float = QUANTILE) -> NearestFace:
        """The judge whose threshold is the given quantile of unseen faces' distances.

        The threshold is the ceil(quantile m)-th smallest of the m calibration distances: one that
        was measured, not one between two.

        Parameters
        ----------
        known, calibration : array_like, shapes (n, d) and (m, d)
            Faces in [0, 1] that have no person in common.
        quantile : float
            From 0.01 to 1.

        Raises
        ------
        InputError
            A matrix is not finite or not in [0, 1], or they differ in d.
        """
        quantile = checks.real("NearestFace", "quantile", quantile, low=0.01, high=1)
        known = pixels("NearestFace", "known", known)
        distances = _nearest(pixels("NearestFace", "calibration", calibration), known)
        threshold = np.quantile(distances, quantile, method="inverted_cdf")
        return cls(known, float(threshold), len(distances), quantile)

    def distances(self, X: Any) -> np.ndarray:
        """Root mean square pixel difference to the nearest known face, shape (m,), in [0, 1].

        Raises
        ------
        InputError
            ``X`` is not finite, not in [0, 1], or has another number of columns.
        """
        return _nearest(pixels("NearestFace", "X", X), self.known)

    def accept(self, X: Any) -> np.ndarray:
        """Which rows of X are no farther than the threshold: ndarray of bool, shape (m,).

        Raises
        ------
        InputError
            ``X`` is not finite, not in [0, 1], or has another number of columns.
        """
        return self.distances(X) <= self.threshold


def pixels(who: str, what: str, X: Any) -> np.ndarray:
    """``X`` as a finite matrix with values in [0, 1]."""
    X = checks.matrix(who, X, rows=1)
    if X.min() < 0 or X.max() > 1:
        raise InputError(
            f"{who}: {what} must hold values from 0 to 1, got {X.min():g} to {X.max():g}. "
            "Divide uint8 pixels by 255."
        )
    return X


def _nearest(X: np.ndarray, known: np.ndarray) -> np.ndarray:
    _, distances = neighbors_between(X, known)
    return distances[:, 0] / np.sqrt(known.shape[1])
