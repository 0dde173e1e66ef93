"""The data that a criterion may use besides the images that it scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Reference:
    """The original test images and the training images, with what is known about them.

    Attributes
    ----------
    originals : ndarray, shape (n, d)
        The test images before compression; pixels in [0, 1].
    shape : (int, int, int)
        Channels, height and width; d is their product.
    labels : ndarray of str, shape (n,), or None
        The label of each test image.
    factors : dict of str to ndarray, shape (n,)
        The known factors of each test image (pose, light).
    train : ndarray, shape (m, d)
        The training images.
    train_labels : ndarray of str, shape (m,), or None
        The label of each training image.
    train_factors : dict of str to ndarray, shape (m,)
        The known factors of each training image.
    """

    originals: np.ndarray = field(repr=False)
    shape: tuple[int, int, int]
    labels: np.ndarray | None = field(repr=False)
    factors: dict[str, np.ndarray] = field(repr=False)
    train: np.ndarray = field(repr=False)
    train_labels: np.ndarray | None = field(repr=False)
    train_factors: dict[str, np.ndarray] = field(repr=False)

    @property
    def varying_factors(self) -> list[str]:
        """The factors that vary among the training images and among the test images.

        One that is constant among either cannot be fitted, or has no variance to explain.
        """
        return [
            name
            for name, values in self.factors.items()
            if np.std(values) > 0 and np.std(self.train_factors[name]) > 0
        ]


Score = Callable[[np.ndarray, Reference], np.ndarray]  # (images (n, d), reference) -> (n,)
