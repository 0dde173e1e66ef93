"""An upper bound on the number of typical images of a kind, from lossless compression.

A code that needs b bits per image on average tells 2^b images apart, so that log2 of the number of
typical images (the entropy of the kind) is at most b. It is an upper bound only: a better codec
needs fewer bits, and how many fewer the best one would need is not known.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.principal import pca

if TYPE_CHECKING:
    import pandas as pd

GREYS = 256
STRIP = 16  # images side by side that are coded at once, where nobody is named
COMPONENTS = (0, 8, 32)  # those of "pca-residual": the best of them is used
FITTED = 0.75  # fraction of the known groups that give the components; the others the statistics
CONTEXTS = 16  # classes of local activity, each with the distribution of its own residuals
ENDING = 2.0  # bits that an arithmetic codec needs beyond the ideal code length, at most
LOG10_2, DECIBELS = math.log10(2), 10 * math.log10(2)

Bits = Callable[[np.ndarray], float]  # images uint8 (m, side, side) to the bits of all together


@dataclass(frozen=True)
class LosslessCodec:
    """A lossless codec.

    Attributes
    ----------
    name, title : str
        Its key in :data:`CODECS`, and what a report calls it.
    fit : callable
        ``(images, groups) -> bits``, from known images (n, side, side) uint8 and their groups (n,)
        to a function that gives the number of bits of other images.
    """

    name: str
    title: str
    fit: Callable[[np.ndarray, np.ndarray], Bits]


def coding_bounds(
    known: np.ndarray,
    images: np.ndarray,
    *,
    known_groups: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Bits per pixel of each codec, and the number of images that they bound.

    Parameters
    ----------
    known : ndarray of uint8, shape (n, side, side)
        Images that codecs may learn from: what they learn is not counted.
    images : ndarray of uint8, shape (m, side, side)
        Other images of the kind, which are coded: those of a group side by side.
    known_groups, groups : ndarray, shapes (n,) and (m,), optional
        Whom the images show; without ``groups`` every 16 images are a group.
    level : float
        Confidence of the interval over groups, in (0, 1).

    Returns
    -------
    DataFrame
        One row per codec: codec, title, n (images), groups, bits_per_pixel, bits_per_pixel_low,
        bits_per_pixel_high (mean over groups and Student's interval), decibels_per_dimension (the
        density of pixels in [0, 1] that the bits stand for: 3.01 (8 - bits), 0 for uniform noise),
        decibels_per_dimension_low, decibels_per_dimension_high (of the same interval),
        log10_images, log10_images_high (upper bound of log10 of the number of typical images, and
        that at the upper end of the interval).

    Raises
    ------
    InputError
        Not square uint8 images of one size, or fewer than two groups.
    """
    import pandas as pd
    from scipy.stats import t

    who = "coding_bounds"
    for name, stack in (("known", known), ("images", images)):
        if stack.ndim != 3 or stack.shape[1] != stack.shape[2] or stack.dtype != np.uint8:
            raise InputError(
                f"{who}: {name} must be square uint8 images (n, side, side), got {stack.dtype} of "
                f"shape {stack.shape}. Open them grey and square: size=64, grey=True."
            )
    level = checks.real(who, "level", level, low=0.5, high=0.9999)
    known_groups = _groups(known, known_groups)
    groups = _groups(images, groups)
    names = np.unique(groups)
    if len(names) < 2 or len(np.unique(known_groups)) < 2:
        raise InputError(f"{who}: at least two groups of images must be given, got one. Add more.")
    pixels = images[0].size
    rows = []
    for codec in CODECS.values():
        bits = codec.fit(known, known_groups)
        strips = [images[groups == name] for name in names]
        per_pixel = np.array([bits(strip) / strip.size for strip in strips])
        reach = t.ppf((1 + level) / 2, len(names) - 1) * per_pixel.std(ddof=1) / len(names) ** 0.5
        mean, high = float(per_pixel.mean()), float(per_pixel.mean() + reach)
        rows.append(
            {
                "codec": codec.name,
                "title": codec.title,
                "n": len(images),
                "groups": len(names),
                "bits_per_pixel": mean,
                "bits_per_pixel_low": mean - reach,
                "bits_per_pixel_high": high,
                "decibels_per_dimension": DECIBELS * (8 - mean),
                "decibels_per_dimension_low": DECIBELS * (8 - high),
                "decibels_per_dimension_high": DECIBELS * (8 - mean + reach),
                "log10_images": LOG10_2 * pixels * mean,
                "log10_images_high": LOG10_2 * pixels * high,
            }
        )
    return pd.DataFrame(rows)


