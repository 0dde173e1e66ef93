"""Data augmentation: random changes of the training images that keep their labels.

The random numbers of a change are drawn first, one row per image; the change is then a function of
the image and its row. So part of a batch is changed exactly as it would be within the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from repviz import checks

SHIFT = 1 / 32  # the largest shift, as a fraction of an image's height and width


def shuffled(n: int, batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """The rows 0 to n - 1 in random order, in batches of ``batch``; the last may be smaller."""
    return torch.randperm(n, generator=generator).split(batch)


Draw = Callable[[int, torch.Generator], Tensor]
Change = Callable[[Tensor, Tensor, float, "Augmenter"], Tensor]


@dataclass(frozen=True)
class Augmentation:
    """One entry of :data:`AUGMENTATIONS`.

    Attributes
    ----------
    summary : str
        One line on what it does, with the unit of its amount.
    default : float
        The amount where none is given.
    largest : float
        The largest amount allowed.
    draw : callable
        From a number of images b and a generator to their random numbers (b, k).
    change : callable
        From images (b, c, h, w) uint8, their random numbers, the amount and the recipe's
        :class:`Augmenter` to changed images.
    """

    summary: str
    default: float
    largest: float
    draw: Draw
    change: Change


@dataclass(frozen=True)
class Augmenter:
    """The augmentations of one recipe, applied in the order of :data:`AUGMENTATIONS`.

    Attributes
    ----------
    amounts : mapping of str to float
        A key of :data:`AUGMENTATIONS` to its amount.
    size : (int, int)
        Height and width of the output, in pixels.
    colour_axes : Tensor, shape (3, 3), or None
        From :func:`principal_colours`; "colour" needs it.
    """

    amounts: Mapping[str, float]
    size: tuple[int, int]
    colour_axes: Tensor | None = None

    def __post_init__(self) -> None:
        for name, amount in self.amounts.items():
            checks.one_of("train", "augmentation", name, AUGMENTATIONS)
            largest = AUGMENTATIONS[name].largest
            checks.real("train", f"augmentation '{name}'", amount, low=0.0, high=largest)

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input: larger than ``size`` where crops are taken."""
        resize_factor = 1 + self.amounts.get("crop", 0.0)
        return round(self.size[0] * resize_factor), round(self.size[1] * resize_factor)

    def draw(self, b: int, generator: torch.Generator) -> list[Tensor]:
        """The random numbers of ``b`` images, one (b, k) tensor per augmentation."""
        return [entry.draw(b, generator) for entry, _ in self._active()]

    def change(self, images: Tensor, drawn: list[Tensor]) -> Tensor:
        """``images`` (b, c, *input_size) uint8, augmented: (b, c, *size) uint8."""
        for (entry, amount), numbers in zip(self._active(), drawn, strict=True):
            images = entry.change(images, numbers, amount, self)
        return images

    def _active(self) -> list[tuple[Augmentation, float]]:
        return [
            (entry, self.amounts[name])
            for name, entry in AUGMENTATIONS.items()
            if name in self.amounts
        ]


def _uniform(k: int) -> Draw:
    return lambda b, generator: torch.rand(b, k, generator=generator)


def _normal(k: int) -> Draw:
    return lambda b, generator: torch.randn(b, k, generator=generator)


def _seeds(b: int, generator: torch.Generator) -> Tensor:
    return torch.randint(2**62, (b, 1), generator=generator)


