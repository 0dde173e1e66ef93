"""``Images``: n images that are decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import EllipsisType
from typing import Protocol, overload

import numpy as np

from repviz import checks, progress, provenance
from repviz.errors import ImageError, InputError
from repviz.images import decoding, local_files
from repviz.nouns import IMAGES, Nouns
from repviz.reading import ReadingThreads

Rows = Sequence[int] | np.ndarray | slice
CHUNK = 64  # images that are read ahead of the array that they go into


class PictureStore(Protocol):
    """The interface of what reads pictures by row, from files, arrays or a data set."""

    def where(self, row: int) -> str:
        """The name of the picture in error messages."""

    def stored_bytes(self, row: int) -> bytes:
        """The bytes that are hashed."""

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        """The picture in its own size, uint8 of shape (1 or 3, h, w).

        ``stored`` may hand in the bytes, where they were read already.
        """


class Files:
    """One image file per row."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def where(self, row: int) -> str:
        """The path."""
        return local_files.printable(str(self.paths[row]))

    def stored_bytes(self, row: int) -> bytes:
        """The file's bytes."""
        return local_files.read_bytes(self.paths[row])

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        """The file's picture, by the policy of :mod:`repviz.images.decoding`."""
        data = self.stored_bytes(row) if stored is None else stored
        return decoding.decode(data, self.where(row))


class Arrays:
    """One slice of a uint8 array (n, c, h, w) per row."""

    def __init__(self, pixels: np.ndarray, name: str) -> None:
        self.pixels, self.name = pixels, name

    def where(self, row: int) -> str:
        """The array's name and the row."""
        return f"{self.name}, image {row}"

    def stored_bytes(self, row: int) -> bytes:
        """The shape and the pixels, since equal bytes of another shape are another picture."""
        return f"{self.pixels.shape[1:]}".encode() + self.pixels[row].tobytes()

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        """A copy of the slice."""
        return np.array(self.pixels[row])


