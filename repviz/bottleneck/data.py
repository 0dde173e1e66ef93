"""What is swept: images, or the rows of any matrix, with what is known about each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, provenance
from repviz.errors import InputError
from repviz.images import as_images
from repviz.images.collection import Images
from repviz.nouns import ROWS, Nouns
from repviz.training.augmentation import SHIFT

if TYPE_CHECKING:
    from repviz.activations.store import Activations

LEAST, WIDEST = 8, 2048  # pixels a side


@dataclass(frozen=True, eq=False)
class Subject:
    """n rows of one shape.

    Attributes
    ----------
    name, credit : str
        What it is called, and whom to thank.
    X : ndarray, shape (n, channels, height, width)
        uint8 pixels; or float32 rows as (n, 1, 1, d).
    ids : tuple of str
        n distinct names.
    labels : ndarray of str, shape (n,), or None
        Who or what each row shows.
    factors : dict of str to ndarray of float64, shape (n,)
        What is known about how each row came about.
    key : str
        The hash of X.
    from_known_manifold : bool
        As in :class:`repviz.images.collection.Images`.
    nouns : Nouns
        What one row and one label are called in reports.
    """

    name: str
    credit: str
    X: np.ndarray = field(repr=False)
    ids: tuple[str, ...] = field(repr=False)
    labels: np.ndarray | None = field(repr=False)
    factors: dict[str, np.ndarray] = field(repr=False)
    key: str = field(repr=False)
    from_known_manifold: bool = False
    nouns: Nouns = ROWS

    def __len__(self) -> int:
        return len(self.X)

    @property
    def pictures(self) -> bool:
        """Whether the rows are images."""
        return self.X.dtype == np.uint8

    @property
    def shift(self) -> float:
        """How far an image is moved in training unless told otherwise, as a share of its side.

        0 where moving makes something else of it: of numbers that are no pixels, and of images that
        are a whole manifold, to which moving would add two dimensions.
        """
        return SHIFT if self.pictures and not self.from_known_manifold else 0.0

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return () if self.labels is None else tuple(np.unique(self.labels).tolist())

    @property
    def label_indices(self) -> np.ndarray:
        """The place of each row's label in :attr:`classes`."""
        return np.unique([] if self.labels is None else self.labels, return_inverse=True)[1]

    def described(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return described(self, self.X.shape[1:])


def describe(images: Images) -> dict[str, Any]:
    """What a manifest says of images that are not held as a subject."""
    return described(images, images[0].shape)


def described(of: Images | Subject, shape: tuple[int, ...]) -> dict[str, Any]:
    """What a manifest says of rows of that shape (channels, height, width)."""
    channels, height, width = shape
    return {
        "name": of.name,
        "credit": of.credit,
        "key": of.key,
        "labels_key": provenance.key([] if of.labels is None else of.labels.tolist()),
        "n": len(of),
        "labels": len(of.classes),
        "size": [height, width],
        "grey": channels == 1,
        "nouns": of.nouns.as_json(),
    }


def subject(
    given: Images | Activations | np.ndarray | str | Path,
    *,
    size: int | None = None,
    layer: str | None = None,
) -> Subject:
    """What a user gave to be swept, decoded and held once.

    Parameters
    ----------
    given : Images, Activations, ndarray of shape (n, d), str or Path
        Images or the name of a source; activations or the folder that they lie in; a matrix.
    size : int, optional
        Pixels a side that images are brought to; as they were opened if left out.
    layer : str, optional
        Which layer of the activations.

    Raises
    ------
    InputError
        Images of several sizes or too small; a row with a value that is not finite.
    """
    if isinstance(given, np.ndarray):
        return _of_matrix("array", given)
    if isinstance(given, str | Path) and (Path(given) / "layers").is_dir():
        from repviz.activations.store import open_activations

        given = open_activations(given)
    if isinstance(given, Path):
        raise InputError(
            f"sweep: {given} must be a folder of activations, which repviz.extract makes. To sweep "
            f"images, write 'folder:{given}' or 'array:{given}'."
        )
    if isinstance(given, Images | str):
        return _of_images(as_images(given), size)
    if not hasattr(given, "layers"):
        raise InputError(
            "sweep: images, activations, a matrix or the name of a source must be given, got "
            f"{type(given).__name__}. See repviz.open_images."
        )
    return _of_activations(given, layer)


def _of_images(images: Images, size: int | None) -> Subject:
    images = images if size is None else images.at(size=size)
    _, height, width = images[0].shape
    if not (min(height, width) >= LEAST and max(height, width) <= WIDEST):
        raise InputError(
            f"sweep: images must be {LEAST} to {WIDEST} pixels a side, got {width}x{height}. "
            "Open them with size=64, for example."
        )
    return Subject(
        images.name,
        images.credit,
        images.pixels(),
        images.ids,
        images.labels,
        images.factors,
        images.key,
        images.from_known_manifold,
        images.nouns,
    )


def _of_activations(acts: Any, layer: str | None) -> Subject:
    layer = checks.one_of("sweep", "layer", layer or acts.layers[-1], acts.layers)
    rows = acts.rows
    labels = rows["label"].to_numpy()
    known = not any(label is None or label != label for label in labels)
    factors = {
        name.removeprefix("factor_"): rows[name].to_numpy(np.float64)
        for name in rows.columns
        if name.startswith("factor_")
    }
    made = _of_matrix(f"{acts.path.name} {layer}", acts[layer][:])
    ids = tuple(rows["id"].astype(str))
    names = labels.astype(str) if known else None
    return Subject(made.name, made.credit, made.X, ids, names, factors, made.key)


def _of_matrix(name: str, X: np.ndarray) -> Subject:
    X = checks.matrix("sweep", X).astype(np.float32)
    ids = tuple(str(row) for row in range(len(X)))
    digest = provenance.sha256(str(X.shape).encode(), X.tobytes())
    return Subject(name, "", X[:, None, None, :], ids, None, {}, digest)
