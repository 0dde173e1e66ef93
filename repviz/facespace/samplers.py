"""Samplers of random points in pixel space, from unstructured noise to decoded random codes.

Each sampler is fitted to known faces and then draws rows in [0, 1]; what falls outside is clipped
to the nearer end, as a screen would. Samples come in chunks, so memory stays bounded.
:data:`SAMPLERS` is the ladder, in order of rising structure; :data:`CONTROLS` test the judges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from repviz.errors import InputError
from repviz.facespace import scrambles
from repviz.facespace.known import Known
from repviz.facespace.photographs import PANEL, crops
from repviz.facespace.splitting import GAUSSIAN, UNIFORM, Prior
from repviz.principal import pca
from repviz.streams import stream

CHUNK = 1000
NOISE = 0.05  # standard deviation per pixel of "mean-face-plus-noise", in [0, 1]
LEADING = 32  # components of "leading-components-gaussian"

Draw = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Latent:
    """A sampler as a function of independent random numbers, as splitting needs it.

    Attributes
    ----------
    prior : Prior
        Of the numbers.
    d : int
        How many there are per image.
    rows : callable
        From numbers (m, d) to rows, before clipping.
    """

    prior: Prior
    d: int
    rows: Callable[[np.ndarray], np.ndarray]

    def draw(self, rng: np.random.Generator, m: int) -> np.ndarray:
        """Rows of m images."""
        return self.rows(self.prior.draw(rng, (m, self.d)))


@dataclass(frozen=True)
class Sampler:
    """One way to draw random images.

    Attributes
    ----------
    name : str
        Its key in :data:`SAMPLERS` or :data:`CONTROLS`, and the name of its random streams.
    title : str
        What the report calls it, with ``{image}`` and ``{images}`` for what the images show.
    fit : callable
        ``known -> draw``, where ``draw(rng, m)`` gives float rows (m, d), before clipping.
    needs_codes : bool
        Whether it needs ``codes`` and ``decode``.
    latent : callable, optional
        ``known -> Latent``, whose ``draw`` is then that of ``fit``.
    """

    name: str
    title: str
    fit: Callable[[Known], Draw]
    needs_codes: bool = False
    latent: Callable[[Known], Latent] | None = None

    def chunks(self, known: Known, count: int, seed: int) -> Iterator[np.ndarray]:
        """``count`` rows in [0, 1], float32, at most 1000 per chunk; equal seeds give equal rows.

        Every chunk has a random stream of its own, named after the sampler: which other samplers
        there are, and how many chunks are drawn, changes none of its numbers.
        """
        draw = self.fit(known)
        for number, start in enumerate(range(0, count, CHUNK)):
            rng = stream(seed, "ladder", self.name, number)
            rows = draw(rng, min(CHUNK, count - start))
            yield np.clip(rows, 0, 1).astype(np.float32, copy=False)


def _uniform(known: Known) -> Latent:
    return Latent(UNIFORM, known.faces.shape[1], lambda numbers: numbers)


def _pixelwise(known: Known) -> Latent:
    """Each pixel has the faces' mean and standard deviation there, independent of the others."""
    deviation = np.sqrt(known.variance).astype(np.float32)
    return Latent(GAUSSIAN, len(deviation), lambda numbers: known.mean + deviation * numbers)


def _shuffled_pixels(known: Known) -> Draw:
    return lambda rng, m: rng.permuted(_faces(known, rng, m), axis=1)


def _natural_noise(known: Known) -> Draw:
    """Noise with amplitude 1/f, as in photographs, and the mean and contrast of the faces."""
    centre, contrast = known.faces.mean(), known.faces.std(axis=1).mean()

    def draw(rng: np.random.Generator, m: int) -> np.ndarray:
        noise = scrambles.natural_noise(rng, m, known.side)
        return centre + contrast * noise

    return draw


def _scrambled_phases(known: Known) -> Draw:
    return lambda rng, m: scrambles.phases(rng, _faces(known, rng, m), known.side)


def _shuffled_blocks(known: Known) -> Draw:
    return lambda rng, m: scrambles.blocks(rng, _faces(known, rng, m), known.side, 8)


def _full_covariance(known: Known) -> Latent:
    """Gaussian with the mean and covariance of the faces: random sums of the centred faces."""
    n = len(known.faces)
    centred, scale = (known.faces - known.mean).astype(np.float32), np.float32(np.sqrt(n - 1))
    return Latent(GAUSSIAN, n, lambda numbers: known.mean + (numbers / scale) @ centred)


