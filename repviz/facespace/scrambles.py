"""Images with part of their structure destroyed: the spectrum kept, or the blocks, or neither."""

from __future__ import annotations

import numpy as np


def natural_noise(rng: np.random.Generator, m: int, side: int) -> np.ndarray:
    """Noise whose amplitude falls as 1/frequency, (m, side^2), each of mean 0 and variance 1."""
    rows = np.fft.fftfreq(side)[:, None]
    columns = np.fft.rfftfreq(side)[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf  # no offset
    white = np.fft.rfft2(rng.standard_normal((m, side, side)))
    noise = np.fft.irfft2(white / frequency, s=(side, side)).reshape(m, -1)
    return noise / noise.std(axis=1, keepdims=True)


def phases(rng: np.random.Generator, rows: np.ndarray, side: int) -> np.ndarray:
    """Each image (m, side^2) with its Fourier amplitudes and the phases of white noise."""
    size = (side, side)
    amplitude = np.abs(np.fft.rfft2(rows.reshape(-1, side, side)))
    noise = np.fft.rfft2(rng.standard_normal((len(rows), side, side)))
    noise /= np.maximum(np.abs(noise), np.finfo(float).tiny)
    noise[:, 0, 0] = 1  # the mean grey stays
    return np.fft.irfft2(amplitude * noise, s=size).reshape(len(rows), -1)


def blocks(rng: np.random.Generator, rows: np.ndarray, side: int, across: int) -> np.ndarray:
    """Each image cut into across x across blocks, put back in another order: (m, side^2).

    Where the side is no multiple of ``across``, the last rows and columns stay in place.
    """
    m, block = len(rows), side // across
    images = rows.reshape(m, side, side).copy()
    edge = block * across
    parts = images[:, :edge, :edge].reshape(m, across, block, across, block)
    parts = parts.transpose(0, 1, 3, 2, 4).reshape(m, across**2, block, block)
    order = np.tile(np.arange(across**2), (m, 1))
    while (same := (order == np.arange(across**2)).all(axis=1)).any():
        order[same] = rng.permuted(order[same], axis=1)
    parts = np.take_along_axis(parts, order[:, :, None, None], axis=1)
    parts = parts.reshape(m, across, across, block, block).transpose(0, 1, 3, 2, 4)
    images[:, :edge, :edge] = parts.reshape(m, edge, edge)
    return images.reshape(m, -1)
