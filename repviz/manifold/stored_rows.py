"""Rows of stored layers: which are readable, and which rows of two layers are of the same image.

A stored layer says which of its rows are readable, the ids of its rows, and the hash of the image
that each was computed from. A plain array says nothing, and is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from repviz.errors import InputError


def readable_rows(X: Any, groups: Any = None) -> tuple[Any, Any, tuple[str, ...]]:
    """X and ``groups`` (n,) without unreadable rows, and a warning if there are any.

    Parameters
    ----------
    X : stored layer or array_like, shape (n, d)
        What is no stored layer comes back unchanged.
    groups : array_like, shape (n,), optional
        One entry per row, also for those that are left out.
    """
    readable = X.readable if _is_stored(X) else None
    if readable is None or readable.all() or not readable.any():
        return X, groups, ()
    if groups is not None and np.shape(groups) == readable.shape:
        groups = np.asarray(groups)[readable]
    return X[readable], groups, (left_out(readable),)


def left_out(readable: np.ndarray) -> str:
    """The warning about the rows that are not ``readable``, a mask (n,)."""
    n = len(readable)
    return f"{n - int(readable.sum())} of {n} rows hold no activations: they are left out."


def matching_rows(
    who: str, X: Any, Y: Any, *, by: str = "image"
) -> tuple[np.ndarray | None, np.ndarray | None, tuple[str, ...]]:
    """The rows of X and of Y that are of the same images, (m,) each, and warnings.

    Both are None where X or Y is no stored layer: then the order of the rows is the caller's.

    Parameters
    ----------
    who : str
        The function that the user called.
    X, Y : stored layer or array_like
        n and m rows.
    by : str
        ``"image"``: rows of the same image content, and of the same id where a layer was imported
        and no content is known; ``"id"``: of the same id.

    Raises
    ------
    InputError
        No rows belong together.
    """
    if not (_is_stored(X) and _is_stored(Y)):
        return None, None, ()
    hashes = [layer.content_hashes for layer in (X, Y)]
    by_content = by == "image" and hashes[0] is not None and hashes[1] is not None
    names = hashes if by_content else [layer.ids for layer in (X, Y)]
    keys = [_occurrences(*pair) for pair in zip(names, (X.readable, Y.readable), strict=True)]
    shared = [key for key in keys[0] if key in keys[1]]
    if not shared:
        what = "image" if by_content else "id"
        raise InputError(
            f"{who}: X and Y must be of the same images, got {len(X)} and {len(Y)} rows that share "
            f"no {what}. Extract both from the same images."
        )
    notes = []
    if dropped := max(len(X), len(Y)) - len(shared):
        notes.append(
            f"{dropped} of {max(len(X), len(Y))} rows hold no activations or are in one of the two "
            "only: they are left out."
        )
    rows = [np.array([key[one] for one in shared]) for key in keys]
    return rows[0], rows[1], tuple(notes)


def joined_rows(layers: Sequence[Any]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per stored layer: the indices of its readable rows, and of their images, (m,) each.

    An image has one number in all layers: rows are of the same image if their contents are the
    same; of a layer that was imported, whose contents are not known, if their ids are.

    Parameters
    ----------
    layers : sequence of stored layers
        One per store.

    Returns
    -------
    list of (ndarray of int64, ndarray of int64)
        Images are numbered from 0, in the order of the layers.
    """
    by_content: dict[tuple[Any, int], int] = {}
    by_id: dict[tuple[Any, int], int] = {}
    found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    count = 0
    # Imported rows last: they join the images whose contents are known.
    for place in sorted(range(len(layers)), key=lambda i: layers[i].content_hashes is None):
        layer = layers[place]
        known = layer.content_hashes
        ids = _occurrences(layer.ids, layer.readable)
        names = ids if known is None else _occurrences(known, layer.readable)
        numbers = by_id if known is None else by_content
        for key in names:
            if key not in numbers:
                numbers[key], count = count, count + 1
        image_of = {row: numbers[key] for key, row in names.items()}
        for key, row in ids.items():
            by_id.setdefault(key, image_of[row])
        found[place] = np.array(list(image_of), np.int64), np.array([*image_of.values()], np.int64)
    return [found[place] for place in range(len(layers))]


def _is_stored(X: Any) -> bool:
    """Whether X is one stored layer."""
    return hasattr(X, "readable") and hasattr(X, "blocks")


def _occurrences(names: np.ndarray, readable: np.ndarray) -> dict[tuple[Any, int], int]:
    """The row of each readable (name, how often it came before): copies pair in their order."""
    rows: dict[tuple[Any, int], int] = {}
    seen: dict[Any, int] = {}
    for row in np.flatnonzero(readable).tolist():
        name = names[row]
        times = seen.get(name, 0)
        rows[name, times], seen[name] = row, times + 1
    return rows
