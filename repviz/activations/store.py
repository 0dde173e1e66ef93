"""Activations on disk: a folder that is whole, or says what is missing. Needs no torch.

::

    manifest.json            model, weights, preprocessing, layers, images, versions and their key
    rows.parquet             a row an image: id, label, content hash, status, reason; written last
    layers/fc7/000000.npy    the first rows of the (n, d) matrix of layer fc7, and so on
    commits/000000.json      written once the shard 000000 of every layer is on disk: their hashes

Every file is written to a temporary name, flushed and renamed. A killed extraction loses the
shard it was at; run again with the same parameters, it goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from repviz import checks, durable, provenance
from repviz.errors import Damaged, Mismatch, StoreError

if TYPE_CHECKING:
    import pandas as pd

FORMAT, VERSION = "repviz activations", 1
# Of the manifest, what says how it was made and not which numbers come out.
NOT_PARAMETERS = ("versions", "key")


class Matrix:
    """The (n, d) matrix of one layer, read from disk as far as it is asked for.

    ``m[3]``, ``m[10:20]``, ``m[[5, 1]]``, ``m[mask]`` give rows as float32 arrays;
    ``np.asarray(m)`` reads it whole; :meth:`blocks` goes through it in little memory. A row whose
    image could not be read is NaN.

    Attributes
    ----------
    shape : (int, int)
        n images and d features.
    feature_shape : tuple of int
        How the d features are arranged in the network, such as (256, 6, 6).
    """

    ndim = 2

    def __init__(self, folder: Path, layer: str, card: dict[str, Any], n: int, step: int) -> None:
        self.layer, self.dtype = layer, np.dtype(card["dtype"])
        self.shape = (n, int(card["features"]))
        self.feature_shape = tuple(card["shape"])
        self._folder, self._step = folder / "layers" / quote(layer, safe=""), step

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<layer '{self.layer}': {self.shape[0]} x {self.shape[1]} {self.dtype}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("the matrix lies in several files: reading it makes a copy")
        return self._read(np.arange(len(self))).astype(dtype or self.dtype, copy=False)

    def __getitem__(self, rows: Any) -> np.ndarray:
        columns: Any = slice(None)
        if isinstance(rows, tuple):
            rows, columns = rows
        picked = np.arange(len(self))[rows]  # numpy's own rules for slices, masks and -1
        block = self._read(np.atleast_1d(picked))[:, columns]
        return block if np.ndim(picked) else block[0]

    def blocks(self, rows: int = 1024) -> Iterator[tuple[int, np.ndarray]]:
        """Pairs of a first row and the block (m, d) that starts there, in order, m <= ``rows``."""
        rows = checks.whole("blocks", "rows", rows, low=1)
        for start in range(0, len(self), rows):
            yield start, self[start : start + rows]

    def _read(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), self.shape[1]), self.dtype)
        shards = rows // self._step
        for number in np.unique(shards):
            here = np.flatnonzero(shards == number)
            out[here] = self._shard(int(number))[rows[here] - number * self._step]
        return out

    def _shard(self, number: int) -> np.ndarray:
        path = self._folder / f"{number:06d}.npy"
        expected = (min(self._step, len(self) - number * self._step), self.shape[1])
        try:
            shard = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise Damaged(_lost(path)) from error
        if shard.shape != expected or shard.dtype != self.dtype:
            raise Damaged(_lost(path))
        return shard


@dataclass(frozen=True, eq=False)
class Activations:
    """A finished folder of activations; ``acts["fc7"]`` is the lazy :class:`Matrix` of a layer.

    Attributes
    ----------
    path : Path
        The folder.
    manifest : dict
        What ``manifest.json`` holds.
    """

    path: Path
    manifest: dict[str, Any]

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers, in the order of the network."""
        return tuple(self.manifest["order"])

    @property
    def key(self) -> str:
        """The hash of all that the activations depend on (64 hex digits)."""
        return str(self.manifest["key"])

    @cached_property
    def rows(self) -> pd.DataFrame:
        """A row an image: row, id, label, content_hash, status, reason, and its factors."""
        import pandas as pd

        return pd.read_parquet(self.path / "rows.parquet")

    def __len__(self) -> int:
        return int(self.manifest["images"]["n"])

    def __getitem__(self, layer: str) -> Matrix:
        checks.known(f"activations '{self.path}'", "layer", layer, self.layers)
        card, step = self.manifest["layers"][layer], self.manifest["rows_per_shard"]
        return Matrix(self.path, layer, card, len(self), step)

    def __repr__(self) -> str:
        return f"<activations '{self.path}': {len(self)} images, {', '.join(self.layers)}>"


def open_activations(path: str | Path) -> Activations:
    """The activations in the folder ``path``, without reading them.

    Raises
    ------
    StoreError
        The folder holds no activations.
    Damaged
        The extraction into it did not finish.
    """
    path = Path(path)
    manifest = _manifest(path)
    if not (path / "rows.parquet").is_file():
        done = len(finished_shards(path, manifest))
        raise Damaged(
            f"{path}: the extraction must have finished, and {done} of {shards(manifest)} parts "
            "are there. Run it again with the same parameters: it goes on where it stopped."
        )
    return Activations(path, manifest)


