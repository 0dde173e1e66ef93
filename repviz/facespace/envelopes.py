"""Sets of known probability that contain every image that judges accept, to start splitting from.

The probability of an accepted image is the envelope's, which is exact, times the share of the
envelope that is accepted. What is left to estimate is far less rare than the event itself, and the
points are drawn where it is: no population has to find the faces by diffusion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from repviz.facespace.bounds import face_space_volume, pixelwise_tilt, uniform_near
from repviz.facespace.judges.face_space import deviations, leading_components
from repviz.facespace.known import Known
from repviz.facespace.samplers import Latent
from repviz.facespace.splitting import GAUSSIAN


@dataclass(frozen=True, eq=False)
class Envelope:
    """A set of points, its probability under a sampler, and how to draw from it.

    Attributes
    ----------
    log10 : float
        Of the probability: an upper bound of that of every event inside. It exceeds 0 where the
        envelope is larger than the cube.
    latent : Latent
        Draws points of the envelope as functions of independent Gaussian numbers.
    excess : callable
        From numbers (m, n) and rows (m, d) to (m,): how far each row is from counting, which it
        does at 0 or less. The probability that a row of ``latent`` counts and lies in an event,
        times that of the envelope, is the event's under the sampler.
    """

    log10: float
    latent: Latent
    excess: Callable[[np.ndarray, np.ndarray], np.ndarray]


def uniform_envelope(known: Known, within: float, residual: float) -> Envelope:
    """For uniform pixels: an ellipsoid in the leading components times a ball in the others.

    The first coordinates of a uniform point on a sphere of two more dimensions are uniform in the
    ball. What lies outside the cube of the pixels does not count.

    Parameters
    ----------
    known : Known
        What the components are of.
    within : float
        Largest root mean square of the standardised scores.
    residual : float
        Largest root mean square residual, in [0, 1].
    """
    space = leading_components(known)
    axes, deviation = space.components.astype(np.float32), deviations(space)
    k, d = axes.shape
    scaled = (within * np.sqrt(k) * deviation[:, None] * axes).astype(np.float32)
    radius = np.float32(residual * np.sqrt(d))

    def rows(numbers: np.ndarray) -> np.ndarray:
        inner, outer = numbers[:, : k + 2], numbers[:, k + 2 :]
        inside = inner[:, :k] / np.linalg.norm(inner, axis=1, keepdims=True)
        others, more = outer[:, :d], outer[:, d:]
        others = others - (others @ axes.T) @ axes
        length = np.sqrt(np.square(others).sum(axis=1) + np.square(more).sum(axis=1))
        return np.asarray(known.mean + inside @ scaled + others * (radius / length)[:, None])

    def excess(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(rows - np.clip(rows, 0, 1), axis=1))

    latent = Latent(GAUSSIAN, k + 2 + d + 2, rows)
    return Envelope(face_space_volume(known, within, residual), latent, excess)


def pixelwise_envelope(known: Known, residual: float) -> Envelope:
    """For pixel-wise Gaussian noise: the noise that is most likely where the residual is small.

    Its density is that of the noise times exp(-t r^2), r the length of the residual, which is
    Gaussian again. A row counts with the probability exp(t (r^2 - R^2)) where r is at most R, and
    one more number decides on it. Rows are taken before they are clipped to [0, 1].

    Parameters
    ----------
    known : Known
        What the noise has its means and variances from, and the components.
    residual : float
        Largest root mean square residual R, in [0, 1].
    """
    axes = leading_components(known).components.astype(np.float64)
    k, d = axes.shape
    bound, t = pixelwise_tilt(known, residual)
    # The variance of each pixel, but for the components.
    own = known.variance / (1 + 2 * t * known.variance)
    across = np.linalg.inv(np.eye(k) / (2 * t) - (axes * own) @ axes.T)
    mixed = (np.linalg.cholesky(across).T @ (axes * own)).astype(np.float32)
    deviation, wide = np.sqrt(own).astype(np.float32), axes.astype(np.float32)

    def rows(numbers: np.ndarray) -> np.ndarray:
        return np.asarray(known.mean + deviation * numbers[:, :d] + numbers[:, d : d + k] @ mixed)

    def excess(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
        from scipy.special import log_ndtr

        centred = rows - known.mean
        squares = np.square(centred - (centred @ wide.T) @ wide).sum(axis=1)
        short = t * (d * residual**2 - squares)  # 0 at the edge of the envelope
        return np.asarray(np.maximum(-short, log_ndtr(numbers[:, -1]) + short))

    return Envelope(bound, Latent(GAUSSIAN, d + k + 1, rows), excess)


# By sampler, from known faces and the largest values of "within" and "residual".
ENVELOPES: dict[str, Callable[[Known, float, float], Envelope]] = {
    "uniform-pixels": uniform_envelope,
    "pixelwise-gaussian": lambda known, within, residual: pixelwise_envelope(known, residual),
}
# By sampler, from known faces and the largest distance to the nearest: log10 of a bound.
NEAR_BOUNDS: dict[str, Callable[[np.ndarray, float], float]] = {"uniform-pixels": uniform_near}
NO_BOUND = float("nan")


def log10_bound(
    known: Known,
    sampler: str,
    *,
    distance: float = np.inf,
    within: float = np.inf,
    residual: float = np.inf,
) -> float:
    """log10 of an upper bound on P(an image's statistics are within limits); NaN if unknown.

    Parameters
    ----------
    known : Known
        The faces that the sampler is fitted to.
    sampler : str
        A key of ``SAMPLERS`` or ``CONTROLS``.
    distance, within, residual : float
        The largest accepted values of the judges "nearest-face" and "face-space"; infinite where
        they are not limited.
    """
    if sampler in ENVELOPES and np.isfinite(residual):
        return min(0.0, ENVELOPES[sampler](known, within, residual).log10)
    if sampler in NEAR_BOUNDS and np.isfinite(distance):
        return NEAR_BOUNDS[sampler](known.faces, distance)
    return NO_BOUND
