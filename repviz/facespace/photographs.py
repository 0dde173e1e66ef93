"""Crops of scikit-image's photographs, which show no face at the scale of the crops."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

# Two sets without a photograph in common: the classifier learns from one, the other tests it.
TRAINING = ("camera", "coins", "brick", "grass", "coffee", "text", "cell", "page")
PANEL = ("moon", "rocket", "chelsea", "horse", "gravel", "hubble_deep_field", "retina")
LEAST = 48  # pixels: the smallest side of a crop


def crops(
    rng: np.random.Generator, m: int, side: int, names: tuple[str, ...] = TRAINING
) -> np.ndarray:
    """Random square crops brought to ``side``: (m, side^2) float32 in [0, 1]."""
    out = np.empty((m, side, side), np.float32)
    for row in range(m):
        photograph = _grey(names[rng.integers(len(names))])
        most = min(photograph.shape)
        size = round(np.exp(rng.uniform(np.log(min(LEAST, most)), np.log(most))))
        y, x = (rng.integers(length - size + 1) for length in photograph.shape)
        out[row] = scaled(photograph[y : y + size, x : x + size], side)
    return out.reshape(m, -1)


def scaled(image: np.ndarray, side: int) -> np.ndarray:
    """A grey image whose shorter side becomes ``side``: averaged over areas, then bilinear."""
    factor = max(1, min(image.shape) // side)
    height, width = (length // factor for length in image.shape)
    small = image[: height * factor, : width * factor]
    small = small.reshape(height, factor, width, factor).mean(axis=(1, 3))
    shortest = min(small.shape)
    rows, columns = (_weights(n, round(n * side / shortest)) for n in small.shape)
    return rows @ small @ columns.T


@lru_cache(maxsize=64)
def _weights(length: int, side: int) -> np.ndarray:
    """Bilinear weights from ``length`` samples to ``side``: (side, length)."""
    place = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
    lower = np.minimum(place.astype(int), max(length - 2, 0))
    weights = np.zeros((side, length), np.float32)
    weights[np.arange(side), lower] = 1 - (place - lower)
    if length > 1:
        weights[np.arange(side), lower + 1] = place - lower
    return weights


@lru_cache(maxsize=32)
def _grey(name: str) -> np.ndarray:
    from skimage import data

    image = np.asarray(getattr(data, name)())
    if image.ndim == 3:
        image = image[..., :3] @ np.array([0.299, 0.587, 0.114])
    image = image.astype(np.float32)
    return image / 255 if image.max() > 1 else image
