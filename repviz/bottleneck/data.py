"""The data of a sweep: images, or the rows of any matrix, with what is known about each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from repviz import checks, provenance
from repviz.activations.addresses import is_address
from repviz.errors import InputError
from repviz.images import as_images
from repviz.images.collection import Images
from repviz.manifold.stored_rows import left_out
from repviz.nouns import ROWS, Nouns
from repviz.training.augmentation import SHIFT

if TYPE_CHECKING:
    from repviz.activations.store import Activations

MIN_SIDE, MAX_SIDE = 8, 2048  # pixels
SEEN = 16  # images that tell whether all are grey
LARGEST = 1e15  # magnitude of a value: sums of squares must fit float32


@dataclass(frozen=True, eq=False)
class SweepData:
    """n rows of one shape.

    Attributes
    ----------
    name, credit : str
        The name of the set, and whom to thank for it.
    X : ndarray, shape (n, channels, height, width)
        uint8 pixels; or float32 rows as (n, 1, 1, d).
    ids : tuple of str
        n distinct names.
    labels : ndarray of str, shape (n,), or None
        The label of each row.
    factors : dict of str to ndarray of float64, shape (n,)
        The known factors of each row (pose, light).
    key : str
        The hash of X.
    from_known_manifold : bool
        As in :class:`repviz.images.collection.Images`.
    left_out : int
        How many rows of the source hold no activations, and are not among these.
    groups : ndarray of str, shape (n,), or None
        The declared group of each row.
    nouns : Nouns
        What one row and one label are called in reports.
    stored_size : (int, int) or None
        Height and width of the first image as it is stored; None of rows that are no images.
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
    left_out: int = 0
    groups: np.ndarray | None = field(default=None, repr=False)
    stored_size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def are_images(self) -> bool:
        """Whether the rows are pixels."""
        return self.X.dtype == np.uint8

    @property
    def default_shift(self) -> float:
        """The default of the largest shift in training, as a share of the image's side.

        0 where shifting makes something else of a row: for numbers that are not pixels, and for
        images that sample a known manifold, to which shifts would add two dimensions.
        """
        return SHIFT if self.are_images and not self.from_known_manifold else 0.0

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return () if self.labels is None else tuple(np.unique(self.labels).tolist())

    @property
    def label_indices(self) -> np.ndarray:
        """The index of each row's label in :attr:`classes`."""
        return np.unique([] if self.labels is None else self.labels, return_inverse=True)[1]


def as_stored(pixels: np.ndarray) -> np.ndarray:
    """Pixels (n, c, h, w) as a study stores pictures: (n, h, w) where they are grey."""
    return pixels[:, 0] if pixels.shape[1] == 1 else pixels


def labels_key(labels: np.ndarray | None, groups: np.ndarray | None) -> str:
    """The hash of the labels, and of the groups where there are any."""
    known = [] if labels is None else labels.tolist()
    return provenance.key(known if groups is None else [known, groups.tolist()])


def describe_images(data: Images | SweepData) -> dict[str, Any]:
    """The description of the images in a manifest; of rows that are no images, without pixels.

    They are grey where their channels are equal in each of 16 at equal steps: a network with three
    input channels reads grey pictures as well.
    """
    some = np.unique(np.linspace(0, len(data) - 1, SEEN).round().astype(int))
    seen = [data.X[row] if isinstance(data, SweepData) else data[row] for row in some.tolist()]
    have_pixels = not isinstance(data, SweepData) or data.are_images
    _, height, width = seen[0].shape
    grey = all(bool((one == one[:1]).all()) for one in seen)
    return {
        "name": provenance.portable(data.name),
        "credit": data.credit,
        "key": data.key,
        "labels_key": labels_key(data.labels, data.groups),
        "n": len(data),
        "labels": len(data.classes),
        **({"size": [height, width], "grey": grey} if have_pixels else {}),
        **_enlarged(data, height, width),
        "nouns": data.nouns.as_json(),
        **({"left_out": data.left_out} if isinstance(data, SweepData) and data.left_out else {}),
    }


def _stored_size(images: Images) -> tuple[int, int]:
    """Height and width of the first image before any resizing."""
    _, height, width = images.at(size=None)[0].shape
    return height, width


