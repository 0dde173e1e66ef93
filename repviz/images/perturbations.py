"""Perturbed images: mirrored, shifted, rotated, sheared, with noise, brightened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage

from repviz import checks
from repviz.images.collection import Images

SHIFT, ANGLE, SHEAR, NOISE, LIGHT = 0.05, 10.0, 0.15, 12.0, 1.3


@dataclass(frozen=True)
class Perturbation:
    """A change of an image, and its title.

    Attributes
    ----------
    title : str
        With its strength and unit.
    apply : callable
        From pixels, uint8 of shape (c, h, w), and a random generator to pixels of that shape.
    """

    title: str
    apply: Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _mirror(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.ascontiguousarray(pixels[:, :, ::-1])


def _shift(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    offset = max(1, round(SHIFT * pixels.shape[2]))
    out = np.roll(pixels, offset, axis=2)
    out[:, :, :offset] = pixels[:, :, :1]  # the edge fills the gap
    return out


def _rotation(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    turned = scipy.ndimage.rotate(
        pixels.astype(np.float32), ANGLE, axes=(2, 1), reshape=False, order=1, mode="nearest"
    )
    return _grey_levels(turned)


def _shear(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    matrix = np.array([[1, 0, 0], [0, 1, 0], [0, SHEAR, 1]])
    offset = [0, 0, -SHEAR * pixels.shape[1] / 2]
    slanted = scipy.ndimage.affine_transform(
        pixels.astype(np.float32), matrix, offset, order=1, mode="nearest"
    )
    return _grey_levels(slanted)


def _noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _grey_levels(pixels + rng.normal(scale=NOISE, size=pixels.shape))


def _light(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _grey_levels(pixels * LIGHT)


PERTURBATIONS: dict[str, Perturbation] = {
    "mirror": Perturbation("mirrored", _mirror),
    "shift": Perturbation(f"moved by {100 * SHIFT:g} % of the width", _shift),
    "rotation": Perturbation(f"turned by {ANGLE:g} degrees", _rotation),
    "shear": Perturbation(f"sheared by {SHEAR:g}", _shear),
    "noise": Perturbation(f"with noise of {NOISE:g} grey levels", _noise),
    "brightness": Perturbation(f"brightness × {LIGHT:g}", _light),
}


class _PerturbedStore:
    """A store that perturbs the decoded images of another."""

    def __init__(self, images: Images, name: str, seed: int) -> None:
        self.images, self.name, self.seed = images, name, seed

    def where(self, row: int) -> str:
        return f"{self.images.ids[row]}, {PERTURBATIONS[self.name].title}"

    def stored_bytes(self, row: int) -> bytes:
        return f"{self.name} {self.seed} {self.images.hashes()[row]}".encode()

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        rng = np.random.default_rng([self.seed, row])
        return PERTURBATIONS[self.name].apply(self.images.read(row), rng)


def perturb(images: Images, name: str, *, seed: int = 0) -> Images:
    """The same images, each perturbed in the same way when it is decoded.

    Parameters
    ----------
    images : Images
        The images, perturbed at their own size and in their own colours.
    name : str
        A name in :data:`PERTURBATIONS`.
    seed : int
        Seed of "noise".

    Raises
    ------
    UnknownName
        There is no such perturbation.
    """
    checks.one_of("perturb", "perturbation", name, PERTURBATIONS)
    return replace(
        images,
        name=f"{images.name}, {PERTURBATIONS[name].title}",
        size=None,
        grey=None,
        from_known_manifold=False,
        _store=_PerturbedStore(images, name, seed),
        _index=np.arange(len(images)),
    )


def _grey_levels(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)
