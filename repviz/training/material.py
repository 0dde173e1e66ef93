"""What autoencoders are trained on: the training and validation images, held once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from repviz.models.scores import n_components_for
from repviz.principal.mirrored import MirroredPCA, Shape, fit_linear
from repviz.training.augmenting import SHIFT

COPIES_BYTES = 256 << 20  # how much the components of shifted copies may take


@dataclass(frozen=True, eq=False)
class TrainingData:
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
        most = max(1, COPIES_BYTES // (4 * len(self.train) * self._n_components))
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
    def linear(self) -> MirroredPCA:
        """The linear optimum on the training images and, if so wanted, their mirror images."""
        return fit_linear([self.moved((0, 0))], self.shape, self._n_components, mirror=self.mirror)

    @cached_property
    def linear_moved(self) -> MirroredPCA:
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
    def _n_components(self) -> int:
        rank = len(self.train) * (1 + self.mirror) - 1
        return min(n_components_for(self.most, int(np.prod(self.shape))), rank)