def principal_colours(pixels: np.ndarray) -> Tensor:
    """The principal axes of the colours in ``pixels``, each as long as its standard deviation.

    Parameters
    ----------
    pixels : ndarray, uint8, shape (n, 3, h, w)
        Training images; a thousand of them, evenly spread, are used.

    Returns
    -------
    Tensor, float32, shape (3, 3)
        One column per axis, in grey levels.
    """
    some = pixels[:: -(-len(pixels) // 1000), :, ::8, ::8].astype(np.float64)
    values, axes = np.linalg.eigh(np.cov(some.transpose(1, 0, 2, 3).reshape(3, -1)))
    return torch.from_numpy(axes * np.sqrt(values.clip(0))).float()


# Copying whole images and windows is several times as fast as indexing pixel by pixel.
def _flipped(images: Tensor, drawn: Tensor, share: float, _: Augmenter) -> Tensor:
    pairs = zip(images.unbind(), images.flip(-1).unbind(), strict=True)
    which = (drawn[:, 0] < share).tolist()
    return torch.stack([pair[mirrored] for pair, mirrored in zip(pairs, which, strict=True)])


def _shifted(images: Tensor, drawn: Tensor, shift: float, _: Augmenter) -> Tensor:
    height, width = images.shape[-2:]
    corners = []
    for axis, side in ((2, height), (3, width)):
        farthest = round(shift * side)
        corners.append((drawn[:, axis - 2] * (2 * farthest + 1)).long().tolist())
        first, last = images.narrow(axis, 0, 1), images.narrow(axis, side - 1, 1)
        images = torch.cat([*[first] * farthest, images, *[last] * farthest], dim=axis)
    windows = zip(images.unbind(), *corners, strict=True)
    return torch.stack([one[:, y : y + height, x : x + width] for one, y, x in windows])


def _cropped(images: Tensor, drawn: Tensor, _: float, augmenter: Augmenter) -> Tensor:
    height, width = augmenter.size
    spare = torch.tensor(images.shape[-2:]) - torch.tensor(augmenter.size)
    out = images.new_empty(len(images), images.shape[1], height, width)
    corners = (drawn * (spare + 1)).long().tolist()
    for window, image, (top, left) in zip(out, images, corners, strict=True):
        window.copy_(image[:, top : top + height, left : left + width])
    return out


def _rotated(images: Tensor, drawn: Tensor, degrees: float, _: Augmenter) -> Tensor:
    angle = (2 * drawn[:, 0] - 1) * math.radians(degrees)
    return _warped(images, angle.cos(), -angle.sin(), angle.sin(), angle.cos())


def _sheared(images: Tensor, drawn: Tensor, degrees: float, _: Augmenter) -> Tensor:
    slope = ((2 * drawn[:, 0] - 1) * math.radians(degrees)).tan()
    one = torch.ones_like(slope)
    return _warped(images, one, slope, torch.zeros_like(slope), one)


def _warped(images: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Each image sampled at [[a, b], [c, d]] @ coordinates; reflected beyond the edges."""
    zero = torch.zeros_like(a)
    ratio = images.shape[-2] / images.shape[-1]  # coordinates run from -1 to 1 along both axes
    theta = torch.stack([a, b * ratio, zero, c / ratio, d, zero], 1).view(-1, 2, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    warped = functional.grid_sample(
        images.float(), grid, padding_mode="reflection", align_corners=False
    )
    return warped.round_().clamp_(0, 255).to(torch.uint8)


def _recoloured(images: Tensor, drawn: Tensor, spread: float, augmenter: Augmenter) -> Tensor:
    """Red, green and blue moved together, as in Krizhevsky et al. (2012), section 4.1.

    They scale the axes by the eigenvalues of the covariance; here, as has become customary,
    by their square roots, so that ``spread`` has no unit.
    """
    if augmenter.colour_axes is None:
        return images
    moved = (drawn * spread) @ augmenter.colour_axes.T  # (b, 3), grey levels
    changed = images.to(torch.int16) + moved.round().to(torch.int16)[:, :, None, None]
    return changed.clamp_(0, 255).to(torch.uint8)


def _noisy(images: Tensor, drawn: Tensor, levels: float, _: Augmenter) -> Tensor:
    out = torch.empty_like(images)
    for image, changed, seed in zip(images, out, drawn[:, 0].tolist(), strict=True):
        rng = np.random.default_rng(seed)  # the image's own: part of a batch is changed alike
        noise = rng.standard_normal(tuple(image.shape), dtype=np.float32) * levels
        changed.copy_(torch.from_numpy(noise).add_(image).round_().clamp_(0, 255))
    return out


# In the order in which they are applied: geometric distortions before crops.
AUGMENTATIONS: dict[str, Augmentation] = {
    "rotation": Augmentation("rotated by up to this many degrees", 10, 180, _uniform(1), _rotated),
    "shear": Augmentation("sheared by up to this many degrees", 10, 60, _uniform(1), _sheared),
    "shift": Augmentation(
        "shifted by up to this fraction of a side; edges repeat", SHIFT, 1, _uniform(2), _shifted
    ),
    "crop": Augmentation(
        "a random crop of an image larger by this fraction", 256 / 227 - 1, 1, _uniform(2), _cropped
    ),
    "flip": Augmentation(
        "mirrored left to right with this probability", 0.5, 1, _uniform(1), _flipped
    ),
    "colour": Augmentation(
        "PCA colour shift, by this many standard deviations",
        0.1,
        2,
        _normal(3),
        _recoloured,
    ),
    "noise": Augmentation(
        "Gaussian noise of this standard deviation, in grey levels", 5, 128, _seeds, _noisy
    ),
}
