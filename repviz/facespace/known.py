"""The known faces, to which samplers and judges are fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError

Decode = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Known:
    """Known faces, whom they show, and an autoencoder's codes of them.

    Attributes
    ----------
    faces : ndarray of float32, shape (n, d)
        Grey images in [0, 1], one per row.
    people : ndarray, shape (n,), optional
        Whom each row shows. Without it every row counts as another person.
    codes : ndarray, shape (n, k), optional
        Codes of the faces.
    decode : callable, optional
        From codes (m, k) to rows (m, d).
    fitted_n : int, optional
        How many faces a judge may count on when it chooses its size; all of them if left out. The
        judges of every fold and of all faces then have one size, and their scores compare.
    oriented : bool
        Whether an image upside down, or moved, is no longer one of its kind: true of faces, not of
        every digit or texture.
    """

    faces: np.ndarray = field(repr=False)
    people: np.ndarray | None = field(default=None, repr=False)
    codes: np.ndarray | None = field(default=None, repr=False)
    decode: Decode | None = None
    fitted_n: int | None = None
    oriented: bool = True

    @cached_property
    def mean(self) -> np.ndarray:
        """The mean face, shape (d,)."""
        return self.faces.mean(axis=0, dtype=np.float64).astype(np.float32)

    @cached_property
    def variance(self) -> np.ndarray:
        """The variance of each pixel over the faces, in squared grey levels, shape (d,)."""
        return self.faces.var(axis=0, ddof=1).astype(np.float64)

    @property
    def side(self) -> int:
        """Height and width of an image, in pixels.

        Raises
        ------
        InputError
            The rows are not square images.
        """
        side = round(self.faces.shape[1] ** 0.5)
        if side * side != self.faces.shape[1]:
            raise InputError(
                f"facespace: rows must be square images, got rows of {self.faces.shape[1]} "
                "pixels. Open the images as squares: size=64."
            )
        return side

    @property
    def groups(self) -> np.ndarray:
        """The person of each row, shape (n,): the row's own number where nobody is named."""
        return np.arange(len(self.faces)) if self.people is None else np.asarray(self.people)

    def rows(self, rows: np.ndarray) -> Known:
        """The faces of these rows only, without codes."""
        people = None if self.people is None else np.asarray(self.people)[rows]
        return replace(self, faces=self.faces[rows], people=people, codes=None, decode=None)


def pixels(who: str, what: str, X: Any) -> np.ndarray:
    """``X`` as a finite matrix with values in [0, 1]."""
    X = checks.matrix(who, X, rows=1)
    if X.min() < 0 or X.max() > 1:
        raise InputError(
            f"{who}: {what} must have values from 0 to 1, got {X.min():g} to {X.max():g}. Divide "
            "uint8 pixels by 255."
        )
    return X
