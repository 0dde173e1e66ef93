"""The decoder of a linear-start autoencoder as plain arrays, with full or with 8-bit weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import erf

LEVELS = 127  # of an 8-bit weight, to either side of 0


@dataclass(frozen=True, eq=False)
class Dense:
    """One layer, ``weight @ x + bias``.

    Attributes
    ----------
    weight : ndarray of float32, shape (outputs, inputs)
    bias : ndarray of float32, shape (outputs,)
    """

    weight: np.ndarray = field(repr=False)
    bias: np.ndarray = field(repr=False)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The outputs (n, outputs) for rows ``x`` (n, inputs)."""
        return x @ self.weight.T + self.bias


@dataclass(frozen=True, eq=False)
class DecoderArrays:
    """A decoder of codes of k numbers as arrays: PCA's reconstruction plus a correction.

    Attributes
    ----------
    unit : ndarray of float32, shape (k,)
        The initial standard deviation of each number of the code.
    layers : tuple of Dense
        From a standardised code to the correction of m principal components; GELU between them.
    basis : ndarray of float32, shape (m, d)
        The principal components.
    mean : ndarray of float32, shape (d,)
        The mean image, pixels in [0, 1].
    """

    unit: np.ndarray = field(repr=False)
    layers: tuple[Dense, ...] = field(repr=False)
    basis: np.ndarray = field(repr=False)
    mean: np.ndarray = field(repr=False)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The images (n, d) of ``codes`` (n, k), clipped to [0, 1]."""
        x = np.asarray(codes, dtype=np.float32) / self.unit
        for layer in self.layers[:-1]:
            x = _gelu(layer(x))
        scores = self.layers[-1](x)
        shared = min(codes.shape[1], scores.shape[1])
        scores[:, :shared] += codes[:, :shared]
        return np.clip(scores @ self.basis + self.mean, 0, 1)

    def rounded(self) -> DecoderArrays:
        """The same decoder with each row of each matrix rounded to 255 levels."""
        layers = tuple(replace(one, weight=_rounded(one.weight)) for one in self.layers)
        return replace(self, layers=layers, basis=_rounded(self.basis))


def quantised(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``matrix`` as int8, and the float32 factor of each row; rows of zeros have the factor 0."""
    scale = (np.abs(matrix).max(axis=1, initial=0) / LEVELS).astype(np.float32)
    divisor = np.where(scale > 0, scale, 1)[:, None]
    return np.rint(matrix / divisor).astype(np.int8), scale


def _rounded(matrix: np.ndarray) -> np.ndarray:
    integers, scale = quantised(matrix)
    return integers * scale[:, None]


def _gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(x * (1 + erf(x / np.sqrt(2))) / 2, dtype=np.float32)
