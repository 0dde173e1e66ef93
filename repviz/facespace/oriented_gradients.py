"""Histograms of oriented gradients: the positions and directions of edges in an image."""

from __future__ import annotations

import numpy as np

CELLS = 8  # a side
CHUNK = 256  # images at a time, for memory
SMALLEST = 1e-2  # keeps flat blocks from being enlarged to noise


def oriented_gradients(rows: np.ndarray, side: int) -> np.ndarray:
    """Histograms of oriented gradients of square images: (m, 1568) float32, at least 0.

    8 directions of light, pooled over 8 x 8 cells and normalised over blocks of 2 x 2 cells.

    Parameters
    ----------
    rows : ndarray, shape (m, side^2)
        Grey images in [0, 1], of 8 pixels a side or more.

    References
    ----------
    Dalal & Triggs 2005, CVPR. A gradient counts towards every direction within 90 degrees of its
    own, by its projection, instead of towards the nearest two.
    """
    parts = [_histograms(rows[i : i + CHUNK], side) for i in range(0, len(rows), CHUNK)]
    return np.concatenate(parts)


def _histograms(rows: np.ndarray, side: int) -> np.ndarray:
    images = rows.reshape(-1, side, side).astype(np.float32, copy=False)
    down, across = np.zeros_like(images), np.zeros_like(images)
    down[:, 1:-1] = images[:, 2:] - images[:, :-2]
    across[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    cells = []
    for angle in np.arange(4) * np.pi / 4:
        slope = np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * down
        bright = _pooled(np.maximum(slope, 0), side)
        cells += [bright, bright - _pooled(slope, side)]
    grid = np.stack(cells, axis=-1)
    blocks = np.concatenate(
        [grid[:, :-1, :-1], grid[:, 1:, :-1], grid[:, :-1, 1:], grid[:, 1:, 1:]], axis=-1
    )
    blocks /= np.sqrt(np.square(blocks).sum(axis=-1, keepdims=True) + SMALLEST)
    return blocks.reshape(len(images), -1)


def _pooled(images: np.ndarray, side: int) -> np.ndarray:
    """Sums over 8 x 8 cells, (m, 8, 8), as if the image had 64 pixels a side."""
    pool = np.zeros((CELLS, side), np.float32)
    pool[np.arange(side) * CELLS // side, np.arange(side)] = 64 / side
    return pool @ images @ pool.T
