"""Two sets of images as one: a training set and the validation set that came with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.images.collection import Images, PictureStore
from repviz.nouns import IMAGES
from repviz.provenance import portable


@dataclass(frozen=True)
class ConcatenatedStore:
    """The pictures of one store after those of another."""

    first: PictureStore
    second: PictureStore
    n: int  # pictures in the first

    def where(self, row: int) -> str:
        """Its name in the store that holds it."""
        store, at = self._place(row)
        return store.where(at)

    def stored_bytes(self, row: int) -> bytes:
        """Its bytes in the store that holds it."""
        store, at = self._place(row)
        return store.stored_bytes(at)

    def decode(self, row: int, stored: bytes | None = None) -> np.ndarray:
        """The picture as decoded by the store that holds it."""
        store, at = self._place(row)
        return store.decode(at, stored)

    def _place(self, row: int) -> tuple[PictureStore, int]:
        return (self.first, row) if row < self.n else (self.second, row - self.n)


def concatenate(first: Images, second: Images) -> tuple[Images, tuple[np.ndarray, np.ndarray]]:
    """The images of both, and the rows of each among them.

    Size and colour are the first's. Each id has its set's name before it.

    Raises
    ------
    InputError
        One has labels or groups and the other has none.
    """
    hint = "Open them: repviz.open_images."
    for what, part in (("first", first), ("second", second)):
        checks.instance("concatenate", what, part, Images, hint=hint)
    joined: dict[str, np.ndarray | None] = {}
    for column in ("labels", "groups"):
        one, other = getattr(first, column), getattr(second, column)
        if (one is None) != (other is None):
            raise InputError(
                f"concatenate: both sets must have {column} or neither, got '{first.name}' "
                f"{'without' if one is None else 'with'} and '{second.name}' "
                f"{'without' if other is None else 'with'}."
            )
        joined[column] = None if one is None else np.concatenate([one, other])
    n = int(first._index.max()) + 1
    together = Images(
        name=f"{portable(first.name)} + {portable(second.name)}",
        ids=tuple(f"{portable(part.name)}/{name}" for part in (first, second) for name in part.ids),
        labels=joined["labels"],
        groups=joined["groups"],
        factors={
            name: np.concatenate([values, second.factors[name]])
            for name, values in first.factors.items()
            if name in second.factors
        },
        credit=first.credit
        if first.credit == second.credit
        else f"{first.credit} {second.credit}".strip(),
        size=first.size,
        grey=first.grey,
        nouns=first.nouns
        if first.nouns == second.nouns
        else replace(IMAGES, grouped=first.groups is not None),
        _store=ConcatenatedStore(first._store, second._store, n),
        _index=np.concatenate([first._index, second._index + n]),
    )
    rows = np.arange(len(together))
    return together, (rows[: len(first)], rows[len(first) :])
