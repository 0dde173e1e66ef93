"""``array:FILE``: images in a numpy file, with labels and factors beside them."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from repviz import array_files, checks, durable
from repviz.errors import InputError
from repviz.images import decoding
from repviz.images.collection import Arrays, Images
from repviz.images.labels import label_texts
from repviz.images.local_files import kind_of, printable

MAGICS = (b"\x93NUMPY", b"PK")
MAX_UNPACKED = 256 * 2**20  # bytes that a member may have whatever its packed size
MAX_RATIO = 100  # unpacked to packed: photographs pack to a half, drawings to a twentieth
LABEL_KEYS = ("labels", "label")
SHAPES = "(n, h, w), (n, h, w, 1 or 3) or (n, 1 or 3, h, w)"


def open_array(argument: str, *, label: str | None = None) -> Images:
    """The images of a ``.npy`` or ``.npz`` file.

    A ``.npy`` is the images. A ``.npz`` has the key ``images``; of its other arrays, one of length
    n is the labels, and every numeric one of shape (n,) is a factor. What has another shape is
    left alone.

    Pixels are uint8; or booleans (0 and 255); or other whole numbers from 0 to 255; or floats in
    [0, 1], which are rounded to the nearest of 256 levels.

    Parameters
    ----------
    argument : str
        The file; ``~`` is the user's home. It is read without pickles.
    label : str, optional
        The key that holds the labels: text or numbers, shape (n,). Left out, ``labels`` or
        ``label`` if the file has it, else there are no labels.

    Raises
    ------
    InputError
        There is no such file, it is not numpy's, it has no ``images``, or their shape or values
        are not those above; the message names the first image that is wrong. Or ``labels`` has
        another shape, and ``label`` names none.
    UnknownName
        The file has no array called ``label``.
    """
    argument, path = printable(argument), Path(argument).expanduser()
    arrays = _load(path, argument)
    if "images" not in arrays:
        raise InputError(
            f"open_images: array:{argument} must contain an array 'images', got "
            f"{_listed(arrays)}. Rename the array of images."
        )
    pixels = _channels_first(arrays.pop("images"), argument)
    n = len(pixels)
    columns = {
        key: values
        for key, values in arrays.items()
        if values.shape == (n,) and values.dtype.kind in "biufUS"
    }
    if label is not None:
        checks.one_of("open_images", f"array of length {n} in {argument}", label, columns)
    else:
        label = _default_label(arrays, columns, argument)
    labels = None if label is None else columns.pop(label)
    return Images(
        name=f"array:{argument}",
        ids=tuple(f"image {row}" for row in range(n)),
        labels=None if labels is None else label_texts("open_images", labels),
        factors={
            key: values.astype(np.float64)
            for key, values in columns.items()
            if values.dtype.kind in "biuf"
        },
        credit="arrays of a file",
        _store=Arrays(_to_uint8(pixels, argument), f"array:{argument}"),
        _index=np.arange(n),
    )


def _default_label(
    arrays: dict[str, np.ndarray], columns: Collection[str], argument: str
) -> str | None:
    """The key of the labels where none was named, or None: the file has none."""
    for key in LABEL_KEYS:
        if key in columns:
            return key
        if key in arrays:
            objects = arrays[key].dtype.hasobject
            got = "Python objects" if objects else f"shape {arrays[key].shape}"
            raise InputError(
                f"open_images: '{key}' of array:{argument} must have one number or text per image, "
                f"got {got}. Correct it, rename it, or name the labels: label=."
            )
    return None


def _load(path: Path, argument: str) -> dict[str, np.ndarray]:
    got = kind_of(path)
    if got != "a file":
        raise InputError(
            f"open_images: array:{argument} must be the path of a file, got {got}. Check the path."
        )
    try:
        with path.open("rb") as file:
            magic = file.read(6)
        if not magic.startswith(MAGICS):
            raise ValueError("something else")
        if magic.startswith(b"PK"):
            return _load_members(path, argument)
        return {"images": array_files.mapped(path)}
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(
            f"open_images: array:{argument} must be readable, got '{error.strerror}'. Change its "
            "permissions."
        ) from error
    except durable.UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"open_images: array:{argument} must be a complete .npy or .npz file of plain arrays, "
            f"got '{reason}'. Write it with numpy.save or numpy.savez."
        ) from error


def _load_members(path: Path, argument: str) -> dict[str, np.ndarray]:
    """The images of a ``.npz``, and those other arrays that have one value per image.

    What else the file holds is not unpacked: its header says that it has another shape.
    """
    with zipfile.ZipFile(path) as archive:
        members = {
            entry.filename.removesuffix(".npy"): entry
            for entry in archive.infolist()
            if entry.filename.endswith(".npy")
        }
        shapes = {name: _shape(archive, entry) for name, entry in members.items()}
        if "images" not in members:
            return {printable(name): np.empty(0) for name in members}
        n = (shapes["images"] or (0,))[:1]
        wanted = {
            name: entry for name, entry in members.items() if name == "images" or shapes[name] == n
        }
        for name, entry in wanted.items():
            if entry.file_size > max(MAX_UNPACKED, MAX_RATIO * entry.compress_size):
                raise InputError(
                    f"open_images: the arrays of array:{argument} must decompress to at most "
                    f"{MAX_RATIO} times their compressed size, got {entry.file_size:,} bytes from "
                    f"{entry.compress_size:,} ('{printable(name)}'). Save it with numpy.savez."
                )
        arrays = {
            # For a message: the shape alone.
            key: np.empty(0, object) if (shape := shapes[key]) is None else _blank(shape)
            for key in LABEL_KEYS
            if key in members and key not in wanted
        }
        for name, entry in wanted.items():
            with archive.open(entry) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays


def _blank(shape: tuple[int, ...]) -> np.ndarray:
    """An array of this shape that takes no memory."""
    return np.broadcast_to(np.nan, shape)


def _shape(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, ...] | None:
    """The shape of a member, or None where it is no plain array: then it is left alone."""
    try:
        with archive.open(entry) as file:
            shape, dtype = array_files.header(file)
    except durable.UNREADABLE:
        return None
    return None if dtype.hasobject and entry.filename != "images.npy" else shape


def _listed(names: Collection[str]) -> str:
    """The names, or the first five and how many more."""
    shown = ", ".join(list(names)[:5]) or "nothing"
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _channels_first(images: np.ndarray, argument: str) -> np.ndarray:
    """The images as (n, c, h, w). A side has at least 8 pixels, so 1 or 3 is always channels."""
    shape = images.shape
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and shape[1] not in (1, 3) and shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise InputError(
            f"open_images: the images of array:{argument} must have shape {SHAPES}, got {shape}. "
            "Reshape them."
        )
    if not len(images):
        raise InputError(
            f"open_images: array:{argument} must contain at least one image, got none."
        )
    height, width = images.shape[2:]
    decoding.check_size(height, width, f"array:{argument}")
    return images


def _to_uint8(images: np.ndarray, argument: str) -> np.ndarray:
    kind = images.dtype.kind
    if images.dtype == np.uint8:
        return images
    if kind == "b":
        return images.astype(np.uint8) * np.uint8(255)
    if kind not in "iuf":
        raise InputError(
            f"open_images: the images of array:{argument} must be numeric, got {images.dtype}. "
            "Save them as uint8."
        )
    high = 1 if kind == "f" else 255
    with np.errstate(invalid="ignore"):
        wrong = ~((images >= 0) & (images <= high)).reshape(len(images), -1).all(axis=1)
    if wrong.any():
        first = int(np.argmax(wrong))
        low, top = images[first].min(), images[first].max()
        got = "NaN" if np.isnan(low) else f"values from {low:g} to {top:g}"
        kinds = "floats in [0, 1]" if kind == "f" else "whole numbers from 0 to 255"
        raise InputError(
            f"open_images: the images of array:{argument} must be {kinds}, got {got} in image "
            f"{first} ({wrong.sum()} of {len(images)} images). Rescale them, or save them as uint8."
        )
    return np.rint(images * 255).astype(np.uint8) if kind == "f" else images.astype(np.uint8)
