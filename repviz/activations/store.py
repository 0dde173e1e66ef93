"""Reading activations from disk: a folder with one lazy matrix per layer. Needs no torch.

::

    manifest.json            model, weights, preprocessing, layers, images, versions and their key
    rows.parquet             one row per image: id, content hash, label, group, factors, status,
                             reason
    layers/fc7/000000.npy    the first rows of the (n, d) matrix of layer fc7, and so on
    components/fc7.npy       mean and principal components, where the layer was reduced to scores
    means/conv3.npy          what replaced the output of a layer that was ablated to its mean
    commits/000000.json      written once the shard 000000 of every layer is on disk, with checksums
    appended/000001/         the rows that follow: a folder of the same form

Every file is written to a temporary name, flushed and renamed; ``rows.parquet`` comes last. A
killed extraction loses the shard it was at; run again with the same parameters, it continues from
there. This file reads; :mod:`repviz.activations.writer` writes.
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, durable, provenance
from repviz.activations import layout, object_store
from repviz.activations.addresses import address_of, named_by_address
from repviz.activations.shard_files import Shards
from repviz.errors import Damaged
from repviz.references import resolve

if TYPE_CHECKING:
    import pandas as pd

WIDE = 4096  # bytes from which on rows are copied one by one


class Matrix:
    """The (n, d) matrix of one layer; rows are read from disk when they are indexed.

    ``m[3]``, ``m[10:20]``, ``m[[5, 1]]``, ``m[mask]`` give rows as arrays of the stored type;
    ``np.asarray(m)`` reads it whole; :meth:`blocks` goes through it in little memory. A row whose
    image could not be read is NaN.

    Attributes
    ----------
    shape : (int, int)
        n images and d features.
    feature_shape : tuple of int
        How the d features are arranged in the network, such as (256, 6, 6).
    dtype : numpy.dtype
        float32 or float16, as they were stored.
    graphs : Path
        The folder beside the layer for what ``repviz.neighbors(layer, cache=layer.graphs)`` finds.
    """

    ndim = 2

    def __init__(self, acts: Activations, layer: str) -> None:
        card, folder = acts.manifest["layers"][layer], acts.path
        self.layer, self.dtype = layer, np.dtype(card["dtype"])
        self.shape = (len(acts), int(card["features"]))
        self.feature_shape = tuple(card["shape"])
        self._acts = acts
        self._shards = Shards([(one.path, one.manifest) for one in (acts, *acts.appended)], layer)
        self.graphs = folder / "graphs" / layout.file_name(layer)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<layer '{self.layer}': {self.shape[0]} x {self.shape[1]} {self.dtype}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("the matrix is stored in several files, so reading it makes a copy")
        return self._read(np.arange(len(self))).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        columns: Any = slice(None)
        if isinstance(rows, tuple):
            rows, columns = rows
        picked = np.arange(len(self))[rows]  # numpy's own rules for slices, masks and -1
        block = self._read(np.atleast_1d(picked))[:, columns]
        return block if np.ndim(picked) else block[0]

    @property
    def readable(self) -> np.ndarray:
        """Mask of the rows with activations, bool of shape (n,); the others are NaN."""
        return self._acts.readable

    @property
    def ids(self) -> np.ndarray:
        """The id of each row's image, (n,)."""
        return self._acts.rows["id"].to_numpy()

    @property
    def content_hashes(self) -> np.ndarray | None:
        """The hash of each row's image, (n,); None where rows were imported, whose images are not
        known.
        """
        known = "decoding" in self._acts.manifest["images"]
        return self._acts.rows["content_hash"].to_numpy() if known else None

    def blocks(self, rows: int = 1024) -> Iterator[tuple[int, np.ndarray]]:
        """Iterator over the matrix: pairs of a row index and the block (m, d) from there on."""
        rows = checks.integer("blocks", "rows", rows, low=1)
        for start in range(0, len(self), rows):
            yield start, self[start : start + rows]

    def _read(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), self.shape[1]), self.dtype)
        numbers = self._shards.of(rows)
        wide = self.shape[1] * self.dtype.itemsize >= WIDE
        for number in np.unique(numbers):
            here = np.flatnonzero(numbers == number)
            shard, wanted = self._shards[int(number)], rows[here] - self._shards.starts[number]
            if len(here) == len(rows):
                np.take(shard, wanted, axis=0, out=out)
            elif wide:  # row by row: fancy indexing first would copy each row twice
                for place, row in zip(here.tolist(), wanted.tolist(), strict=True):
                    out[place] = shard[row]
            else:
                out[here] = shard[wanted]
        return out


