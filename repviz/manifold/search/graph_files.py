"""Neighbour graphs on disk: computed once for the same rows, then read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from repviz import durable
from repviz.errors import Damaged

GraphArrays = tuple[np.ndarray, np.ndarray, float]


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
            numbers, squared = np.asarray(file["numbers"]), np.asarray(file["squared"])
            recall = float(file["recall"])
        if (numbers.dtype.kind, squared.dtype.kind) not in (("i", "f"), ("u", "f")):
            raise ValueError("other kinds of numbers")
        if numbers.ndim != 2 or numbers.shape != squared.shape or numbers.min() < 0:
            raise ValueError("no neighbours and their distances")
        if numbers.max() >= len(numbers):
            raise ValueError("neighbours that are no rows")
        return numbers.astype(np.int64), squared, recall
    except durable.UNREADABLE as error:
        raise Damaged(
            f"{path}: this neighbour graph is damaged. Delete the file, and the graph is "
            "computed again."
        ) from error