@dataclass(frozen=True, eq=False)
class Images:
    """n images, decoded when they are asked for, always in the same way.

    Made by :func:`repviz.open_images`. ``images[i]`` is one image, uint8 of shape (c, h, w) with
    grey levels 0 to 255, and ``len(images)`` is n.

    Attributes
    ----------
    name : str
        The name under which it was opened.
    ids : tuple of str
        n distinct names, one per image.
    labels : ndarray of str, shape (n,), or None
        Who or what each image shows, where that is known.
    groups : ndarray of str, shape (n,), or None
        Which images are no independent draws (of one person, one visit), where that is declared:
        splits keep a group together, intervals and probes take it whole.
    factors : dict of str to ndarray of float64, shape (n,)
        What is known about how each image came about (pose, light), in the source's own units.
    credit : str
        Whom to thank, and under which terms.
    size : (int, int) or None
        Height and width in pixels of every decoded image; None keeps each image's own.
    grey : bool or None
        True: one channel. False: three. None: what each image has.
    from_known_manifold : bool
        Whether the images are drawn from a manifold that is known as a whole, such as that of
        "drawn-faces": a moved copy of one is then no image of the set.
    nouns : Nouns
        What one image and one label are called in reports.
    """

    name: str
    ids: tuple[str, ...]
    labels: np.ndarray | None
    factors: dict[str, np.ndarray]
    credit: str
    size: tuple[int, int] | None = None
    grey: bool | None = None
    from_known_manifold: bool = False
    nouns: Nouns = IMAGES
    groups: np.ndarray | None = None
    _store: PictureStore = field(kw_only=True, repr=False)
    _index: np.ndarray = field(kw_only=True, repr=False)  # row here -> row in the store

    def __post_init__(self) -> None:
        columns = {"ids": self.ids, "labels": self.labels, "groups": self.groups}
        columns |= {"_index": self._index, **self.factors}
        for column, values in columns.items():
            if values is not None and len(values) != len(self.ids):
                raise InputError(
                    f"Images: '{column}' must have one value per image ({len(self.ids)}), got "
                    f"{len(values)}."
                )

    def __repr__(self) -> str:
        side = "" if self.size is None else f", {self.size[0]}x{self.size[1]} pixels"
        colour = "" if self.grey is None else ", grey" if self.grey else ", colour"
        labels = "" if self.labels is None else f", {len(self.classes)} labels"
        return f"<images '{self.name}': {len(self):,}{side}{colour}{labels}>"

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, row: Rows) -> Images: ...

    def __getitem__(self, row: int | Rows) -> np.ndarray | Images:
        """One image, (c, h, w) uint8; or, for a slice, a list or a mask, those images as a set."""
        return self.read(int(row)) if isinstance(row, int | np.integer) else self.take(row)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.read(row) for row in range(len(self)))

    def read(self, row: int) -> np.ndarray:
        """Image ``row``, uint8 of shape (c, h, w); negative rows count from the end.

        Raises
        ------
        ImageError
            The image cannot be decoded; the message names the file and the reason.
        IndexError
            There is no such row.
        """
        return np.ascontiguousarray(self.decode(row))

    def stored_bytes(self, row: int) -> bytes:
        """The bytes of the picture that its content hash is taken of.

        Raises
        ------
        ImageError
            The file cannot be read.
        """
        return self._store.stored_bytes(int(self._index[row]))

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        """As :meth:`read`, in the memory order of the decoder: channels are often last.

        This saves a copy where the pixels are copied elsewhere anyway. ``stored`` are the
        :meth:`stored_bytes`, if they have been read already.
        """
        at = int(self._index[row])
        pixels = self._store.decode(at, stored)
        if self.grey is not None:
            pixels = decoding.to_grey(pixels) if self.grey else decoding.to_colour(pixels)
        if self.size is not None:
            pixels = decoding.resize(pixels, self.size, self._store.where(at))
        return pixels

    def where(self, row: int) -> str:
        """Where the picture is stored: the path of its file, or the name of its array and a row."""
        return self._store.where(int(self._index[row]))

    def content_hash(self, row: int) -> str:
        """The SHA-256 of the picture's stored bytes, whatever ``size`` and ``grey`` say.

        Raises
        ------
        ImageError
            The file cannot be read.
        """
        if "_hashes" in self.__dict__:
            return self._hashes[row]
        return provenance.sha256(self.stored_bytes(row))

    def pixels(self, rows: Rows | None = None) -> np.ndarray:
        """The images as one uint8 array of shape (n, c, h, w), grey levels 0 to 255.

        Parameters
        ----------
        rows : sequence of int, slice or boolean array (n,), optional
            Which images; all of them if left out.

        Raises
        ------
        ImageError
            An image cannot be decoded, or takes longer than :data:`repviz.reading.LIMIT`, 120 s.
        InputError
            The images differ in size or in channels, and no ``size`` or ``grey`` makes them equal.
        """
        chosen = self._rows(rows)
        if not len(chosen):
            raise InputError(f"images '{self.name}': at least one image must be requested, got 0.")
        with progress.task("decode", len(chosen)) as advance, ReadingThreads(1) as thread:
            (first,) = thread.each(self.read, chosen[:1], self.where)
            block = np.empty((len(chosen), *first.shape), np.uint8)
            for start in range(0, len(chosen), CHUNK):
                rows = chosen[start : start + CHUNK]
                images = thread.each(self.read, rows, self.where)
                for place, (row, image) in enumerate(zip(rows, images, strict=True), start):
                    if image.shape != first.shape:
                        raise self._unequal(chosen[0], first, row, image)
                    block[place] = image
                    advance(1)
        return block

    def matrix(self, rows: Rows | None = None) -> np.ndarray:
        """The images as float32 of shape (n, c*h*w) in [0, 1]: :meth:`pixels` / 255."""
        block = self.pixels(rows)
        matrix = block.reshape(len(block), -1).astype(np.float32)
        matrix /= 255
        return matrix

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs of row numbers (m,) and their :meth:`pixels` (m, c, h, w), in order, m <= size."""
        size = checks.integer("batches", "size", size, low=1)
        for start in range(0, len(self), size):
            rows = np.arange(start, min(start + size, len(self)))
            with progress.shown_by(progress.SILENT):  # whoever loops shows its own bar
                block = self.pixels(rows)
            yield rows, block

    def take(self, rows: Rows) -> Images:
        """The images ``rows``, in that order, as an ``Images`` of their own."""
        chosen = self._rows(rows)
        return replace(
            self,
            ids=tuple(self.ids[row] for row in chosen),
            labels=None if self.labels is None else self.labels[chosen],
            groups=None if self.groups is None else self.groups[chosen],
            factors={name: values[chosen] for name, values in self.factors.items()},
            _index=self._index[chosen],
        )

    def at(
        self,
        *,
        size: int | tuple[int, int] | EllipsisType | None = ...,
        grey: bool | EllipsisType | None = ...,
    ) -> Images:
        """The same images decoded at another size or in grey; what is not given stays as it is.

        Parameters
        ----------
        size : int, (int, int) or None
            As in :func:`repviz.open_images`; None: as stored.
        grey : bool or None
            As in :func:`repviz.open_images`; None: as stored.

        Raises
        ------
        InputError
            ``size`` is smaller than 8 pixels or not a size, or ``grey`` is not a truth value.
        """
        return replace(
            self,
            size=self.size if isinstance(size, EllipsisType) else parse_size("at", size),
            grey=self.grey if isinstance(grey, EllipsisType) else parse_grey("at", grey),
        )

    def with_nouns(self, nouns: Nouns) -> Images:
        """The same images, with other words for one image and one label in reports."""
        return replace(self, nouns=replace(nouns, grouped=self.groups is not None))

    def hashes(self) -> tuple[str, ...]:
        """The SHA-256 of each image's stored bytes, whatever ``size`` and ``grey`` say.

        Raises
        ------
        ImageError
            A file cannot be read.
        """
        return self._hashes

    def statuses(self) -> list[str]:
        """For each image "ok", or the sentence that says why it cannot be decoded."""
        found = []
        with progress.task("check", len(self)) as advance:
            for row in range(len(self)):
                try:
                    self.read(row)
                    found.append("ok")
                except ImageError as error:
                    found.append(str(error))
                advance(1)
        return found

    @cached_property
    def ids_key(self) -> str:
        """One SHA-256 for the ids in this order; unlike :attr:`key` it reads no picture."""
        return provenance.key(list(self.ids))

    @property
    def key(self) -> str:
        """One SHA-256 for these pixels in this order: hashes, size, grey and decoding policy."""
        decoded = {"hashes": self.hashes(), "size": self.size, "grey": self.grey}
        return provenance.key({**decoded, "decoding": decoding.POLICY})

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted; empty where there are none."""
        return () if self.labels is None else tuple(np.unique(self.labels).tolist())

    @property
    def label_indices(self) -> np.ndarray:
        """The index of each image's label in :attr:`classes`, int64 of shape (n,).

        Raises
        ------
        InputError
            The images have no labels.
        """
        if self.labels is None:
            raise InputError(f"images '{self.name}': labels are needed, got none.")
        return np.unique(self.labels, return_inverse=True)[1].astype(np.int64)

    @cached_property
    def _hashes(self) -> tuple[str, ...]:
        with progress.task("hash", len(self)) as advance:
            found = []
            for row in range(len(self)):
                found.append(self.content_hash(row))
                advance(1)
        return tuple(found)

    def _rows(self, rows: Rows | None) -> np.ndarray:
        return np.arange(len(self))[slice(None) if rows is None else rows]

    def _unequal(self, row: int, image: np.ndarray, other: int, found: np.ndarray) -> InputError:
        sizes = image.shape[1:], found.shape[1:]
        if sizes[0] != sizes[1]:
            (h, w), (height, width) = sizes
            return InputError(
                f"images '{self.name}': all images must have the same size, got {w}x{h} "
                f"({self.ids[row]}) and {width}x{height} ({self.ids[other]}). Give size=, for "
                "example size=64."
            )
        kinds = ["grey" if len(pixels) == 1 else "colour" for pixels in (image, found)]
        return InputError(
            f"images '{self.name}': images must be all grey or all colour, got {kinds[0]} "
            f"({self.ids[row]}) and {kinds[1]} ({self.ids[other]}). Give grey=True or grey=False."
        )

    def _repr_html_(self) -> str:
        from repviz.images import notebook

        return notebook.page(self)


def parse_size(who: str, size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """``size`` as (height, width); one number is a square.

    Raises
    ------
    InputError
        It is neither, or a side is not a whole number from 8 to 8192.
    """
    return None if size is None else checks.size(who, size, low=decoding.MIN_SIDE, high=8192)


def parse_grey(who: str, grey: bool | None) -> bool | None:
    """``grey``, which must be True, False or None."""
    if grey is None or isinstance(grey, (bool, np.bool_)):
        return None if grey is None else bool(grey)
    raise InputError(f"{who}: grey must be True, False or None, got {grey!r}.")
