"""Images from Python objects: a list of arrays or tensors, a torch ``Dataset``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from repviz import checks
from repviz.errors import ImageError, InputError
from repviz.images import decoding, hugging_face
from repviz.images.collection import Images
from repviz.images.labels import group_texts, label_texts
from repviz.nouns import Nouns

PICTURE = "(h, w), (c, h, w) or (h, w, c) with 1 or 3 channels"


class Items:
    """One item of a sequence per row; what is hashed is its pixels."""

    def __init__(self, items: Any, name: str) -> None:
        self.items, self.name = items, name

    def where(self, row: int) -> str:
        """The set's name and the place."""
        return f"{self.name}, image {row}"

    def stored_bytes(self, row: int) -> bytes:
        """The shape and the pixels."""
        pixels = self.decode(row)
        return f"{pixels.shape}".encode() + pixels.tobytes()

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        """The item's picture, uint8 of shape (1 or 3, h, w)."""
        where = self.where(row)
        try:
            item = self.items[row]
        except Exception as error:  # a Dataset is the user's own code and raises what it likes
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ImageError(
                f"{where}: the item must be readable, got '{reason}'. Leave it out."
            ) from error
        if isinstance(item, tuple | list) and len(item):
            item = item[0]  # (picture, label), as torch's data sets give
        return _pixels(item, where)


def images_from(
    items: Any,
    *,
    name: str = "own images",
    ids: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
) -> Images:
    """The pictures of a sequence, read one at a time when they are asked for.

    Parameters
    ----------
    items : sequence
        Anything with a length that gives ``items[i]``: a list of arrays or tensors, one array
        (n, ...), a torch ``Dataset``, a ``datasets.Dataset`` of Hugging Face with one column of
        images (see :func:`repviz.images.hugging_face.columns_of`). An item is a picture, or a
        tuple that begins with one. A picture is a Pillow image, or an array or CPU tensor of shape
        (h, w), (c, h, w) or
        (h, w, c) with 1 or 3 channels: uint8, or floats in [0, 1], which are rounded to 256
        levels. It must not be normalised yet: the model's preprocessing does that. Masked arrays
        are refused, for nothing says what lies under the mask.
    name : str
        What to call them in the store and in errors.
    ids : sequence of str, optional
        n distinct names; "image 0", "image 1", ... if left out.
    labels : sequence, optional
        Who or what each shows. Left out, the targets of a torch ``Dataset`` that lists them
        (``targets``, as torchvision's do, named by its ``classes``); where the items are pairs of
        a picture and a target, these targets, for which every item is read once. Targets that
        are floats are no labels but a factor, ``"target"``.
    groups : sequence, optional
        Which images are no independent draws (of one person, one visit): splits keep a group
        together, and intervals take it whole.

    Raises
    ------
    InputError
        ``items`` has no length or no rows, is empty or masked, ``ids``, ``labels`` or ``groups``
        are not n, a label or group is missing (None, NaN), or the groups are one or n.
    """
    if isinstance(items, str | bytes | Path):
        raise InputError(
            "images_from: images must be a sequence of arrays or PIL images, got "
            f"{checks.shown(items)}. Open files by a source's name: 'folder:PATH', 'array:PATH'."
        )
    if not hasattr(items, "__getitem__") or not hasattr(items, "__len__"):
        raise InputError(
            "images_from: images must be the name of a source, Images, or a sequence of arrays or "
            f"PIL images, got {type(items).__name__}. Make a list of it."
        )
    if isinstance(items, Mapping):
        raise InputError(
            "images_from: images must be a sequence, got a mapping with the keys "
            f"{', '.join(map(repr, list(items)[:5]))}. Take one of its values."
        )
    if isinstance(items, np.ma.MaskedArray):
        raise InputError("images_from: images must not be a masked array. Fill it: x.filled(0).")
    factors: dict[str, np.ndarray] = {}
    if hugging_face.is_dataset(items):
        items, named, factors = hugging_face.columns_of(items)
        labels = named if labels is None else labels
    n = len(items)
    if not n:
        raise InputError("images_from: at least one image must be given, got an empty sequence.")
    given = [f"image {row}" for row in range(n)] if ids is None else checks.as_list(ids)
    names = tuple(map(str, given))
    if len(names) != n:
        raise InputError(
            f"images_from: ids must have one entry for each of {n} images, got {len(names)}."
        )
    if len(set(names)) < len(names):
        raise InputError(
            f"images_from: the ids of {name} must be distinct, got {len(set(names))} different "
            f"ones for {len(names)} images."
        )
    targets = _targets(items, n) if labels is None else labels
    if labels is None and isinstance(targets, np.ndarray):
        factors, targets = {"target": targets}, None
    return Images(
        name=name,
        ids=names,
        labels=None if targets is None else label_texts("images_from", targets),
        factors=factors,
        credit="pictures that a program gave",
        nouns=Nouns(grouped=groups is not None),
        groups=None if groups is None else group_texts("images_from", groups),
        _store=Items(items, name),
        _index=np.arange(n),
    )


