"""Principal components of images and of their mirror images: the best linear autoencoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg

from repviz import checks
from repviz.errors import InputError

Shape = tuple[int, int, int]  # channels, height, width
ROOT_HALF = np.float32(np.sqrt(0.5))


@dataclass(frozen=True, eq=False)
class MirroredPCA:
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
        Factor of a score under mirroring, 1 or -1; 1 where nothing was mirrored.
    """

    mean: np.ndarray = field(repr=False)
    basis: np.ndarray = field(repr=False)
    spread: np.ndarray = field(repr=False)
    sign: np.ndarray = field(repr=False)

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The scores (n, m) of rows ``X`` (n, d)."""
        return (X - self.mean) @ self.basis.T


def fit_mirrored_pca(
    copies: Iterable[np.ndarray],
    shape: Shape,
    components: int,
    *,
    mirror: bool,
    who: str = "pca",
) -> MirroredPCA:
    """The principal components of the rows of all ``copies`` and of their mirror images, exactly.

    Mirroring commutes with the covariance of images and their mirror images, so that each
    component is even or odd: two problems of half the size, an eighth of the time each.

    Parameters
    ----------
    copies : iterable of ndarray, shape (n, d)
        Rows, float32. Read several times, one copy in memory at once.
    shape : (int, int, int)
        Channels, height and width of a row.
    components : int
        Largest number of components; fewer where the rows have no more variance.
    mirror : bool
        Whether to include the mirror images.
    who : str
        Name of the caller, for the message.

    Raises
    ------
    InputError
        A value is not finite, or all rows are equal.
    """
    first = checks.matrix(who, next(iter(copies)))
    d_odd = int(np.prod(shape[:2])) * (shape[2] // 2) if mirror else 0
    d_even = int(np.prod(shape)) - d_odd
    count, total = 0, np.zeros(d_even)
    for X in copies:
        count += len(X)
        total += (_even(X, shape) if mirror else X).sum(axis=0, dtype=np.float64)
    mean = (total / count).astype(np.float32)
    centred = ((_even(X, shape) if mirror else X) - mean for X in copies)
    parts = [(*_directions(centred, count, d_even, components), 1.0)]
    if mirror:
        odd = (_odd(X, shape) for X in copies)
        parts.append((*_directions(odd, count, d_odd, components), -1.0))
    values = np.concatenate([values for values, _, _ in parts])
    if not values.max(initial=0) > 0:
        spread = float(np.ptp(first, axis=0).max())
        if spread > 0:
            raise InputError(
                f"{who}: the training images must differ by enough for float32, got differences of "
                f"at most {spread:.3g}. Scale them to [0, 1]."
            )
        raise InputError(
            f"{who}: the training images must differ, got identical images. Use other images."
        )
    part_of = np.concatenate([np.full(len(f[0]), i) for i, f in enumerate(parts)])
    place = np.concatenate([np.arange(len(f[0])) for f in parts])
    order = np.argsort(-values, kind="stable")[:components]
    order = order[values[order] > values.max() * 1e-9]
    basis = np.empty((len(order), int(np.prod(shape))), np.float32)
    for row, at in enumerate(order):
        direction, sign = parts[part_of[at]][1][place[at]], parts[part_of[at]][2]
        basis[row] = _unfold(direction, shape, sign) if mirror else direction
    full_mean = _unfold(mean, shape, 1.0) if mirror else mean
    sign = np.array([parts[part_of[at]][2] for at in order], np.float32)
    spread = np.sqrt(values[order] / count).astype(np.float32)
    return MirroredPCA(full_mean, basis, spread, sign)


def _even(X: np.ndarray, shape: Shape) -> np.ndarray:
    """Even parts of rows under the mirror, in orthonormal coordinates."""
    left, right = _sides(X, shape)
    half = shape[2] // 2
    middle = X.reshape(-1, *shape)[..., half : shape[2] - half]
    return np.concatenate([(left + right) * ROOT_HALF, middle], axis=-1).reshape(len(X), -1)


def _odd(X: np.ndarray, shape: Shape) -> np.ndarray:
    """Odd parts of rows under the mirror, in orthonormal coordinates."""
    left, right = _sides(X, shape)
    return ((left - right) * ROOT_HALF).reshape(len(X), -1)


def _sides(X: np.ndarray, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """The left half of each image, and its right half mirrored."""
    images = X.reshape(-1, *shape)
    half = shape[2] // 2
    return images[..., :half], images[..., ::-1][..., :half]


def _unfold(part: np.ndarray, shape: Shape, sign: float) -> np.ndarray:
    """One even (sign 1) or odd (sign -1) part as a row of pixels."""
    half = shape[2] // 2
    part = part.reshape(*shape[:2], -1)
    left, middle = part[..., :half] * ROOT_HALF, part[..., half:]
    if sign < 0:
        middle = np.zeros((*shape[:2], shape[2] - 2 * half), part.dtype)
    right = left[..., ::-1] if sign > 0 else -left[..., ::-1]
    return np.concatenate([left, middle, right], axis=-1).ravel()


def _directions(
    parts: Iterable[np.ndarray], n: int, d: int, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares (k,) and directions (k, d) of n rows that are centred already."""
    wide = n <= d
    if wide:
        X = np.concatenate(list(parts))
        gram = (X @ X.T).astype(np.float64)
    else:
        gram = np.zeros((d, d))
        for part in parts:
            gram += part.T @ part
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
