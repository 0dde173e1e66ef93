"""What autoencoders are trained on, and the linear optimum that some of them start from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import scipy.linalg
import torch
from torch import Tensor

from repviz import checks
from repviz.errors import InputError
from repviz.models.scores import looked_at
from repviz.training.augmenting import SHIFT

Shape = tuple[int, int, int]  # channels, height, width
COPIES_BYTES = 256 << 20  # how much the components of shifted copies may take


@dataclass(frozen=True, eq=False)
class Linear:
    """The best linear autoencoder of some images, for every size of code up to m.

    Attributes
    ----------
    mean : ndarray, shape (d,)
        The mean image.
    basis : ndarray, shape (m, d)
        Orthonormal directions, most variance first.
    spread : ndarray, shape (m,)
        Standard deviation along each, in grey levels.
    sign : ndarray, shape (m,)
        What the mirror multiplies a score by: 1 or -1. 1 where nothing was mirrored.
    """

    mean: np.ndarray = field(repr=False)
    basis: np.ndarray = field(repr=False)
    spread: np.ndarray = field(repr=False)
    sign: np.ndarray = field(repr=False)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The scores (n, m) of rows ``X`` (n, d)."""
        return (X - self.mean) @ self.basis.T


@dataclass(frozen=True, eq=False)
class Material:
    """Images to fit on and images to choose with, held once; rows that are no images, too.

    Attributes
    ----------
    train, validation : ndarray, shape (n, channels, height, width)
        uint8 pixels, or float32 numbers (then there is nothing to mirror, shift or clip).
    mirror : bool
        Whether an image's mirror image counts as another image.
    shift : float
        The farthest that an image is moved while autoencoders are trained, as a share of its side.
    most : int
        The longest code that will be asked for.
    """

    train: np.ndarray = field(repr=False)
    validation: np.ndarray = field(repr=False)
    mirror: bool = True
    shift: float = SHIFT
    most: int = 64

    @property
    def shape(self) -> Shape:
        """Channels, height and width."""
        channels, height, width = self.train.shape[1:]
        return channels, height, width

    @property
    def pictures(self) -> bool:
        """Whether these are pixels, with a black and a white."""
        return self.train.dtype == np.uint8

    def rows(self, part: np.ndarray) -> np.ndarray:
        """``part`` as float32 rows (n, d), pixels in [0, 1]."""
        flat = part.reshape(len(part), -1)
        return flat.astype(np.float32) / np.float32(255) if self.pictures else flat

    @cached_property
    def moves(self) -> list[tuple[int, int]]:
        """How far down and across the copies are moved, in pixels; nearest first, (0, 0) first."""
        if not self.pictures:
            return [(0, 0)]
        far = [round(self.shift * side) for side in self.shape[1:]]
        moves = [
            (down, across)
            for down in range(-far[0], far[0] + 1)
            for across in range(-far[1], far[1] + 1)
            if abs(down) + abs(across) <= max(far)
        ]
        most = max(1, COPIES_BYTES // (4 * len(self.train) * self._looked_at))
        return sorted(moves, key=lambda move: abs(move[0]) + abs(move[1]))[:most]

    def moved(self, move: tuple[int, int]) -> np.ndarray:
        """The training rows (n, d), each moved alike; what comes in repeats the edge."""
        down, across = move
        if not (down or across):
            return self.rows(self.train)
        _, height, width = self.shape
        y = np.clip(np.arange(height) + down, 0, height - 1)
        x = np.clip(np.arange(width) + across, 0, width - 1)
        return self.rows(self.train[:, :, y[:, None], x])

    @cached_property
    def linear(self) -> Linear:
        """The linear optimum on the training images and, if so wanted, their mirror images."""
        return fit_linear([self.moved((0, 0))], self.shape, self._looked_at, mirror=self.mirror)

    @cached_property
    def linear_moved(self) -> Linear:
        """The linear optimum on all the copies that autoencoders are trained on."""
        copies = [self.moved(move) for move in self.moves]
        return fit_linear(copies, self.shape, self.most, mirror=self.mirror)

    @cached_property
    def copies(self) -> Tensor:
        """The scores (copies, n, m) of the moved training images."""
        linear = self.linear
        found = [torch.from_numpy(linear.scores(self.moved(move))) for move in self.moves]
        return torch.stack(found)

    @property
    def _looked_at(self) -> int:
        rank = len(self.train) * (1 + self.mirror) - 1
        return min(looked_at(self.most, int(np.prod(self.shape))), rank)


def fit_linear(copies: list[np.ndarray], shape: Shape, components: int, *, mirror: bool) -> Linear:
    """The principal components of the rows of all ``copies`` and of their mirror images, exactly.

    Mirroring commutes with the covariance of images and their mirror images, so that each
    component is even or odd: two problems of half the size, an eighth of the time each.

    Parameters
    ----------
    copies : list of ndarray, shape (n, d)
        Rows, float32.
    shape : (int, int, int)
        Channels, height and width of a row.
    components : int
        How many to keep at most; fewer where the rows have no more variance.
    mirror : bool
        Whether to count the mirror images.

    Raises
    ------
    InputError
        A value is not finite, or all rows are equal.
    """
    for X in copies[:1]:
        checks.matrix("sweep", X)
    halves = [_halves(X, shape) for X in copies] if mirror else [(X, None) for X in copies]
    even = [pair[0] for pair in halves]
    count = sum(map(len, even))
    mean = np.add.reduce([X.sum(axis=0, dtype=np.float64) for X in even]) / count
    mean = mean.astype(np.float32)
    found = [(*_directions([X - mean for X in even], components), 1.0)]
    if mirror:
        found.append((*_directions([X for _, X in halves if X is not None], components), -1.0))
    values = np.concatenate([values for values, _, _ in found])
    if not values.max(initial=0) > 0:
        raise InputError(
            "sweep: the training images must differ, got the same image throughout. "
            "Give it other images."
        )
    owner = np.concatenate([np.full(len(f[0]), i) for i, f in enumerate(found)])
    place = np.concatenate([np.arange(len(f[0])) for f in found])
    order = np.argsort(-values, kind="stable")[:components]
    order = order[values[order] > values.max() * 1e-9]
    basis = np.empty((len(order), int(np.prod(shape))), np.float32)
    for row, at in enumerate(order):
        direction, sign = found[owner[at]][1][place[at]], found[owner[at]][2]
        basis[row] = _whole(direction, shape, sign) if mirror else direction
    whole_mean = _whole(mean, shape, 1.0) if mirror else mean
    sign = np.array([found[owner[at]][2] for at in order], np.float32)
    spread = np.sqrt(values[order] / count).astype(np.float32)
    return Linear(whole_mean, basis, spread, sign)


def _halves(X: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Rows as their even and odd parts under the mirror, in orthonormal coordinates."""
    pictures = X.reshape(-1, *shape)
    half = shape[2] // 2
    left, right = pictures[..., :half], pictures[..., ::-1][..., :half]
    root = np.float32(np.sqrt(0.5))
    middle = pictures[..., half : shape[2] - half]
    even = np.concatenate([(left + right) * root, middle], axis=-1)
    return even.reshape(len(X), -1), ((left - right) * root).reshape(len(X), -1)


def _whole(part: np.ndarray, shape: Shape, sign: float) -> np.ndarray:
    """One even (sign 1) or odd (sign -1) part as a row of pixels."""
    half = shape[2] // 2
    part = part.reshape(*shape[:2], -1)
    left, middle = part[..., :half] * np.float32(np.sqrt(0.5)), part[..., half:]
    if sign < 0:
        middle = np.zeros((*shape[:2], shape[2] - 2 * half), part.dtype)
    right = left[..., ::-1] if sign > 0 else -left[..., ::-1]
    return np.concatenate([left, middle, right], axis=-1).ravel()


def _directions(parts: list[np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares (k,) and directions (k, d) of rows that are centred already."""
    n, d = sum(map(len, parts)), parts[0].shape[1]
    wide = n <= d
    if wide:
        X = np.concatenate(parts)
        gram = (X @ X.T).astype(np.float64)
    else:
        gram = np.add.reduce([(X.T @ X).astype(np.float64) for X in parts])
    last = len(gram) - 1
    if last < 0:
        return np.zeros(0), np.zeros((0, d), np.float32)
    first = max(0, last - count + 1)
    values, vectors = scipy.linalg.eigh(gram, subset_by_index=(first, last))
    values, vectors = values[::-1].clip(0), vectors[:, ::-1].T
    if wide:
        length = np.sqrt(np.maximum(values, 1e-12 * max(float(values[0]), 1e-300)))
        vectors = (vectors.astype(np.float32) @ X) / length[:, None]
    return values, np.ascontiguousarray(vectors, dtype=np.float32)
