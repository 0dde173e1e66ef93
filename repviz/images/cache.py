"""A cache of decoded images: their pixels in one file that every process can map into memory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from repviz import array_files, checks, durable, progress
from repviz.cores import usable_cores
from repviz.errors import ImageError, InputError
from repviz.images.collection import Images
from repviz.locking import locked_file
from repviz.reading import ReadingThreads

CHUNK = 64  # images that are decoded side by side


def cached_pixels(images: Images, *, folder: str | Path | None = None) -> np.ndarray:
    """The pixels of ``images``, uint8 of shape (n, c, h, w), as a read-only memory map.

    The file is found again by what it holds: the images' contents and order, their size and
    colour, and the policy of decoding. It is written under another name and renamed once it is
    complete; processes that want the same file wait for the one that writes it.

    Parameters
    ----------
    images : Images
        With ``size`` and ``grey`` set, so that all have one shape.
    folder : path, optional
        Where it lies; :func:`home` if left out. To make room delete what is in it.

    Raises
    ------
    InputError
        The images have no common shape.
    ImageError
        An image cannot be decoded; the message names it.
    StoreError
        The folder cannot be written.
    """
    hint = "Open them: repviz.open_images."
    checks.instance("cache_images", "images", images, Images, hint=hint)
    if images.size is None or images.grey is None:
        raise InputError(
            f"images '{images.name}': caching needs one shape for all, got size={images.size} and "
            f"grey={images.grey}. Give both: images.at(size=64, grey=True)."
        )
    shape = (len(images), 1 if images.grey else 3, *images.size)
    folder = home() if folder is None else checks.path("cache_images", "folder", folder)
    path = folder / f"{images.key}.npy"
    found = _map_if_complete(path, shape)
    if found is None:
        with locked_file(path, wait=True):
            durable.remove_abandoned(path)
            found = _map_if_complete(path, shape)  # another process may have written it meanwhile
            if found is None:
                _write(images, path, shape)
                found = array_files.mapped(path)
    return found


def cache_images(images: Images, *, folder: str | Path | None = None) -> Images:
    """The same images with a cache of their decoded pixels on disk, which later passes read.

    Parameters
    ----------
    images : Images
        With ``size`` and ``grey`` set, so that all have one shape; the size that a network takes
        (``repviz.open_images(..., size=227, grey=False)``) leaves nothing to do at each pass.
    folder : path, optional
        As in :func:`cached_pixels`, which says what else can be wrong.

    Returns
    -------
    Images
        Ids, labels, factors and content hashes are those of ``images``.
    """
    return replace(
        images,
        _store=_Decoded(images, cached_pixels(images, folder=folder)),
        _index=np.arange(len(images)),
    )


class _Decoded:
    """A store that reads pixels from the cache, and names and hashes from the original store."""

    def __init__(self, images: Images, pixels: np.ndarray) -> None:
        self.images, self.pixels = images, pixels

    def where(self, row: int) -> str:
        return self.images.where(row)

    def stored_bytes(self, row: int) -> bytes:
        return self.images.stored_bytes(row)

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        return np.array(self.pixels[row])


def home() -> Path:
    """The folder of decoded images: ``$REPVIZ_CACHE``, or ``repviz`` among the user's caches."""
    own = os.environ.get("REPVIZ_CACHE")
    return (
        checks.path("cache_images", "REPVIZ_CACHE", own)
        if own
        else Path.home() / ".cache" / "repviz"
    )


def _map_if_complete(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    if not path.is_file():
        return None
    try:
        found = array_files.mapped(path)
    except durable.UNREADABLE:
        found = np.empty(0)
    if found.shape == shape and found.dtype == np.uint8:
        return found
    progress.say(f"{path}: the decoded images are incomplete and are decoded again.")
    return None


def _write(images: Images, path: Path, shape: tuple[int, ...]) -> None:
    with durable.replacing(path) as temporary:
        block = _reserved(temporary, shape)
        with (
            progress.task("decode", len(images)) as advance,
            ReadingThreads(usable_cores()) as pool,
        ):
            for start in range(0, len(images), CHUNK):
                rows = range(start, min(start + CHUNK, len(images)))
                decoded = pool.each(images.read, rows, images.where)
                for row, pixels in zip(rows, decoded, strict=True):
                    if pixels.shape != shape[1:]:
                        raise ImageError(
                            f"images '{images.name}': all images must have shape {shape[1:]}, got "
                            f"{pixels.shape} ({images.ids[row]})."
                        )
                    block[row] = pixels
                advance(len(rows))
        block.flush()


def _reserved(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A new array file as a writable memory map, its disk space allocated beforehand.

    Without it a write to a full disk ends the process with a signal (SIGBUS), not with an error.
    """
    block = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    return block
