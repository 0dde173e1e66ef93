"""``huggingface:PATH``: one split of a data set of the Hugging Face library ``datasets``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repviz.errors import InputError, Unavailable
from repviz.images.collection import Images
from repviz.images.in_memory import images_from


def open_hugging_face(argument: str) -> Images:
    """The images of one split of a data set, its labels by name, its numbers as factors.

    Parameters
    ----------
    argument : str
        ``PATH`` or ``PATH@SPLIT``: a folder that ``Dataset.save_to_disk`` wrote, or the name of a
        data set on the hub, and one of its splits. The split may be left out where there is one.

    Raises
    ------
    Unavailable
        The library is not installed, or the data set is not here and cannot be downloaded.
    InputError
        The split is not named or not there, one is named where the folder holds a set without
        splits, or the set has no single column of images.
    """
    path, split = argument, ""
    if "@" in argument and not Path(argument).expanduser().is_dir():  # a folder may hold an @
        path, _, split = argument.rpartition("@")
    found = _load(path)
    if isinstance(found, Mapping):  # split to data set
        if split not in found and (split or len(found) != 1):
            known, got = ", ".join(found), f"'{split}'" if split else "none"
            raise InputError(
                f"huggingface:{path}: the split must be one of {known}, got {got}. For example: "
                f"huggingface:{path}@{next(iter(found))}."
            )
        found = found[split or next(iter(found))]
    elif split:
        raise InputError(
            f"huggingface:{path}: this folder holds one split, got '{split}'. Leave out @{split}."
        )
    return images_from(found, name=f"huggingface:{argument}")


def _load(path: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise Unavailable(
            f"huggingface:{path}: this source needs the package datasets. Install it: pip install "
            "datasets."
        ) from error
    folder = Path(path).expanduser()
    try:
        if folder.is_dir():
            return datasets.load_from_disk(str(folder))
        return datasets.load_dataset(path)
    except Exception as error:  # of a network, of a cache, of a file: the library raises many kinds
        reason = " ".join(str(error).split())[:200]
        raise Unavailable(
            f"huggingface:{path}: a folder that save_to_disk wrote, or a data set that can be "
            f"downloaded, must be named, got '{reason}'. Save it where there is a network, and "
            "name its folder."
        ) from error
