"""The ``.npy`` files of a layer's shards: their header, and reading them as memory maps."""

from __future__ import annotations

import io
import mmap
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from repviz import durable
from repviz.activations import layout, object_store
from repviz.errors import Damaged

MAPS_OPEN = 1024  # shards of a matrix that stay mapped; a process may have some ten thousand maps


class Shards:
    """The files of one layer in the order of their rows, mapped when they are first read.

    Parameters
    ----------
    folders : sequence of (Path, dict)
        A folder of activations and its manifest, then those of the rows that were appended.
    layer : str
        The layer.

    Attributes
    ----------
    starts : ndarray of int, (shards,)
        The first row of each file.
    """

    def __init__(self, folders: Sequence[tuple[Path, dict[str, Any]]], layer: str) -> None:
        self._files: list[tuple[Path, int, int]] = []  # folder, number in it, rows
        for folder, manifest in folders:
            for number in range(layout.shards(manifest)):
                self._files.append((folder, number, len(layout.shard_rows(manifest, number))))
        self.starts = np.cumsum([0, *(rows for _, _, rows in self._files)])[:-1]
        card = folders[0][1]["layers"][layer]
        self._layer, self._d, self._dtype = layer, int(card["features"]), np.dtype(card["dtype"])
        self._open: dict[int, np.ndarray] = {}

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The shard of each row."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def __getitem__(self, number: int) -> np.ndarray:
        if number not in self._open:
            if len(self._open) >= MAPS_OPEN:
                self._open.pop(next(iter(self._open)))
            folder, place, rows = self._files[number]
            path = layout.shard_path(folder, self._layer, place)
            if not path.is_file():
                object_store.fetch(folder, path, layout.sums(folder, place).get(self._layer))
            self._open[number] = _mapped(path, (rows, self._d), self._dtype)
        return self._open[number]


def _mapped(path: Path, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    """The shard in ``path`` as a memory map.

    Its header is not parsed, as ``numpy.load`` would at ten times the cost, but must be what it was
    written as.
    """
    header = npy_header(shape, dtype)
    try:
        with durable.open_regular(path) as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise Damaged(_lost(path)) from error
    size = shape[0] * shape[1] * dtype.itemsize
    if content[: len(header)] != header or len(content) != len(header) + size:
        raise Damaged(_lost(path))
    return np.frombuffer(content, dtype, offset=len(header)).reshape(shape)


@lru_cache(maxsize=256)
def npy_header(shape: tuple[int, int], dtype: np.dtype) -> bytes:
    """The header of the ``.npy`` file of a matrix, padded to one page of memory.

    So the numbers begin where a page does, as writing past the system's cache asks for.
    """
    out = io.BytesIO()
    described = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(out, described)
    magic, text = out.getvalue()[:8], out.getvalue()[10:].rstrip(b"\n")
    length = layout.PAGE - len(magic) - 2
    return magic + length.to_bytes(2, "little") + text.ljust(length - 1) + b"\n"


def _lost(path: Path) -> str:
    if path.exists():
        return (
            f"{path}: this part of the activations is damaged. Delete this file and run the "
            "extraction again with the same parameters: it makes what is missing."
        )
    return (
        f"{path}: this part of the activations is missing. Run the extraction again with the same "
        "parameters: it makes what is missing."
    )
