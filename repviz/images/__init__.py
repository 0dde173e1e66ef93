"""Images in: where they come from (:data:`SOURCES`), and how to open and split them.

To add a source, write one file with a function that returns an :class:`Images`, and one line in
:data:`SOURCES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError, UnknownName
from repviz.images import (
    arrays,
    drawn_faces,
    folder,
    hugging_face_sets,
    packaged,
    sklearn_sets,
    torchvision_sets,
)
from repviz.images.collection import Images, parse_grey, parse_size
from repviz.images.in_memory import images_from
from repviz.images.local_files import kind_of, printable
from repviz.images.metadata import Metadata, add_metadata
from repviz.images.splitting import split

__all__ = ["SOURCES", "Images", "Source", "open_images", "images_from", "split"]


@dataclass(frozen=True)
class Source:
    """A place that images come from.

    Attributes
    ----------
    name : str
        What stands before the colon in ``open_images("NAME:ARGUMENT")``.
    usage : str
        How it is written, with its argument if it has one.
    summary : str
        What it holds, in one line.
    open : callable
        Gives the :class:`Images`, in their own sizes and colours.
    takes : tuple of str
        Which of ``argument``, ``label`` and ``seed`` the function ``open`` is called with.
    """

    name: str
    usage: str
    summary: str
    open: Callable[..., Images]
    takes: tuple[str, ...] = ()


_ALL = [
    Source(
        "orl", "orl", "AT&T faces: 400 grey, 92x112, 10 of each of 40 people", packaged.open_orl
    ),
    Source(
        "digits", "digits", "handwritten digits: 1,797 grey, 8x8, 10 classes", packaged.open_digits
    ),
    Source(
        "patches",
        "patches",
        "100 face and 100 non-face patches, grey, 25x25",
        packaged.open_patches,
    ),
    Source(
        "folder",
        "folder:PATH",
        "image files; sub-folders are labels",
        folder.open_folder,
        ("argument",),
    ),
    Source("file", "file:PATH", "one image file", folder.open_file, ("argument",)),
    Source(
        "array",
        "array:FILE",
        "a .npy file, or a .npz with images, labels and factors",
        arrays.open_array,
        ("argument", "label"),
    ),
    Source(
        "drawn-faces",
        "drawn-faces:N@D",
        "N drawn faces, grey, 64x64, from D known factors (1 to 12, default 6)",
        drawn_faces.open_drawn_faces,
        ("argument", "label", "seed"),
    ),
    Source(
        "torchvision",
        "torchvision:NAME@ROOT",
        "a torchvision training set; @ROOT is its folder (default: the user's cache)",
        torchvision_sets.open_torchvision,
        ("argument",),
    ),
    Source(
        "huggingface",
        "huggingface:PATH@SPLIT",
        "a split of a data set of Hugging Face's datasets: saved in a folder, or on the hub",
        hugging_face_sets.open_hugging_face,
        ("argument",),
    ),
    Source(
        "olivetti",
        "olivetti",
        "scikit-learn's copy of the AT&T faces: 400 grey, 64x64 (downloads 4 MB)",
        sklearn_sets.open_olivetti,
    ),
    Source(
        "lfw",
        "lfw",
        "Labeled Faces in the Wild: 13,233 colour, 250x250 (downloads 230 MB)",
        sklearn_sets.open_lfw,
    ),
]
SOURCES: dict[str, Source] = {source.name: source for source in _ALL}


def open_images(
    name: str,
    *,
    size: int | tuple[int, int] | None = None,
    grey: bool | None = None,
    limit: int | None = None,
    label: str | None = None,
    seed: int = 0,
    metadata: str | Path | Metadata | None = None,
    key: str | None = None,
) -> Images:
    """The images called ``name``, decoded on demand.

    Parameters
    ----------
    name : str
        ``"SOURCE"`` or ``"SOURCE:ARGUMENT"``, the source one of :data:`SOURCES`: ``"orl"``,
        ``"folder:photos"``, ``"array:faces.npz"``, ``"drawn-faces:2000@6"``.
    size : int or (int, int), optional
        Resize to this side, or height and width, in pixels, each from 8 to 8192. Each image is
        scaled until it just covers this size (bilinear with antialias, proportions kept), then
        cropped at its centre. Left out, each keeps its own size.
    grey : bool, optional
        Whether images have one channel (ITU-R BT.601) or three; left out, as many as they are
        stored with. But a folder of which most files are colour is colour throughout, which is
        said once.
    limit : int, optional
        Use a random subset of this many images, chosen by ``seed``, in the original order.
    label : str, optional
        For ``array:``, the key of the labels (default: ``labels`` or ``label``); for
        ``drawn-faces:``, the factor whose thirds are the labels (default: identity). With
        ``metadata``, for every source, the column that holds the labels.
    seed : int
        Chooses the subset and the drawn faces.
    metadata : path or Metadata, optional
        CSV file with one row per image; its columns become factors. See
        :func:`repviz.images.metadata.add_metadata`, and :class:`repviz.Metadata` for groups.
    key : str, optional
        Column of ``metadata`` with the image names; the first if left out.

    Returns
    -------
    Images
        At least one image. Files are opened when they are asked for, so that a damaged one is
        reported then, by name.

    Raises
    ------
    UnknownName
        No source, torchvision set, array or factor has this name.
    InputError
        The argument or an option is not what it must be, or there are no images.
    Unavailable
        The images must be downloaded and cannot be.
    """
    who = "open_images"
    head, colon, argument = str(name).partition(":")
    source = _find_source(who, str(name), head)
    if "argument" in source.takes and not argument:
        raise InputError(f"{who}: '{head}' needs an argument, got none. Write {source.usage}.")
    if "argument" not in source.takes and colon:
        raise InputError(f"{who}: '{head}' takes no argument, got '{argument}'. Write '{head}'.")
    if key is not None and metadata is None:
        raise InputError(
            f"{who}: key must come with metadata, got key='{key}' alone. Leave it out, or give "
            "metadata."
        )
    if label is not None and metadata is None and "label" not in source.takes:
        able = " and ".join(s.usage for s in _ALL if "label" in s.takes)
        raise InputError(
            f"{who}: only {able} take label, got label='{label}' for '{head}'. Leave it out."
        )
    shape = parse_size(who, size), parse_grey(who, grey)
    if limit is not None:
        limit = checks.integer(who, "limit", limit, low=1)
    seed = checks.seed(who, seed)
    source_label = label if metadata is None else None
    given = {"argument": argument, "label": source_label, "seed": seed}
    images = source.open(**{option: given[option] for option in source.takes})
    if metadata is not None:
        images = add_metadata(images, metadata, key=key, label=label)
    if limit is not None and limit < len(images):
        rng = np.random.default_rng([seed, 3])  # a stream apart from the drawn faces'
        images = images.take(np.sort(rng.choice(len(images), limit, replace=False)))
    chosen_grey = images.grey if shape[1] is None else shape[1]
    return replace(images, name=printable(str(name)), size=shape[0], grey=chosen_grey)


def _find_source(who: str, name: str, head: str) -> Source:
    """The source ``head``; where it is none, the error says what ``name`` alone may have meant."""
    meant = None
    sets = [f"torchvision:{one}" for one in torchvision_sets.SETS]
    if head not in SOURCES and name not in torchvision_sets.SETS:
        path = Path(name).expanduser()
        meant = {"a folder": f"folder:{name}", "a file": f"array:{name}"}.get(kind_of(path))
    if meant is not None:
        raise UnknownName(
            f"{who}: no image source is called '{printable(name)}'. Did you mean "
            f"'{printable(meant)}'?"
        )
    return SOURCES[checks.one_of(who, "image source", head, SOURCES, also=sets)]


def as_images(images: Any) -> Images:
    """``images`` as it is, the images that the name of a source opens, or a sequence of pictures.

    See :func:`repviz.images_from` for what a sequence may be.
    """
    if isinstance(images, Images):
        return images
    return open_images(images) if isinstance(images, str) else images_from(images)