def _groups(images: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    return np.arange(len(images)) // STRIP if groups is None else np.asarray(groups)


def _side_by_side(images: np.ndarray) -> np.ndarray:
    """One wide image (side, m side): a file's header and its row filters then cost little."""
    return np.ascontiguousarray(np.hstack(list(images)))


def _png(known: np.ndarray, groups: np.ndarray) -> Bits:
    from PIL import Image

    def bits(images: np.ndarray) -> float:
        file = io.BytesIO()
        Image.fromarray(_side_by_side(images)).save(file, "PNG", optimize=True)
        return 8.0 * len(file.getvalue())

    return bits


def _webp(known: np.ndarray, groups: np.ndarray) -> Bits:
    from PIL import Image

    def bits(images: np.ndarray) -> float:
        file = io.BytesIO()
        wide = Image.fromarray(_side_by_side(images)).convert("RGB")
        wide.save(file, "WEBP", lossless=True, quality=100, method=6)
        return 8.0 * len(file.getvalue())

    return bits


def _pca_residual(known: np.ndarray, groups: np.ndarray) -> Bits:
    """Quantised component scores, then each pixel given those above and left of it.

    The number of bits is the ideal code length of these distributions, and what an arithmetic
    codec needs beyond it.
    """
    names = np.unique(groups)
    first = np.isin(groups, names[: max(1, int(FITTED * len(names)))])
    rows = known[first].reshape(first.sum(), -1).astype(np.float32)
    sizes = [k for k in COMPONENTS if k <= min(len(rows) // 4, rows.shape[1] - 1)]
    axes = pca(rows, components=max(sizes)).components if max(sizes) else np.zeros((0, 1))
    models = [_PixelModel(rows.mean(axis=0), axes[:k], known[~first]) for k in sizes]
    best = min(models, key=lambda model: model.bits(known[~first]).sum())
    return lambda images: float(best.bits(images).sum() + ENDING)


class _PixelModel:
    """A distribution over images: of k component scores, and of each pixel given those before."""

    def __init__(self, mean: np.ndarray, axes: np.ndarray, others: np.ndarray) -> None:
        self.mean, self.axes = mean, axes.reshape(len(axes), len(mean)).astype(np.float32)
        flat = others.reshape(len(others), -1) - self.mean
        scores = flat @ self.axes.T
        self.deviation = np.sqrt(np.square(scores).mean(axis=0)) + 1e-6
        # A step of one residual's size adds k / 12 of the variance of one pixel to an image.
        self.step = float(np.sqrt(np.square(flat - scores @ self.axes).mean())) + 0.5
        base = self._base(others)[0]
        left, neighbours = _causal(others - base)
        features = neighbours.reshape(-1, neighbours.shape[-1])
        moments = features.T @ features + np.eye(features.shape[1])
        self.weights = np.linalg.solve(moments, features.T @ left.ravel())
        residual, activity = self._residuals(others, base)
        edges = np.quantile(activity, np.linspace(0, 1, CONTEXTS + 1)[1:-1])
        self.edges = np.unique(edges)
        counts = np.full((len(self.edges) + 1, GREYS), 0.5)
        np.add.at(counts, (np.searchsorted(self.edges, activity), residual), 1)
        self.code_lengths = -np.log2(counts / counts.sum(axis=1, keepdims=True))

    def bits(self, images: np.ndarray) -> np.ndarray:
        """The code length of each image, shape (m,)."""
        base, bits = self._base(images)
        residual, activity = self._residuals(images, base)
        lengths = self.code_lengths[np.searchsorted(self.edges, activity), residual]
        return np.asarray(bits + lengths.reshape(len(images), -1).sum(axis=1))

    def _base(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The image of the quantised scores, (m, side, side), and the scores' bits (m,)."""
        from scipy.stats import t

        flat = images.reshape(len(images), -1) - self.mean
        places = np.rint(flat @ self.axes.T / self.step)
        base = self.mean + (places * self.step) @ self.axes
        ends = [t.cdf((places + end) * self.step / self.deviation, 4) for end in (-0.5, 0.5)]
        bits = -np.log2(np.maximum(ends[1] - ends[0], 1e-300)).sum(axis=1)
        return base.reshape(images.shape), bits

    def _residuals(self, images: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Prediction residuals, modulo 256, and the local activity: both (m side^2,)."""
        _, neighbours = _causal(images - base)
        predicted = np.clip(np.rint(base + neighbours @ self.weights), 0, GREYS - 1)
        residual = (images.astype(np.int64) - predicted.astype(np.int64)) % GREYS
        west, north_west, north, north_east = (neighbours[..., i] for i in range(4))
        activity = (
            np.abs(west - north_west) + np.abs(north - north_west) + np.abs(north_east - north)
        )
        return residual.ravel(), activity.ravel()


def _causal(left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images (m, side, side), and of each pixel six neighbours above and left, (..., 6).

    Those outside the image are 0.
    """
    side = left.shape[1]
    padded = np.pad(left, ((0, 0), (2, 0), (2, 1)))
    offsets = ((0, -1), (-1, -1), (-1, 0), (-1, 1), (0, -2), (-2, 0))
    neighbours = [
        padded[:, 2 + down : 2 + down + side, 2 + across : 2 + across + side]
        for down, across in offsets
    ]
    return left, np.stack(neighbours, axis=-1)


CODECS: dict[str, LosslessCodec] = {
    codec.name: codec
    for codec in (
        LosslessCodec("png", "PNG", _png),
        LosslessCodec("webp", "WebP, lossless", _webp),
        LosslessCodec("pca-residual", "Principal components and residuals", _pca_residual),
    )
}
