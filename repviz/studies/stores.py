"""Several folders of activations: their images, and which rows are of the same image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, provenance
from repviz.activations.capture import fits
from repviz.activations.store import Activations, Matrix, open_activations
from repviz.errors import InputError
from repviz.images.partition import alone, clusters_of
from repviz.manifold.stored_rows import joined_rows
from repviz.nouns import IMAGES, ROWS, Nouns
from repviz.studies.representations import Representation

FEWEST = 40  # rows of a store
FACTOR = "factor_"  # begins a column of a store's rows that holds a known factor


@dataclass(frozen=True, eq=False)
class Store:
    """One folder of activations as a study measures it.

    Attributes
    ----------
    name : str
        The folder's, as the report shows it.
    acts : Activations
        The folder, opened.
    layers : tuple of str
        The layers that are measured.
    rows, images : ndarray of int64, shape (n,)
        The measured rows of the folder, and the row of images.csv of each; both ascend together.
    """

    name: str
    acts: Activations
    layers: tuple[str, ...]
    rows: np.ndarray
    images: np.ndarray

    @property
    def weights(self) -> str:
        """The kind of its network's weights: one of WEIGHT_KINDS."""
        return str(self.acts.manifest.get("weights_kind", "unknown"))

    @property
    def imported(self) -> bool:
        """Whether its rows were made elsewhere, so that the contents of its images are unknown."""
        return self.acts[self.layers[0]].content_hashes is None

    @property
    def nouns(self) -> Nouns:
        """The nouns for its images and labels."""
        if self.imported:
            return ROWS
        return Nouns(**self.acts.manifest.get("nouns", {}))


@dataclass(frozen=True, eq=False)
class StoredImages:
    """The images of all stores, each once.

    Attributes
    ----------
    name : str
        What they are called.
    ids : list of str
        n names.
    labels : ndarray of str, shape (n,), or None
        "" where an image has none; None where none has one.
    factors : dict of str to ndarray of float64, shape (n,)
        Known factors; NaN where one is not known.
    groups : ndarray of str, shape (n,), or None
        The declared groups, of an image without one a group of its own; None where none has one.
    """

    name: str
    ids: list[str]
    labels: np.ndarray | None
    factors: dict[str, np.ndarray]
    groups: np.ndarray | None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return () if self.labels is None else tuple(np.unique(self.labels[self.labels != ""]))

    @property
    def label_indices(self) -> np.ndarray:
        """The index of each image's label among the distinct ones, of which "" is the first."""
        labels = np.array([]) if self.labels is None else self.labels
        return np.unique(labels, return_inverse=True)[1]

    @property
    def clusters(self) -> np.ndarray | None:
        """Which images are not independent draws: see :func:`clusters_of`."""
        return clusters_of(self.labels, self.groups)