def _targets(items: Any, n: int) -> list[Any] | np.ndarray | None:
    """The targets of a data set, classes by their names; (n,) float64 where they are floats."""
    targets = getattr(items, "targets", None)
    listed = np.asarray(_second_parts(items, n) if targets is None else targets)
    if listed.shape != (n,) or listed.dtype.kind not in "iufU":
        return None
    if listed.dtype.kind == "f":
        return listed.astype(np.float64)
    classes = getattr(items, "classes", None)
    if classes is None or listed.dtype.kind == "U" or listed.max() >= len(classes):
        return list(listed)
    return [classes[target] for target in listed]


def _second_parts(items: Any, n: int) -> list[Any] | None:
    """The second element of each item; None where an item is not a pair, or cannot be read."""
    found = []
    for row in range(n):
        try:
            item = items[row]
        except Exception:  # a Dataset is the user's own code; reading its picture names the error
            return None
        if not isinstance(item, tuple | list) or len(item) != 2:
            return None
        found.append(item[1].item() if hasattr(item[1], "item") else item[1])
    return found


def _pixels(item: Any, where: str) -> np.ndarray:
    if isinstance(item, Image.Image):
        return decoding.from_pillow(item, where)
    if isinstance(item, np.ma.MaskedArray):
        raise ImageError(f"{where}: an image must not be a masked array. Fill it: x.filled(0).")
    if hasattr(item, "detach"):  # a tensor; numpy knows neither gradients nor bfloat16
        item = item.detach().cpu()
        item = item.float() if item.is_floating_point() else item
    try:
        picture = np.asarray(item)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ImageError(
            f"{where}: an item must be an array or a PIL image, got {type(item).__name__}."
        ) from error
    if picture.ndim == 2:
        picture = picture[None]
    elif picture.ndim == 3 and picture.shape[0] not in (1, 3) and picture.shape[2] in (1, 3):
        picture = picture.transpose(2, 0, 1)
    if picture.ndim != 3 or picture.shape[0] not in (1, 3):
        raise ImageError(f"{where}: an image must be {PICTURE}, got shape {picture.shape}.")
    decoding.check_size(picture.shape[1], picture.shape[2], where)
    return _to_uint8(picture, where)


def _to_uint8(picture: np.ndarray, where: str) -> np.ndarray:
    if picture.dtype == np.uint8:
        return picture
    if picture.dtype.kind not in "fiub":
        raise ImageError(f"{where}: pixels must be numeric, got {picture.dtype}.")
    high = 1 if picture.dtype.kind in "fb" else 255
    low, top = picture.min(), picture.max()
    if not (low >= 0 and top <= high):
        kinds = "floats in [0, 1]" if high == 1 else "whole numbers from 0 to 255"
        raise ImageError(
            f"{where}: pixels must be {kinds}, got values from {low:g} to {top:g}. Pass them "
            "before normalisation; the model does that itself."
        )
    return np.rint(picture * 255).astype(np.uint8) if high == 1 else picture.astype(np.uint8)
