"""The probability that noise lies near a known image, by importance sampling.

Noise of independent pixels, tilted towards one known image, is noise of independent pixels again.
Draws from the mixture over all known images, weighted, give the probability without bias, however
small it is; nothing has to move, so nothing lags behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.facespace.bounds import uniform_log_mean
from repviz.facespace.known import Known
from repviz.facespace.splitting import LN10, Rarity
from repviz.streams import stream

DRAWS = 4000
CHUNK = 500
STEPS = 40  # of the bisection for the tilt
PROBES = 50  # draws that it looks at
COMPARED = 500  # images, at equal steps, among which it looks for the most likely one


@dataclass(frozen=True, eq=False)
class Tilt:
    """Noise of independent pixels, tilted: its density times exp(-t |x - face|^2).

    Attributes
    ----------
    log_mean : callable
        From faces (n, d) and t to log E exp(-t |x - face|^2) under the noise, shape (n,).
    draw : callable
        From rng, faces (m, d) and t to one row per face, before clipping, shape (m, d).
    """

    log_mean: Callable[[np.ndarray, float], np.ndarray]
    draw: Callable[[np.random.Generator, np.ndarray, float], np.ndarray]


def _uniform(known: Known) -> Tilt:
    """A normal distribution about each grey level, cut off at 0 and 1."""
    from scipy.special import ndtr, ndtri

    def draw(rng: np.random.Generator, faces: np.ndarray, t: float) -> np.ndarray:
        deviation = 1 / np.sqrt(2 * t)
        low, high = ndtr(-faces / deviation), ndtr((1 - faces) / deviation)
        return np.clip(
            faces + deviation * ndtri(low + (high - low) * rng.random(faces.shape)), 0, 1
        )

    return Tilt(uniform_log_mean, draw)


def _pixelwise(known: Known) -> Tilt:
    """The product of two normal densities is one."""
    variance = known.variance

    def log_mean(faces: np.ndarray, t: float) -> np.ndarray:
        scale = 1 + 2 * t * variance
        return np.asarray(
            -(np.log(scale) / 2 + t * np.square(faces - known.mean) / scale).sum(axis=1)
        )

    def draw(rng: np.random.Generator, faces: np.ndarray, t: float) -> np.ndarray:
        scale = 1 + 2 * t * variance
        centre = (known.mean + 2 * t * variance * faces) / scale
        return np.asarray(centre + np.sqrt(variance / scale) * rng.standard_normal(faces.shape))

    return Tilt(log_mean, draw)


TILTS: dict[str, Callable[[Known], Tilt]] = {
    "uniform-pixels": _uniform,
    "pixelwise-gaussian": _pixelwise,
}


def log10_near(
    known: Known, sampler: str, low: float, high: float, *, draws: int = DRAWS, seed: int = 0
) -> Rarity:
    """log10 of the probability that noise is at such a distance from the nearest known image.

    Parameters
    ----------
    known : Known
        The images, and what the noise has its means and variances from.
    sampler : str
        "uniform-pixels" or "pixelwise-gaussian". Rows are clipped to [0, 1] before the distance
        is measured.
    low, high : float
        The smallest and largest distance, root mean square grey level, in [0, 1].
    draws : int
        Number of rows that are drawn, at least 100.
    seed : int
        From 0 to 2^32 - 1.

    Returns
    -------
    Rarity
        Of one population without points; its interval is that of a weighted mean.

    Raises
    ------
    UnknownName
        The sampler is no noise of independent pixels.
    InputError
        No draw lies at such a distance.

    References
    ----------
    Siegmund 1976, Annals of Statistics 4:673, on tilting; Owen & Zhou 2000, Journal of the American
    Statistical Association 95:135, on mixtures: a draw's weight is the noise's density over that of
    the mixture of all images.
    """
    who = "log10_near"
    tilt = TILTS[checks.one_of(who, "sampler", sampler, TILTS)](known)
    draws = checks.integer(who, "draws", draws, low=100)
    rng = stream(checks.seed(who, seed), "tilting", sampler)
    faces = known.faces.astype(np.float64)
    t = _strength(tilt, faces, high, rng)
    log_means = np.concatenate(
        [tilt.log_mean(part, t) for part in np.array_split(faces, -(-len(faces) // CHUNK))]
    )
    likelihood = np.exp(log_means - log_means.max())
    parents = rng.choice(len(faces), draws, p=likelihood / likelihood.sum())
    logs = np.concatenate(
        [
            _log_weights(tilt.draw(rng, faces[part], t), faces, t, (low, high))
            for part in np.array_split(parents, -(-draws // CHUNK))
        ]
    )
    top = logs.max()
    if not np.isfinite(top):
        raise InputError(
            f"{who}: some of {draws} draws must lie {low:g} to {high:g} from a known image, got "
            "none. Use more draws, or count: ladder."
        )
    weights = np.exp(logs - top)
    mean, error = weights.mean(), weights.std(ddof=1) / np.sqrt(draws)
    scale = float(np.logaddexp.reduce(log_means)) + top
    value = (scale + np.log(mean)) / LN10
    reach = 1.96 * error / mean / LN10
    nothing = np.empty((0, faces.shape[1]), np.float32)
    return Rarity(
        min(0.0, value), value - reach, min(0.0, value + reach), value - reach, 1, draws, draws,
        nothing, np.empty(0, np.int64),
    )  # fmt: skip


def _log_weights(
    rows: np.ndarray, faces: np.ndarray, t: float, limits: tuple[float, float]
) -> np.ndarray:
    """-log of the sum over faces of exp(-t |x - face|^2); minus infinity outside the limits."""
    clipped = np.clip(rows, 0, 1)
    nearest = np.sqrt(np.maximum(_squares(clipped, faces).min(axis=1), 0) / faces.shape[1])
    inside = (nearest >= limits[0]) & (nearest <= limits[1])
    weights = -np.logaddexp.reduce(-t * _squares(rows, faces), axis=1)
    return np.where(inside, weights, -np.inf)


def _squares(rows: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Squared distances, shape (m, n)."""
    own, others = np.square(rows).sum(axis=1), np.square(faces).sum(axis=1)
    return np.asarray(own[:, None] + others - 2 * (rows @ faces.T))


def _strength(tilt: Tilt, faces: np.ndarray, distance: float, rng: np.random.Generator) -> float:
    """The t at which clipped rows lie at ``distance`` from their image, on average."""
    faces = faces[:: -(-len(faces) // COMPARED)]
    low, high = -5.0, 12.0  # of log t
    for _ in range(STEPS):
        middle = (low + high) / 2
        t = float(np.exp(middle))
        best = int(np.argmax(tilt.log_mean(faces, t)))
        own = np.repeat(faces[best : best + 1], PROBES, axis=0)
        away = np.square(np.clip(tilt.draw(rng, own, t), 0, 1) - own).mean()
        low, high = (middle, high) if away > distance**2 else (low, middle)
    return float(np.exp(low))
