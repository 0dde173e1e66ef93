"""How far a reconstruction is from its image: squared error, PSNR and SSIM."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

SIGMA, REACH = 1.5, 5  # of SSIM's Gaussian window, pixels: 11 x 11
C1, C2 = 0.01**2, 0.03**2  # for a range of 1
ROWS = 256  # images at a time


def squared_errors(output: np.ndarray, X: np.ndarray) -> np.ndarray:
    """The mean squared error of each row, shape (n,), in squared units of ``X``."""
    found = np.empty(len(X))
    for at in range(0, len(X), ROWS):
        part = slice(at, at + ROWS)
        found[part] = np.square(output[part] - X[part], dtype=np.float64).mean(axis=1)
    return found


def psnr(output: np.ndarray, X: np.ndarray) -> np.ndarray:
    """The peak signal-to-noise ratio of each row, shape (n,), in decibels; grey levels in [0, 1].

    Infinite where nothing was lost.
    """
    with np.errstate(divide="ignore"):
        found: np.ndarray = -10 * np.log10(squared_errors(output, X))
    return found


def ssim(output: np.ndarray, X: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """The structural similarity of each image, shape (n,), at most 1; grey levels in [0, 1].

    Parameters
    ----------
    output, X : ndarray, shape (n, d)
        Reconstructions and images.
    shape : (int, int, int)
        Channels, height and width; channels are averaged.

    References
    ----------
    Wang, Bovik, Sheikh & Simoncelli 2004, IEEE Transactions on Image Processing 13:600, equation
    13, with the Gaussian window of section III-B. As there, windows that leave the image are left
    out; in images smaller than the window all are kept, and the edge is mirrored.
    """
    found = np.empty(len(X))
    for at in range(0, len(X), ROWS):
        part = slice(at, at + ROWS)
        found[part] = _ssim(output[part].reshape(-1, *shape), X[part].reshape(-1, *shape))
    return found


def _ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    def smooth(x: np.ndarray) -> np.ndarray:
        return gaussian_filter(x, (0, 0, SIGMA, SIGMA), mode="mirror", radius=(0, 0, REACH, REACH))

    a, b = a.astype(np.float64), b.astype(np.float64)
    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    both = smooth(a * b) - mean_a * mean_b
    means = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    value = means * (2 * both + C2) / (var_a + var_b + C2)
    if min(value.shape[2:]) > 2 * REACH:
        value = value[:, :, REACH:-REACH, REACH:-REACH]
    return value.mean(axis=(1, 2, 3))