def _leading_components(known: Known) -> Latent:
    """Gaussian with the variances of the first components, and nothing in the others."""
    n, d = known.faces.shape
    fit = pca(known.faces, components=min(LEADING, n - 1, d))
    axes = (np.sqrt(fit.explained_variance)[:, None] * fit.components).astype(np.float32)
    return Latent(GAUSSIAN, len(axes), lambda numbers: known.mean + numbers @ axes)


def _mixtures(known: Known) -> Draw:
    """Weighted averages of two known faces of different people; the weight is uniform in [0, 1]."""

    def draw(rng: np.random.Generator, m: int) -> np.ndarray:
        return _mixed(rng, known.faces, *_pairs(known, rng, m))

    return draw


def _decoded_codes(known: Known) -> Draw:
    """Codes from the Gaussian with the known codes' mean and covariance, decoded."""
    codes, decode = _coded("decoded-codes", known)
    centre, scale = codes.mean(axis=0), np.float32(np.sqrt(len(codes) - 1))

    def draw(rng: np.random.Generator, m: int) -> np.ndarray:
        weights = _normal(rng, m, len(codes)) / scale
        return decode((centre + weights @ (codes - centre)).astype(np.float32))

    return draw


def _decoded_mixtures(known: Known) -> Draw:
    codes, decode = _coded("decoded-mixtures", known)

    def draw(rng: np.random.Generator, m: int) -> np.ndarray:
        return decode(_mixed(rng, codes, *_pairs(known, rng, m)).astype(np.float32))

    return draw


def _mean_and_noise(known: Known) -> Draw:
    d = known.faces.shape[1]
    return lambda rng, m: known.mean + np.float32(NOISE) * _normal(rng, m, d)


def _photographs(known: Known) -> Draw:
    return lambda rng, m: crops(rng, m, known.side, PANEL)


def _coded(name: str, known: Known) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    if known.codes is None or known.decode is None:
        raise InputError(f"{name}: codes and decode must be given, got neither. Pass both.")
    return known.codes, known.decode


def _faces(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    return known.faces[rng.integers(len(known.faces), size=m)]


def _pairs(known: Known, rng: np.random.Generator, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Two rows per draw, of different people where there are two."""
    _, person = np.unique(known.groups, return_inverse=True)
    one = rng.integers(len(person), size=m)
    other = rng.integers(len(person), size=m)
    if person.max() > 0:
        while (same := person[one] == person[other]).any():
            other[same] = rng.integers(len(person), size=int(same.sum()))
    return one, other


def _mixed(
    rng: np.random.Generator, rows: np.ndarray, one: np.ndarray, other: np.ndarray
) -> np.ndarray:
    share = rng.random((len(one), 1), dtype=np.float32)
    return share * rows[one] + (1 - share) * rows[other]


def _normal(rng: np.random.Generator, m: int, d: int) -> np.ndarray:
    return rng.standard_normal((m, d), dtype=np.float32)


def _of_numbers(name: str, title: str, latent: Callable[[Known], Latent]) -> Sampler:
    """A sampler that is a function of independent random numbers."""
    return Sampler(name, title, lambda known: latent(known).draw, latent=latent)


def _by_name(*samplers: Sampler) -> dict[str, Sampler]:
    return {sampler.name: sampler for sampler in samplers}


SAMPLERS: dict[str, Sampler] = _by_name(
    _of_numbers("uniform-pixels", "Uniform random pixels", _uniform),
    _of_numbers("pixelwise-gaussian", "Independent Gaussian pixels", _pixelwise),
    Sampler("shuffled-pixels", "Shuffled pixels of one {image}", _shuffled_pixels),
    Sampler("natural-noise", "Noise with a 1/f spectrum, as photographs have", _natural_noise),
    Sampler("scrambled-phases", "Spectrum of one {image}, random phases", _scrambled_phases),
    Sampler("shuffled-blocks", "Shuffled blocks of one {image}", _shuffled_blocks),
    _of_numbers(
        "leading-components-gaussian",
        "Gaussian in the first 32 principal components",
        _leading_components,
    ),
    _of_numbers(
        "full-covariance-gaussian", "Gaussian with the covariance of {images}", _full_covariance
    ),
    Sampler("pixel-mixtures", "Weighted average of two known {images}", _mixtures),
    Sampler("decoded-codes", "Decoded random codes (Gaussian)", _decoded_codes, needs_codes=True),
    Sampler(
        "decoded-mixtures",
        "Decoded weighted average of two codes",
        _decoded_mixtures,
        needs_codes=True,
    ),
)

# Apart from the ladder: a mean face that is no face to a careful eye, and real images of others.
CONTROLS: dict[str, Sampler] = _by_name(
    Sampler("mean-face-plus-noise", "Mean {image} plus noise", _mean_and_noise),
    Sampler("photographs", "Crops of photographs of other things", _photographs),
)
