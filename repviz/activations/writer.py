"""How a folder of activations comes to be: begun, filled shard by shard, finished. Needs no torch.

A shard is written as its batches come, each block into the temporary file of its layer. Then all
its files are flushed and renamed, and last of all the commit is written, which makes the shard
count. Whatever ends the process, a shard counts wholly or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import durable, provenance
from repviz.activations import store
from repviz.activations.preallocated import PreallocatedFile
from repviz.errors import Mismatch, StoreError

if TYPE_CHECKING:
    import pandas as pd

LISTED = 8  # differences that a refusal names


def begin(path: str | Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Make ``path`` ready for an extraction, or for going on with one; the manifest as stored.

    To be called while the folder is held. What killed processes left half written is deleted.

    Raises
    ------
    Mismatch
        The folder holds activations that were made with other parameters.
    StoreError
        The folder holds something else, or cannot be written.
    """
    path = Path(path)
    parameters = {
        name: value for name, value in manifest.items() if name not in store.NOT_PARAMETERS
    }
    manifest = {
        **json.loads(json.dumps(manifest)),  # as it will be read again: lists, not tuples
        "format": store.FORMAT,
        "version": store.VERSION,
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
    there = store.read_manifest(path)
    if there["key"] != manifest["key"]:
        found = _differences(there, manifest)
        more = [f"and {len(found) - LISTED} more"] if len(found) > LISTED else []
        different = "; ".join(found[:LISTED] + more)
        raise Mismatch(
            f"{path}: the folder holds activations made otherwise: {different}. "
            "Choose another folder, or delete this one."
        )
    for file in durable.leftovers(path):
        with durable.named_errors(file):
            file.unlink()
    return there


class Shard:
    """One shard of every layer, written as its rows come, within a ``with`` block.

    ::

        with Shard(path, 0, {"fc7": 4096}, rows=128, dtype="float32") as shard:
            shard.append({"fc7": first})  # (64, 4096)
            shard.append({"fc7": second})
            shard.commit({"unreadable": {}})

    Left without :meth:`commit`, the block leaves nothing behind.

    Parameters
    ----------
    path : Path
        The folder.
    number : int
        Which shard.
    features : dict of str to int
        d of each layer.
    rows : int
        How many rows it will have.
    dtype : str
        Of the numbers.

    Raises
    ------
    StoreError
        The disk is full, or the folder cannot be written.
    """

    def __init__(
        self, path: Path, number: int, features: Mapping[str, int], *, rows: int, dtype: str
    ) -> None:
        self.path, self.number, self.rows = path, number, rows
        self._files: dict[str, PreallocatedFile] = {}
        self._stack = ExitStack()
        for layer, d in features.items():
            file = store.shard_path(path, layer, number)
            header = store.npy_header((rows, d), np.dtype(dtype))
            temporary = self._stack.enter_context(durable.replacing(file))
            with durable.named_errors(file):
                size = len(header) + rows * d * np.dtype(dtype).itemsize
                self._files[layer] = PreallocatedFile(temporary, size)
                self._files[layer].append(header)

    def __enter__(self) -> Shard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        unfinished = StoreError(f"{self.path}: shard {self.number} was left without a commit.")
        self._stack.__exit__(kind or StoreError, error or unfinished, trace)

    def append(self, blocks: Mapping[str, np.ndarray]) -> None:
        """Write the next rows (m, d) of each layer, contiguous and of the shard's type."""
        for layer, block in blocks.items():
            with durable.named_errors(store.shard_path(self.path, layer, self.number)):
                self._files[layer].append(block.data)

    def commit(self, record: dict[str, Any]) -> None:
        """Flush and rename the files, then write the commit: checksums, and ``record``."""
        self._stack.close()
        sums = {layer: file.checksum() for layer, file in self._files.items()}
        durable.write_json(
            store.commit_path(self.path, self.number), {store.CHECKSUM: sums, **record}
        )


def finish(path: Path, rows: pd.DataFrame) -> None:
    """Write the index of rows: the folder is now whole."""
    content = rows.to_parquet(index=False)
    sums = {"rows": provenance.checksum(content).hexdigest()}
    durable.write_json(path / "commits" / "rows.json", {store.CHECKSUM: sums})
    durable.write_bytes(path / "rows.parquet", content)


def records(path: Path, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """What the commits of the shards ``numbers`` say, in that order."""
    return [durable.read_json(store.commit_path(path, number)) for number in numbers]


def _differences(there: dict[str, Any], here: dict[str, Any], within: str = "") -> list[str]:
    """What differs: ``"layers: fc7: reduce was 'none' and is now 'mean'"``."""
    phrases = []
    for name in sorted((there.keys() | here.keys()) - set(store.NOT_PARAMETERS)):
        before, now = there.get(name), here.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            phrases += _differences(before, now, f"{within}{name}: ")
        elif before != now:
            phrases += [f"{within}{p}" for p in provenance.differences({name: before}, {name: now})]
    return phrases
