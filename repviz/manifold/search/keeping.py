"""Graphs on disk: found once for the same rows, and read where they are asked for again."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from repviz import durable
from repviz.errors import Damaged

Found = tuple[np.ndarray, np.ndarray, float]


def kept(path: Path, find: Callable[[], Found]) -> Found:
    """Numbers, squared distances and recall: from the file, or found and written there.

    Raises
    ------
    Damaged
        The file cannot be read.
    StoreError
        The file cannot be written.
    """
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as file:
                return file["numbers"].astype(np.int64), file["squared"], float(file["recall"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise Damaged(
                f"{path}: this neighbour graph is damaged. Delete the file, and the graph is "
                "computed again."
            ) from error
    numbers, squared, recall = find()
    small = numbers.astype(np.int32) if len(numbers) < 2**31 else numbers
    with durable.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, numbers=small, squared=squared, recall=recall)
    return numbers, squared, recall