@dataclass(frozen=True)
class Verification:
    """What :func:`verify` found.

    Attributes
    ----------
    path : Path
        The folder.
    files : int
        How many files were read.
    damaged : tuple of str
        Which of them are missing or not as they were written.
    """

    path: Path
    files: int
    damaged: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every file is as it was written."""
        return not self.damaged


def verify(path: str | Path) -> Verification:
    """Whether each file of the activations in ``path`` still has the hash it was written with.

    Raises
    ------
    Damaged
        The extraction did not finish.
    StoreError
        The folder holds no activations.
    """
    path = Path(path)
    manifest = open_activations(path).manifest
    expected = {path / "rows.parquet": _hashes(path, "rows").get("rows")}
    for number in range(shards(manifest)):
        hashes = _hashes(path, f"{number:06d}")
        for layer in manifest["order"]:
            expected[shard_path(path, layer, number)] = hashes.get(layer)
    damaged = tuple(
        str(file.relative_to(path))
        for file, hash_ in expected.items()
        if not file.is_file() or provenance.file_sha256(file) != hash_
    )
    return Verification(path, len(expected), damaged)


def begin(path: str | Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Make ``path`` ready for an extraction, or for going on with one; the manifest as stored.

    Raises
    ------
    Mismatch
        The folder holds activations that were made with other parameters.
    StoreError
        The folder holds something else, or cannot be written.
    """
    path = Path(path)
    parameters = {name: value for name, value in manifest.items() if name not in NOT_PARAMETERS}
    manifest = {
        **json.loads(json.dumps(manifest)),  # as it will be read again: lists, not tuples
        "format": FORMAT,
        "version": VERSION,
        "key": provenance.key(parameters),
        "versions": provenance.versions(),
    }
    if not (path / "manifest.json").exists():
        strangers = path.is_dir() and set(path.iterdir()) - set(durable.leftovers(path))
        if strangers or path.is_file():
            raise StoreError(
                f"{path}: activations need a folder of their own, and this one holds something "
                "else. Choose another folder."
            )
        durable.write_json(path / "manifest.json", manifest)
        return manifest
    there = _manifest(path)
    if there["key"] != manifest["key"]:
        different = "; ".join(_differences(there, manifest))
        raise Mismatch(
            f"{path}: the folder holds activations made otherwise: {different}. "
            "Choose another folder, or delete this one."
        )
    return there


def finished_shards(path: Path, manifest: dict[str, Any]) -> list[int]:
    """The numbers of the shards that are on disk for every layer."""
    return [
        number
        for number in range(shards(manifest))
        if _commit(path, number).is_file()
        and all(shard_path(path, layer, number).is_file() for layer in manifest["order"])
    ]


def write_shard(
    path: Path, number: int, matrices: dict[str, np.ndarray], reasons: dict[int, str]
) -> None:
    """Write shard ``number`` of every layer, then the file that says it is whole.

    Parameters
    ----------
    path : Path
        The folder.
    number : int
        Which shard.
    matrices : dict of str to ndarray, shape (m, d)
        The rows of each layer.
    reasons : dict of int to str
        For each row (of the whole set) whose image could not be read, why not.
    """
    hashes = {}
    for layer, matrix in matrices.items():
        file = shard_path(path, layer, number)
        with durable.replacing(file) as temporary, open(temporary, "wb") as out:
            np.save(out, np.ascontiguousarray(matrix))
        hashes[layer] = provenance.file_sha256(file)
    kept = {"sha256": hashes, "unreadable": {str(row): why for row, why in reasons.items()}}
    durable.write_json(_commit(path, number), kept)


def unreadable(path: Path, manifest: dict[str, Any]) -> dict[int, str]:
    """For each row whose image could not be read, why not."""
    found = {}
    for number in range(shards(manifest)):
        kept = durable.read_json(_commit(path, number))["unreadable"]
        found.update({int(row): why for row, why in kept.items()})
    return found


def finish(path: Path, rows: pd.DataFrame) -> None:
    """Write the index of rows: the folder is now whole."""
    content = rows.to_parquet(index=False)
    durable.write_json(
        path / "commits" / "rows.json", {"sha256": {"rows": provenance.sha256(content)}}
    )
    durable.write_bytes(path / "rows.parquet", content)


def shards(manifest: dict[str, Any]) -> int:
    """How many shards each layer has."""
    return -(-int(manifest["images"]["n"]) // int(manifest["rows_per_shard"]))


def shard_path(path: Path, layer: str, number: int) -> Path:
    """Where shard ``number`` of ``layer`` lies."""
    return path / "layers" / quote(layer, safe="") / f"{number:06d}.npy"


def _commit(path: Path, number: int) -> Path:
    return path / "commits" / f"{number:06d}.json"


def _hashes(path: Path, commit: str) -> dict[str, str]:
    file = path / "commits" / f"{commit}.json"
    return dict(durable.read_json(file)["sha256"]) if file.is_file() else {}


def _manifest(path: Path) -> dict[str, Any]:
    if not (path / "manifest.json").is_file():
        raise StoreError(
            f"{path}: this is no folder of activations, it has no manifest.json. Give a folder "
            "that repviz extract wrote."
        )
    manifest: dict[str, Any] = durable.read_json(path / "manifest.json")
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        raise StoreError(
            f"{path}: the manifest must be of format '{FORMAT}', version {VERSION}, got "
            f"'{manifest.get('format')}', version {manifest.get('version')}. Give another folder."
        )
    return manifest


def _differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """The differences between two manifests, one level down where both hold a dict."""
    phrases = []
    for name in sorted((there.keys() | here.keys()) - set(NOT_PARAMETERS)):
        before, now = there.get(name), here.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            phrases += [f"{name}: {phrase}" for phrase in provenance.differences(before, now)]
        elif before != now:
            phrases += provenance.differences({name: before}, {name: now})
    return phrases


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
