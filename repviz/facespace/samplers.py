"""Ways to draw a random point of the pixel space, from knowing nothing to knowing the faces' codes.

Each sampler is fitted to known faces and then draws rows in [0, 1]; what falls outside is clipped
to the nearer end, as a screen would. Samples come in chunks, so memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from repviz.errors import InputError
from repviz.streams import stream

CHUNK = 1000
NOISE = 0.05  # of "mean-face-plus-noise": the standard deviation a pixel, in [0, 1]

Decode = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Known:
    """What a sampler may learn from.

    Attributes
    ----------
    faces : ndarray, shape (n, d)
        Known faces in [0, 1].
    codes : ndarray, shape (n, k), optional
        Their codes.
    decode : callable, optional
        From codes (m, k) to rows (m, d).
    """

    faces: np.ndarray = field(repr=False)
    codes: np.ndarray | None = field(default=None, repr=False)
    decode: Decode | None = None

    @cached_property
    def mean(self) -> np.ndarray:
        """The mean face, shape (d,)."""
        return self.faces.mean(axis=0, dtype=np.float64).astype(np.float32)


@dataclass(frozen=True)
class Sampler:
    """One rung's way to draw.

    Attributes
    ----------
    name : str
        Its key in :data:`SAMPLERS`.
    title : str
        What a reader is told that it is.
    draw : callable
        ``(known, rng, m) -> ndarray of float32, shape (m, d)``, before clipping.
    needs_codes : bool
        Whether it needs ``codes`` and ``decode``.
    """

    name: str
    title: str
    draw: Callable[[Known, np.random.Generator, int], np.ndarray]
    needs_codes: bool = False

    def chunks(self, known: Known, count: int, seed: int) -> Iterator[np.ndarray]:
        """``count`` rows in [0, 1], float32, at most 1000 per chunk; equal seeds give equal rows.

        Every chunk has a random stream of its own, named after the sampler: which other samplers
        there are, and how many chunks are drawn, changes none of its numbers.
        """
        for number, start in enumerate(range(0, count, CHUNK)):
            rng = stream(seed, "ladder", self.name, number)
            rows = self.draw(known, rng, min(CHUNK, count - start))
            yield np.clip(rows, 0, 1).astype(np.float32, copy=False)


def _uniform(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    return rng.random((m, known.faces.shape[1]), dtype=np.float32)


def _pixelwise(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    """Each pixel has the faces' mean and deviation there, and knows nothing of its neighbours."""
    deviation = known.faces.std(axis=0, ddof=1)
    return known.mean + deviation * _normal(rng, m, known.faces.shape[1])


def _full_covariance(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    """Mean and covariance of the faces: random weights on the centred faces have both."""
    n = len(known.faces)
    weights = _normal(rng, m, n) / np.float32(np.sqrt(n - 1))
    return known.mean + weights @ (known.faces - known.mean).astype(np.float32)


def _decoded(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    """Codes from the Gaussian with the training codes' mean and covariance, decoded."""
    if known.codes is None or known.decode is None:
        raise InputError("decoded-codes: codes and decode must be known, got neither. Give both.")
    centre = known.codes.mean(axis=0)
    weights = _normal(rng, m, len(known.codes)) / np.float32(np.sqrt(len(known.codes) - 1))
    return known.decode(centre + weights @ (known.codes - centre))


def _mean_and_noise(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    return known.mean + NOISE * _normal(rng, m, known.faces.shape[1])


def _normal(rng: np.random.Generator, m: int, d: int) -> np.ndarray:
    return rng.standard_normal((m, d), dtype=np.float32)


# From knowing nothing of faces to knowing their codes; the control comes last.
SAMPLERS: dict[str, Sampler] = {
    sampler.name: sampler
    for sampler in (
        Sampler("uniform-pixels", "Every pixel any grey", _uniform),
        Sampler("pixelwise-gaussian", "Each pixel as bright as in faces", _pixelwise),
        Sampler("full-covariance-gaussian", "Pixels vary together as in faces", _full_covariance),
        Sampler("decoded-codes", "Random codes, decoded", _decoded, needs_codes=True),
        Sampler("mean-face-plus-noise", "Control: the mean face under noise", _mean_and_noise),
    )
}