def _enlarged(data: Images | SweepData, height: int, width: int) -> dict[str, Any]:
    """The size that smaller pictures are stored with, as an entry of a manifest; else nothing."""
    stored = data.stored_size if isinstance(data, SweepData) else _stored_size(data)
    smaller = stored is not None and max(stored[0] / height, stored[1] / width) < 1
    return {"enlarged_from": list(stored)} if stored and smaller else {}


def is_store(source: Any) -> TypeGuard[str | Path]:
    """Whether ``source`` is the path of a folder of activations, or an address."""
    try:
        if isinstance(source, str | Path):
            return is_address(source) or (Path(source).expanduser() / "layers").is_dir()
    except (OSError, ValueError, RuntimeError):  # no name that a file may have, no such home
        pass
    return False


def load_data(
    source: Images | Activations | np.ndarray | str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    layer: str | None = None,
) -> SweepData:
    """The rows to sweep, decoded and held in memory.

    Parameters
    ----------
    source : Images, Activations, ndarray of shape (n, d), str or Path
        Images or the name of a source; activations or their folder; a matrix.
    size : int or (int, int), optional
        Side, or height and width, in pixels to which images are resized; their own if left out.
    layer : str, optional
        The layer of the activations.

    Raises
    ------
    InputError
        Images of several sizes or too small; a row with a value that is not finite.
    """
    if isinstance(source, np.ndarray):
        return _from_matrix("array", source)
    if is_store(source):
        from repviz.activations.store import open_activations

        source = open_activations(source)
    if isinstance(source, Path):
        raise InputError(
            f"sweep: {source} must be a folder of activations that repviz.extract wrote. To sweep "
            f"images, write 'folder:{source}' or 'array:{source}'."
        )
    if isinstance(source, Images | str):
        return _from_images(as_images(source), size)
    if not hasattr(source, "layers"):
        raise InputError(
            "sweep: the data must be images, activations, a matrix or the name of a source, got "
            f"{type(source).__name__}. See repviz.open_images."
        )
    return _from_activations(source, layer)


def _from_images(images: Images, size: int | tuple[int, int] | None) -> SweepData:
    stored = _stored_size(images)
    images = images if size is None else images.at(size=size)
    _, height, width = images[0].shape
    if not (min(height, width) >= MIN_SIDE and max(height, width) <= MAX_SIDE):
        raise InputError(
            f"sweep: images must be {MIN_SIDE} to {MAX_SIDE} pixels per side, got "
            f"{width}x{height}. Open them with size=64, for example."
        )
    return SweepData(
        images.name,
        images.credit,
        images.pixels(),
        images.ids,
        images.labels,
        images.factors,
        images.key,
        images.from_known_manifold,
        images.nouns,
        groups=images.groups,
        stored_size=stored,
    )


def _from_activations(acts: Any, layer: str | None) -> SweepData:
    layer = checks.one_of("sweep", "layer", layer or acts.layers[-1], acts.layers)
    readable = acts.readable
    rows = acts.rows[readable]
    if not readable.all():
        warnings.warn(f"sweep: {left_out(readable)}", stacklevel=4)
    labels, groups = rows["label"].to_numpy(), acts.groups
    known = not any(label is None or label != label for label in labels)
    factors = {
        name.removeprefix("factor_"): rows[name].to_numpy(np.float64)
        for name in rows.columns
        if name.startswith("factor_")
    }
    return replace(
        _from_matrix(f"{Path(acts.location).name} {layer}", acts[layer][readable]),
        left_out=int((~readable).sum()),
        ids=tuple(rows["id"].astype(str)),
        labels=labels.astype(str) if known else None,
        groups=None if groups is None else groups[readable],
        nouns=replace(ROWS, grouped=groups is not None),
        factors=factors,
    )


def _from_matrix(name: str, X: np.ndarray) -> SweepData:
    X = checks.matrix("sweep", X)
    largest = max(float(X.max()), -float(X.min()))
    if largest > LARGEST:
        raise InputError(
            f"sweep: values must be at most {LARGEST:g} in magnitude, got {largest:.3g}. Divide "
            "the rows by a constant."
        )
    X = X.astype(np.float32)
    ids = tuple(str(row) for row in range(len(X)))
    digest = provenance.sha256(str(X.shape).encode(), X.tobytes())
    return SweepData(name, "", X[:, None, None, :], ids, None, {}, digest)
