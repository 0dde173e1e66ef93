"""The training and validation images of autoencoders, held in memory once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repviz import provenance
from repviz.models.scores import n_components_for
from repviz.principal.mirrored import MirroredPCA, Shape, fit_mirrored_pca
from repviz.training.augmentation import SHIFT

COPIES_BYTES = 256 << 20  # memory that the scores of shifted copies may take


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training and validation images, or rows of numbers that are no images.

    Attributes
    ----------
    train, validation : ndarray, shape (n, channels, height, width)
        uint8 pixels, or float32 numbers, which are not mirrored, shifted or clipped.
    mirror : bool
        Whether mirror images are training images too.
    shift : float
        The largest shift of an image while autoencoders are trained, as a fraction of its side.
    max_bottleneck : int
        The longest code that will be trained.
    who : str
        The function that refuses images, for messages.
    """

    train: np.ndarray = field(repr=False)
    validation: np.ndarray = field(repr=False)
    mirror: bool = True
    shift: float = SHIFT
    max_bottleneck: int = 64
    who: str = "train"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled by its fields: what another process computes then depends on them alone."""
        values = [getattr(self, field.name) for field in fields(self)]
        key = provenance.sha256(
            self.train.tobytes(), self.validation.tobytes(), repr(values[2:]).encode()
        )
        return _unpickled, (key, *values)

    @property
    def shape(self) -> Shape:
        """Channels, height and width."""
        channels, height, width = self.train.shape[1:]
        return channels, height, width

    @property
    def is_pixels(self) -> bool:
        """Whether the rows are uint8 pixels."""
        return self.train.dtype == np.uint8

    def rows(self, part: np.ndarray) -> np.ndarray:
        """``part`` as float32 rows (n, d), pixels in [0, 1]."""
        flat = part.reshape(len(part), -1)
        return flat.astype(np.float32) / np.float32(255) if self.is_pixels else flat

    @cached_property
    def shifts(self) -> list[tuple[int, int]]:
        """The shifts (down, across) of the copies, in pixels; smallest first, so (0, 0) first."""
        if not self.is_pixels:
            return [(0, 0)]
        largest = [round(self.shift * side) for side in self.shape[1:]]
        shifts = [
            (down, across)
            for down in range(-largest[0], largest[0] + 1)
            for across in range(-largest[1], largest[1] + 1)
            if abs(down) + abs(across) <= max(largest)
        ]
        affordable = max(1, COPIES_BYTES // (4 * len(self.train) * self._n_components))
        return sorted(shifts, key=lambda shift: abs(shift[0]) + abs(shift[1]))[:affordable]

    def shifted(self, shift: tuple[int, int]) -> np.ndarray:
        """The training rows (n, d), all shifted alike; edges are repeated."""
        down, across = shift
        if not (down or across):
            return self.rows(self.train)
        _, height, width = self.shape
        y = np.clip(np.arange(height) + down, 0, height - 1)
        x = np.clip(np.arange(width) + across, 0, width - 1)
        return self.rows(self.train[:, :, y[:, None], x])

    @cached_property
    def linear(self) -> MirroredPCA:
        """PCA of the training images and, with ``mirror``, their mirror images."""
        return fit_mirrored_pca(
            [self.shifted((0, 0))], self.shape, self._n_components, mirror=self.mirror, who=self.who
        )

    @cached_property
    def linear_all(self) -> MirroredPCA:
        """PCA of the training and the validation images and, with ``mirror``, of their mirrors."""
        both = np.concatenate([self.rows(self.train), self.rows(self.validation)])
        return fit_mirrored_pca(
            [both], self.shape, self.max_bottleneck, mirror=self.mirror, who=self.who
        )

    @cached_property
    def linear_augmented(self) -> MirroredPCA:
        """PCA of all the shifted copies that autoencoders are trained on."""
        return fit_mirrored_pca(
            ShiftedCopies(self), self.shape, self.max_bottleneck, mirror=self.mirror, who=self.who
        )

    @cached_property
    def copies(self) -> Tensor:
        """The PCA scores (copies, n, m) of the shifted training images."""
        scores = [self.linear.scores(self.shifted(shift)) for shift in self.shifts]
        return torch.stack([torch.from_numpy(part) for part in scores])

    @property
    def _n_components(self) -> int:
        rank = len(self.train) * (1 + self.mirror) - 1
        return min(n_components_for(self.max_bottleneck, int(np.prod(self.shape))), rank)


_last: dict[str, TrainingData] = {}  # of a process that fits many codes of the same images


def _unpickled(key: str, *values: Any) -> TrainingData:
    """The data of these fields; the same object as before, with its components, if it can be."""
    if key not in _last:
        _last.clear()
        _last[key] = TrainingData(*values)
    return _last[key]


@dataclass(frozen=True, eq=False)
class ShiftedCopies:
    """The training rows (n, d) at each shift, one copy in memory at once."""

    data: TrainingData

    def __iter__(self) -> Iterator[np.ndarray]:
        return map(self.data.shifted, self.data.shifts)