@dataclass(frozen=True, eq=False)
class Activations:
    """A finished folder of activations; ``acts["fc7"]`` is the lazy :class:`Matrix` of a layer.

    Attributes
    ----------
    path : Path
        The folder; of an address, where the records and the rows that were read are kept.
    manifest : dict
        What ``manifest.json`` holds.
    appended : tuple of Activations
        The folders of the rows that follow those of ``path`` itself.
    """

    path: Path
    manifest: dict[str, Any]
    appended: tuple[Activations, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers, in the order of the network."""
        return tuple(self.manifest["order"])

    @property
    def network(self) -> str:
        """The model's name with its ablations: ``"alexnet, conv3 ablated (mean)"``."""
        ablated = self.manifest.get("ablated", {})
        parts = [f"{layer} ablated ({kind})" for layer, kind in ablated.items()]
        return ", ".join([str(self.manifest["model"]), *parts])

    @property
    def key(self) -> str:
        """The hash of all that the activations depend on, image contents included (64 digits)."""
        own = [self.manifest["key"], layout.sums(self.path, "rows")]
        return provenance.key([*own, *(folder.key for folder in self.appended)])

    @property
    def location(self) -> str:
        """The address of these activations; where they have none, their folder."""
        return address_of(self.path) or str(self.path)

    @property
    def finished(self) -> bool:
        """Whether every row is stored: of an extraction by several jobs, once all have ended."""
        return (self.path / "rows.parquet").is_file()

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One row per image: row, id, path, content_hash, label, group where groups are
        declared, status, reason, and its factors.

        Where ``status`` is "ok" every layer holds the image's activations; where it is "unreadable"
        or "not finite" its row in every layer is NaN, and ``reason`` says why. Factors are the
        columns ``factor_...``.

        Raises
        ------
        Damaged
            The file is missing, was changed, or holds another table.
        """
        if not self.finished:
            raise _unfinished(self.path, self.manifest)
        own = layout.read_rows(self.path, self.manifest)
        if not self.appended:
            return own
        import pandas as pd

        return pd.concat([own, *(one.rows for one in self.appended)], ignore_index=True)

    @property
    def readable(self) -> np.ndarray:
        """Mask of the rows that hold activations, bool of shape (n,); the others are NaN."""
        return np.asarray(self.rows["status"] == "ok")

    @property
    def overflow(self) -> dict[str, int]:
        """Layer name to the number of values that overflowed to infinity in its type."""
        counts = dict.fromkeys(self.layers, 0)
        for number in range(layout.shards(self.manifest)):
            for layer, count in layout.read_commit(self.path, number).get("overflow", {}).items():
                counts[layer] += count
        for one in self.appended:
            counts = {layer: count + one.overflow[layer] for layer, count in counts.items()}
        return counts

    @property
    def labels(self) -> np.ndarray | None:
        """The label of each image, (n,), or None where labels are not known."""
        labels = self.rows["label"]
        return None if labels.isna().all() else labels.astype(str).to_numpy()

    @property
    def groups(self) -> np.ndarray | None:
        """The declared group of each image, (n,); None where an image has none."""
        rows = self.rows
        known = "group" in rows and rows["group"].notna().all()
        return rows["group"].astype(str).to_numpy() if known else None

    def map(
        self,
        layers: Any = None,
        *,
        sample: int = 2000,
        pictures: Any = None,
        height: int = 900,
        seed: int = 0,
    ) -> Any:
        """The explorer of UMAP maps of some layers; a notebook shows it inline.

        A selection comes back with its ``.selection(link)``, where ``link`` is what the explorer's
        button "Copy link" gives.

        Parameters
        ----------
        layers : str or iterable of str, optional
            Names or globs; all if None.
        sample : int
            Largest number of images, from 40; of more, a random sample.
        pictures : Images or str, optional
            The images, or the name of their source, for their pictures; paired by id.
        height : int
            CSS pixels of the frame, from 200.
        seed : int
            Random seed of the sample and of the maps.

        Raises
        ------
        InputError
            There are fewer than 40 readable rows.
        """
        # What measures is above what stores: it is found by name, as the families' members are.
        return resolve("repviz.studies.notebook_map:map_activations")(
            self, layers=layers, sample=sample, pictures=pictures, height=height, seed=seed
        )

    def __len__(self) -> int:
        return int(self.manifest["images"]["n"]) + sum(map(len, self.appended))

    def __getitem__(self, layer: str) -> Matrix:
        checks.one_of(f"activations '{self.path}'", "layer", layer, self.layers)
        return Matrix(self, layer)

    def __repr__(self) -> str:
        return f"<activations '{self.location}': {len(self)} images, {', '.join(self.layers)}>"

    def _repr_html_(self) -> str:
        bad = len(self) - int(self.readable.sum())
        facts = {
            "images": f"{len(self):,} of {self.manifest['images']['name']}",
            "unreadable": f"{bad:,}, their rows are NaN" if bad else "none",
            "model": f"{self.network}, weights: {self.manifest['weights']}",
        }
        head = "".join(_html_row([key], [value]) for key, value in facts.items())
        cards = self.manifest["layers"]
        body = "".join(
            _html_row(
                [layer],
                [
                    f"{len(self):,} x {cards[layer]['features']:,}",
                    " x ".join(str(side) for side in cards[layer]["shape"]),
                    cards[layer]["dtype"],
                    cards[layer].get("reduce", "none"),
                ],
            )
            for layer in self.layers
        )
        titles = _html_row(["layer", "matrix", "shape", "type", "reduction"], [])
        return (
            f"<table><caption>{html.escape(self.location)}</caption>{head}</table>"
            f"<table>{titles}{body}</table>"
        )


def open_activations(path: str | Path) -> Activations:
    """The activations in the folder ``path``; matrices are read from disk when they are used.

    The manifest is checked at once, the rows when they are read; :func:`repviz.verify` checks all.

    Parameters
    ----------
    path : str or Path
        A folder, or an address such as ``"s3://bucket/prefix"`` (``repviz-toolkit[remote]``). Of an
        address the records are fetched at once, and the rows when they are used, each shard once:
        they are kept in the cache, and are those whose checksums the records list.

    Raises
    ------
    StoreError
        The folder holds no activations; or the address does not answer.
    Damaged
        The extraction into it did not finish, or the manifest was changed.
    Unavailable
        A package is missing that reads the address.

    Warns
    -----
    UserWarning
        The folder is of an older release, whose manifests carry no checksum.
    """
    folder = object_store.opened("open_activations", path)
    with named_by_address(folder):
        return _open(folder)


def _open(path: Path) -> Activations:
    manifest = layout.read_manifest(path)
    if durable.CHECKSUM not in manifest:
        warnings.warn(
            f"{path}: these activations were written by an older release, whose manifest has no "
            "checksum: damage to it cannot be detected.",
            stacklevel=3,
        )
    if not (path / "rows.parquet").is_file():
        raise _unfinished(path, manifest)
    return Activations(path, manifest, _appended(path, manifest))


def _unfinished(path: Path, manifest: dict[str, Any]) -> Damaged:
    return Damaged(
        f"{path}: the extraction must be finished, {layout.unfinished_sentence(path, manifest)}. "
        "Run it again with the same parameters to continue."
    )


def _appended(path: Path, manifest: dict[str, Any]) -> tuple[Activations, ...]:
    """The finished folders of appended rows, in order."""
    found: list[Activations] = []
    rows = int(manifest["images"]["n"])
    while ((folder := layout.appended_path(path, len(found) + 1)) / "rows.parquet").is_file():
        follows = layout.read_manifest(folder)
        same = all(follows[name] == manifest[name] for name in ("order", "layers"))
        if not same or layout.first_row(follows) != rows:
            raise Damaged(
                f"{folder}: these rows must have the layers of those before them and begin at row "
                f"{rows}, got row {layout.first_row(follows)}. {durable.RESTORE}"
            )
        found.append(Activations(folder, follows))
        rows += len(found[-1])
    return tuple(found)


def _html_row(heads: list[str], cells: list[str]) -> str:
    inside = [f"<th>{html.escape(text)}</th>" for text in heads]
    inside += [f"<td>{html.escape(text)}</td>" for text in cells]
    return f"<tr>{''.join(inside)}</tr>"