class StoredRows:
    """Some rows of a stored layer, read when they are used: an array-like of shape (n, d)."""

    def __init__(self, layer: Matrix, rows: np.ndarray) -> None:
        self.layer, self.rows = layer, rows
        self.shape = (len(rows), layer.shape[1])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        return self.layer[self.rows[rows]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.layer[self.rows].astype(dtype or self.layer.dtype, copy=False)


def open_stores(
    activations: Any, *, layers: Any, sample: int, rng: np.random.Generator
) -> tuple[list[Store], StoredImages]:
    """The stores, and their images, each of which is one row of images.csv.

    Parameters
    ----------
    activations : path, Activations, or sequence of these
        The folders.
    layers : str, sequence of str, or None
        Names or globs of the layers; all if None.
    sample : int
        Largest number of images of each store; of more, some are drawn at random, from stores that
        share images the same ones.
    rng : Generator
        Draws them.

    Raises
    ------
    InputError
        A folder is given twice, has fewer than 40 readable rows, or none of the layers.
    """
    given = activations if isinstance(activations, list | tuple) else [activations]
    if not given:
        raise InputError(
            "study activations: at least one folder of activations must be given, got none. "
            "Extract some: repviz extract."
        )
    opened = [one if isinstance(one, Activations) else open_activations(one) for one in given]
    names = _distinct_names([Path(acts.location) for acts in opened])
    numbered = joined_rows([acts[acts.layers[0]] for acts in opened])
    count = 1 + max((int(images.max(initial=-1)) for _, images in numbered), default=-1)
    priority = rng.permutation(count)
    drawn = []
    for name, (rows, images) in zip(names, numbered, strict=True):
        if len(rows) < FEWEST:
            raise InputError(
                f"study activations: a store must have at least {FEWEST} readable rows, got "
                f"{len(rows)} in '{name}'. Extract more images."
            )
        first = np.sort(np.argsort(priority[images], kind="stable")[:sample])
        drawn.append((rows[first], images[first]))
    used = np.unique(np.concatenate([images for _, images in drawn]))
    stores = []
    found = _layers(names, opened, layers)
    for name, acts, own, (rows, images) in zip(names, opened, found, drawn, strict=True):
        order = np.argsort(images)
        stores.append(Store(name, acts, own, rows[order], np.searchsorted(used, images[order])))
    return stores, _known_of(stores, len(used))


def representations(
    stores: Sequence[Store], clusters: np.ndarray | None
) -> Iterator[Representation]:
    """Every layer of every store, in the order of the stores; one at a time."""
    for store in stores:
        own = None if clusters is None else clusters[store.images]
        for layer in store.layers:
            name = layer if len(stores) == 1 else f"{store.name} {layer}"
            rows = StoredRows(store.acts[layer], store.rows)
            yield Representation(name, store.name, store.weights, layer, rows, own, store.images)


def depths(stores: Sequence[Store]) -> dict[str, int]:
    """The depth of each layer in its network, the layers of all stores merged in order."""
    order: list[str] = []
    for store in stores:
        place = 0 if set(order) & set(store.layers) else len(order)
        for layer in store.layers:
            if layer not in order:
                order.insert(place, layer)
            place = order.index(layer) + 1
    return {layer: place for place, layer in enumerate(order)}


def store_pairs(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """The pairs to compare: a layer and itself in earlier stores, and its store's first layer."""
    pairs = []
    for place, row in enumerate(rows):
        before = rows[:place]
        pairs += [
            (row["representation"], other["representation"])
            for other in before
            if other["layer"] == row["layer"] and other["model"] != row["model"]
        ]
        first = next((other for other in before if other["model"] == row["model"]), None)
        if first is not None:
            pairs.append((row["representation"], first["representation"]))
    return pairs


def stores_table(stores: Sequence[Store]) -> pd.DataFrame:
    """The rows of stores.csv."""
    return pd.DataFrame(
        {
            "store": one.name,
            "model": one.acts.network,
            "weights": one.acts.manifest.get("weights", ""),
            "weights_kind": one.weights,
            "images": one.acts.manifest["images"]["name"],
            "n_stored": len(one.acts),
            "n_readable": int(one.acts.readable.sum()),
            "n": len(one.rows),
            "layers": len(one.layers),
            "key": one.acts.key[:16],
        }
        for one in stores
    )


def shared_table(stores: Sequence[Store]) -> pd.DataFrame:
    """The rows of shared_images.csv: how many images every two stores share."""
    rows = []
    for place, one in enumerate(stores):
        for other in stores[place + 1 :]:
            by_id = one.imported or other.imported
            rows.append(
                {
                    "store_a": one.name,
                    "store_b": other.name,
                    "n_a": len(one.images),
                    "n_b": len(other.images),
                    "n_shared": len(np.intersect1d(one.images, other.images)),
                    "paired_by": "id" if by_id else "content",
                }
            )
    columns = ["store_a", "store_b", "n_a", "n_b", "n_shared", "paired_by"]
    return pd.DataFrame(rows, columns=columns)


def nouns_of_stores(stores: Sequence[Store]) -> Nouns:
    """The nouns for the images of all stores; general ones where the stores differ."""
    nouns = {store.nouns for store in stores}
    return nouns.pop() if len(nouns) == 1 else IMAGES


def _layers(names: Sequence[str], opened: Sequence[Activations], layers: Any) -> list[Any]:
    """The layers of each store that fit one of the names or globs."""
    if layers is None:
        return [acts.layers for acts in opened]
    selectors = checks.as_list(layers)
    every = list(dict.fromkeys(layer for acts in opened for layer in acts.layers))
    for selector in selectors:
        if not any(fits(layer, selector) for layer in every):
            checks.one_of("study activations", "layer", selector, every)
    found = []
    for name, acts in zip(names, opened, strict=True):
        fitting = [one for one in acts.layers if any(fits(one, s) for s in selectors)]
        if not fitting:
            raise InputError(
                f"study activations: each store must have one of the layers, got none of "
                f"{', '.join(selectors)} in '{name}', which has {', '.join(acts.layers)}."
            )
        found.append(tuple(fitting))
    return found


def _distinct_names(paths: Sequence[Path]) -> list[str]:
    """The shortest suffixes of some paths that are distinct."""
    parts = [path.resolve().parts for path in paths]
    for place, own in enumerate(parts):
        if own in parts[:place]:
            raise InputError(
                f"study activations: the folders must be distinct, got '{paths[place]}' twice."
            )
    length = 1
    while len({part[-length:] for part in parts}) < len(parts):
        length += 1
    return ["/".join(part[-length:]) for part in parts]


def _known_of(stores: Sequence[Store], n: int) -> StoredImages:
    """Id, label, group and factors of each image, from the first store that has them."""
    ids = np.full(n, "", dtype=object)
    labels = np.full(n, "", dtype=object)
    groups = alone(n).astype(object)
    factors: dict[str, np.ndarray] = {}
    for store in reversed(stores):
        rows = store.acts.rows.iloc[store.rows]
        ids[store.images] = rows["id"].astype(str)
        known = rows["label"].notna().to_numpy()
        labels[store.images[known]] = rows["label"][known].astype(str)
        if "group" in rows:
            known = rows["group"].notna().to_numpy()
            groups[store.images[known]] = rows["group"][known].astype(str)
        for column in (str(column) for column in rows if str(column).startswith(FACTOR)):
            values = factors.setdefault(column.removeprefix(FACTOR), np.full(n, np.nan))
            values[store.images] = rows[column].to_numpy(np.float64)
    names = list(dict.fromkeys(store.acts.manifest["images"]["name"] for store in stores))
    known_labels = labels.astype(str) if (labels != "").any() else None
    known_groups = groups.astype(str) if (groups != alone(n)).any() else None
    return StoredImages(", ".join(names), ids.tolist(), known_labels, factors, known_groups)


def images_key(stores: Sequence[Store], images: StoredImages) -> str:
    """The hash of the images' contents, or of their ids where the contents are unknown."""
    keys = np.array(images.ids, dtype=object)
    for store in reversed(stores):
        hashes = store.acts[store.layers[0]].content_hashes
        if hashes is not None:
            keys[store.images] = hashes[store.rows]
    return provenance.key(keys.tolist())
