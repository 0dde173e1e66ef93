"""Images that are no faces, to measure the false-accept rate of judges: :data:`NEGATIVES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from repviz.facespace import scrambles
from repviz.facespace.known import Known
from repviz.facespace.photographs import TRAINING, crops, scaled
from repviz.facespace.samplers import CONTROLS, SAMPLERS

BLUR = 5 / 64  # standard deviation of the blur of "blurred", as a share of the side


@dataclass(frozen=True)
class Negative:
    """One kind of image that is no face.

    Attributes
    ----------
    name, title : str
        Its key in :data:`NEGATIVES`, and what the report calls it, with ``{image}`` and
        ``{images}`` for what the images show.
    draw : callable
        ``(known, rng, m) -> ndarray of float32, shape (m, d)``, in [0, 1].
    trains : bool
        Whether the classifier is trained against this kind (made from other faces).
    faces_only : bool
        Whether it is a negative only where an image has one way up and one place.
    of_one_face : bool
        Whether each is made from one known face, drawn by the first numbers of ``rng``.
    """

    name: str
    title: str
    draw: Callable[[Known, np.random.Generator, int], np.ndarray]
    trains: bool = True
    faces_only: bool = False
    of_one_face: bool = False

    def sources(self, known: Known, rng: np.random.Generator, m: int) -> np.ndarray | None:
        """The rows of the faces from which :meth:`draw` makes m images; None where from none.

        ``rng`` starts as that of ``draw`` does.
        """
        return rng.integers(len(known.faces), size=m) if self.of_one_face else None


Draw = Callable[[Known, np.random.Generator, int], np.ndarray]


def panel(known: Known) -> list[Negative]:
    """The kinds of negatives that apply to such images."""
    return [kind for kind in NEGATIVES.values() if known.oriented or not kind.faces_only]


def _clipped(draw: Draw) -> Draw:
    return lambda known, rng, m: np.clip(draw(known, rng, m), 0, 1).astype(np.float32)


def _sampled(name: str) -> Draw:
    """A kind of negatives drawn by the sampler of this name."""
    sampler = (SAMPLERS | CONTROLS)[name]
    return _clipped(lambda known, rng, m: sampler.fit(known)(rng, m))


def _of_faces(change: Callable[[np.random.Generator, np.ndarray, int], np.ndarray]) -> Draw:
    """A kind made from faces drawn at random: ``change(rng, rows, side)``."""

    def draw(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
        rows = known.faces[rng.integers(len(known.faces), size=m)]
        return change(rng, rows, known.side)

    return _clipped(draw)


def _constant(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    return np.repeat(rng.random((m, 1)), known.faces.shape[1], axis=1)


def _blurred(rng: np.random.Generator, rows: np.ndarray, side: int) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    width = BLUR * side
    return gaussian_filter(rows.reshape(-1, side, side), (0, width, width)).reshape(rows.shape)


def _upside_down(rng: np.random.Generator, rows: np.ndarray, side: int) -> np.ndarray:
    return rows.reshape(-1, side, side)[:, ::-1].reshape(rows.shape)


def _rotated(rng: np.random.Generator, rows: np.ndarray, side: int) -> np.ndarray:
    return np.rot90(rows.reshape(-1, side, side), axes=(1, 2)).reshape(rows.shape)


def _zoomed_crop(rng: np.random.Generator, rows: np.ndarray, side: int) -> np.ndarray:
    """A quarter of the image, cropped at a random place and enlarged to twice the size."""
    half, out = side // 2, np.empty((len(rows), side, side), np.float32)
    for row, face in enumerate(rows.reshape(-1, side, side)):
        y, x = rng.integers(side - half + 1, size=2)
        out[row] = scaled(face[y : y + half, x : x + half], side)
    return out.reshape(rows.shape)


def _shifted(rng: np.random.Generator, rows: np.ndarray, side: int) -> np.ndarray:
    """Images shifted along both axes by 0.2 to 0.4 of the side, edge pixels repeated."""
    out, reach = np.empty((len(rows), side, side), np.float32), side // 2
    for row, face in enumerate(rows.reshape(-1, side, side)):
        moves = rng.choice([-1, 1], 2) * rng.integers(side // 5, 2 * side // 5 + 1, size=2)
        y, x = reach + moves
        out[row] = np.pad(face, reach, mode="edge")[y : y + side, x : x + side]
    return out.reshape(rows.shape)


def _digits(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    from sklearn.datasets import load_digits

    digits = load_digits().images.astype(np.float32) / 16
    chosen = digits[rng.integers(len(digits), size=m)]
    return np.stack([scaled(digit, known.side).ravel() for digit in chosen])


def _patches(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    """The 100 patches without faces, each at most once while they last."""
    from skimage.data import lfw_subset

    patches = np.asarray(lfw_subset()[100:], dtype=np.float32)
    order = np.resize(rng.permutation(len(patches)), m)
    return np.stack([scaled(patches[row], known.side).ravel() for row in order])


def _shapes(known: Known, rng: np.random.Generator, m: int) -> np.ndarray:
    """One to six discs and boxes of random greys on a random grey."""
    side = known.side
    y, x = np.mgrid[:side, :side] / side
    out = np.empty((m, side, side), np.float32)
    for row in range(m):
        image = np.full((side, side), rng.random(), np.float32)
        for _ in range(rng.integers(1, 7)):
            (cy, cx), (h, w) = rng.random(2), rng.uniform(0.05, 0.4, 2)
            down, across = np.abs(y - cy) / h, np.abs(x - cx) / w
            inside = np.maximum(down, across) < 1 if rng.random() < 0.5 else down**2 + across**2 < 1
            image[inside] = rng.random()
        out[row] = image
    return out.reshape(m, -1)


def _blocks(across: int) -> Draw:
    return _of_faces(lambda rng, rows, side: scrambles.blocks(rng, rows, side, across))


_from_face = partial(Negative, of_one_face=True)
_ALL = (
    Negative("uniform-pixels", "Uniform random pixels", _sampled("uniform-pixels")),
    Negative("pixelwise-gaussian", "Independent Gaussian pixels", _sampled("pixelwise-gaussian")),
    _from_face("shuffled-pixels", "Shuffled pixels", _sampled("shuffled-pixels")),
    Negative("natural-noise", "Noise with a 1/f spectrum", _sampled("natural-noise")),
    _from_face("scrambled-phases", "Randomised Fourier phases", _sampled("scrambled-phases")),
    Negative("mean-face-plus-noise", "Mean {image} plus noise", _sampled("mean-face-plus-noise")),
    Negative("constant", "Constant grey", _clipped(_constant)),
    _from_face("blurred", "Strongly blurred", _of_faces(_blurred)),
    _from_face("inverted", "Inverted grey levels", _of_faces(lambda rng, rows, side: 1 - rows)),
    _from_face("upside-down", "Upside down", _of_faces(_upside_down), faces_only=True),
    _from_face("rotated-90", "Rotated by 90 degrees", _of_faces(_rotated), faces_only=True),
    _from_face("blocks-2", "2 x 2 blocks shuffled", _blocks(2)),
    _from_face("blocks-4", "4 x 4 blocks shuffled", _blocks(4)),
    _from_face("blocks-8", "8 x 8 blocks shuffled", _sampled("shuffled-blocks")),
    _from_face(
        "zoomed-crop", "Enlarged crop of a quarter", _of_faces(_zoomed_crop), faces_only=True
    ),
    _from_face("shifted", "Shifted by a third", _of_faces(_shifted), faces_only=True),
    Negative(
        "photographs",
        "Photographs of other things",
        _sampled("photographs"),
        trains=False,
    ),
    Negative(
        "training-photographs",
        "Photographs from the classifier's training set",
        _clipped(lambda known, rng, m: crops(rng, m, known.side, TRAINING)),
    ),
    Negative(
        "patches", "Image patches without faces", _clipped(_patches), trains=False, faces_only=True
    ),
    Negative("digits", "Handwritten digits", _clipped(_digits), trains=False, faces_only=True),
    Negative("shapes", "Random discs and boxes", _clipped(_shapes), trains=False),
)
NEGATIVES: dict[str, Negative] = {kind.name: kind for kind in _ALL}
