"""``folder:PATH``: image files on disk; sub-folders are labels."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np

from repviz import progress
from repviz.cores import usable_cores
from repviz.errors import InputError
from repviz.images.collection import Files, Images
from repviz.images.decoding import is_grey
from repviz.images.local_files import kind_of, open_if_regular, printable
from repviz.reading import ReadingThreads

ENDINGS = (
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)


def open_folder(argument: str) -> Images:
    """The image files under a folder, sorted by path, with their sub-folder as label.

    As torchvision's ``ImageFolder``, with four differences: files that lie directly in the folder,
    or all in one sub-folder, are images without labels; a folder that holds both kinds is refused;
    hidden files are skipped.
    An image is a file whose name ends in one of :data:`ENDINGS`, in upper or lower case; what it
    really holds is decided when it is decoded. Deeper folders belong to their topmost label.
    Links to folders are followed, each folder once.

    Parameters
    ----------
    argument : str
        The folder; ``~`` is the user's home.

    Returns
    -------
    Images
        The ids are paths relative to the folder.

    Raises
    ------
    InputError
        There is no such folder, it cannot be read, or it holds no images.
    """
    root = Path(argument).expanduser()
    shown, got = printable(argument), kind_of(root)
    if got != "a folder":
        raise InputError(
            f"open_images: folder:{shown} must be the path of a folder, got {got}. Check the path."
        )
    files = _walk(root)
    paths = sorted(
        (path for path in files if path.suffix.lower() in ENDINGS),
        key=lambda path: path.relative_to(root).parts,
    )
    if not paths:
        raise InputError(
            f"open_images: folder:{shown} must contain images ({' '.join(ENDINGS)}), got "
            f"{_kinds(files)}. Choose a folder of images."
        )
    relative = [path.relative_to(root) for path in paths]
    inside = sum(len(path.parts) > 1 for path in relative)
    if 0 < inside < len(relative):
        raise InputError(
            f"open_images: the images of folder:{shown} must be either all in sub-folders, whose "
            f"names are the labels, or all directly in it, got {len(relative) - inside} directly "
            f"and {inside} in sub-folders. Move one kind or the other."
        )
    top = [printable(path.parts[0]) for path in relative]
    labels = np.array(top) if inside and len(set(top)) > 1 else None
    if inside and labels is None:
        progress.say(
            f"folder:{shown}: all images are in one sub-folder, {top[0]}, so they have no labels."
        )
    return Images(
        grey=_shared_colour(paths, shown),
        name=f"folder:{shown}",
        ids=tuple(printable(path.as_posix()) for path in relative),
        labels=labels,
        factors={},
        credit="image files of a folder",
        _store=Files(paths),
        _index=np.arange(len(paths)),
    )


def open_file(argument: str) -> Images:
    """One image file, whatever its name ends in.

    Parameters
    ----------
    argument : str
        The file; ``~`` is the user's home.

    Returns
    -------
    Images
        One image, whose id is the file's name.

    Raises
    ------
    InputError
        There is no such file.
    """
    path = Path(argument).expanduser()
    shown, got = printable(argument), kind_of(path)
    if got != "a file":
        raise InputError(
            f"open_images: file:{shown} must be the path of an image file, got {got}. Check the "
            "path."
        )
    return Images(
        name=f"file:{shown}",
        ids=(printable(path.name),),
        labels=None,
        factors={},
        credit="an image file",
        _store=Files([path]),
        _index=np.arange(1),
    )


def _walk(root: Path) -> list[Path]:
    """Every file under ``root`` that is not hidden; links are followed, each folder once."""
    found: list[Path] = []
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=_unreadable):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in files if not name.startswith(".")]
    return found


def _unreadable(error: OSError) -> None:
    raise InputError(
        f"open_images: every folder must be readable, got '{error.strerror}' for "
        f"{printable(str(error.filename))}. Change its permissions or leave it out."
    ) from error


def _shared_colour(paths: list[Path], shown: str) -> bool | None:
    """False (colour) where some files are grey but most are colour, which is said; else None."""
    with ReadingThreads(min(32, usable_cores() + 4)) as pool:
        kinds = list(pool.each(_is_grey, paths, lambda path: printable(str(path))))
    n_grey, n_colour = kinds.count(True), kinds.count(False)
    if not n_grey or n_colour < n_grey:
        return None
    progress.say(
        f"folder:{shown}: {n_grey} of {len(paths)} images are grey and are read as colour, with "
        "three equal channels, like the others. Give grey=True to read all of them as grey."
    )
    return False


def _is_grey(path: Path) -> bool | None:
    file = open_if_regular(path)
    if file is None:
        return None
    with file:
        return is_grey(file)


def _kinds(files: list[Path]) -> str:
    if not files:
        return "no files"
    counts = Counter(printable(path.suffix.lower()) or "no ending" for path in files)
    kinds = ", ".join(f"{count} {ending}" for ending, count in counts.most_common(3))
    return f"{len(files)} other files ({kinds})" if len(files) > 1 else f"1 other file ({kinds})"
