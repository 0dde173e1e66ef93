"""Neighbour graphs on disk: computed once for the same rows, then read."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from repviz import durable
from repviz.errors import Damaged

GraphArrays = tuple[np.ndarray, np.ndarray, float]
# What numpy and zipfile raise for a damaged file; its members carry checksums of their own.
_UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def load_or_compute(path: Path, compute: Callable[[], GraphArrays]) -> GraphArrays:
    """Neighbours, squared distances and recall: from the file, or computed and written there.

    Parameters
    ----------
    path : Path
        The file ``KEY.npz``, whose key identifies the rows and options.
    compute : callable
        Computes the graph.

    Raises
    ------
    Damaged
        The file cannot be read, or holds another graph.
    StoreError
        The file cannot be written.
    """
    if path.is_file():
        return read_graph(path)
    numbers, squared, recall = compute()
    small = numbers.astype(np.int32) if len(numbers) < 2**31 else numbers
    with durable.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, numbers=small, squared=squared, recall=recall, key=path.stem)
    return numbers, squared, recall


def read_graph(path: Path) -> GraphArrays:
    """Neighbours (n, k), squared distances (n, k) and recall of the graph in ``path``.

    Raises
    ------
    Damaged
        The file cannot be read, or holds another graph than its name says.
    """
    try:
        with durable.open_regular(path) as opened, np.load(opened, allow_pickle=False) as file:
            if str(file["key"]) != path.stem:
                raise ValueError("the graph of other rows")
            return file["numbers"].astype(np.int64), file["squared"], float(file["recall"])
    except _UNREADABLE as error:
        raise Damaged(
            f"{path}: this neighbour graph is damaged. Delete the file, and the graph is "
            "computed again."
        ) from error
