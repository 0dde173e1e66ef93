"""Writing a folder of activations: begin, write shard by shard, finish. Needs no torch.

A shard is written as its batches come, each block into the temporary file of its layer. Then all
its files are flushed and renamed, and last of all the commit is written, which makes the shard
count. Whatever ends the process, a shard is complete or does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import durable, progress, provenance
from repviz.activations import layout, store
from repviz.activations.preallocated import PreallocatedFile
from repviz.errors import Mismatch, StoreError

if TYPE_CHECKING:
    import pandas as pd

LISTED = 8  # differences that a refusal names


def begin(path: str | Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest as stored, once ``path`` is ready for a new or a resumed extraction.

    The caller holds the folder's lock. Temporary files of killed processes are deleted, once the
    folder is known to be ours.

    Raises
    ------
    Mismatch
        The folder holds activations that were made with other parameters.
    StoreError
        The folder holds something else, or cannot be written.
    """
    path = Path(path)
    parameters = {
        name: value for name, value in manifest.items() if name not in layout.NOT_PARAMETERS
    }
    manifest = {
        **json.loads(json.dumps(manifest)),  # as it will be read again: lists, not tuples
        "format": layout.FORMAT,
        "version": layout.VERSION,
        "key": provenance.key(parameters),
        "versions": provenance.versions(),
    }
    if not (path / "manifest.json").exists():
        if durable.foreign_files(path):
            raise StoreError(
                f"{path}: activations need a folder of their own, and this one contains other "
                "files. Choose another folder."
            )
        durable.write_record(path / "manifest.json", manifest)
    stored = layout.read_manifest(path)
    if stored["key"] != manifest["key"]:
        phrases = _differences(stored, manifest)
        more = [f"and {len(phrases) - LISTED} more"] if len(phrases) > LISTED else []
        different = "; ".join(phrases[:LISTED] + more)
        raise Mismatch(
            f"{path}: this folder holds activations extracted with other parameters: {different}. "
            "Choose another folder, or delete this one."
        )
    for file in durable.leftovers(path):
        with durable.named_errors(file):
            file.unlink()
    return stored


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
        Number of the shard, from 0.
    features : dict of str to int
        Layer name to its number of features d.
    rows : int
        Number of rows of the shard.
    dtype : str
        Type of the values.

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
            file = layout.shard_path(path, layer, number)
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
        unfinished = StoreError(f"{self.path}: shard {self.number} was not committed.")
        self._stack.__exit__(kind or StoreError, error or unfinished, trace)

    def append(self, blocks: Mapping[str, np.ndarray]) -> None:
        """Write the next rows (m, d) of each layer, contiguous and of the shard's type."""
        for layer, block in blocks.items():
            with durable.named_errors(layout.shard_path(self.path, layer, self.number)):
                self._files[layer].append(block.data)

    def commit(self, record: dict[str, Any]) -> None:
        """Flush and rename the files, then write the commit: checksums, and ``record``."""
        self._stack.close()
        name = str(self.number)
        progress.announce(progress.Event("shard", name, "written"))
        sums = {layer: file.checksum() for layer, file in self._files.items()}
        commit = {layout.SUMS: sums, **record}
        layout.write_commit(self.path, self.number, commit)
        progress.announce(progress.Event("shard", name, "finished"))


def finish(path: Path, rows: pd.DataFrame) -> None:
    """Write the index of rows, which completes the folder."""
    content = rows.to_parquet(index=False)
    sums = {"rows": provenance.checksum(content).hexdigest()}
    layout.write_commit(path, "rows", {layout.SUMS: sums})
    durable.write_bytes(path / "rows.parquet", content)


def records(path: Path, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """The commits of the shards ``numbers``, in that order."""
    return [layout.read_commit(path, number) for number in numbers]


def _differences(stored: dict[str, Any], new: dict[str, Any], within: str = "") -> list[str]:
    """One phrase per difference: ``"layers: fc7: reduce was 'none' and is now 'mean'"``."""
    phrases = []
    for name in sorted((stored.keys() | new.keys()) - set(layout.NOT_PARAMETERS)):
        before, now = stored.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            phrases += _differences(before, now, f"{within}{name}: ")
        elif before != now:
            phrases += [f"{within}{p}" for p in provenance.differences({name: before}, {name: now})]
    return phrases
