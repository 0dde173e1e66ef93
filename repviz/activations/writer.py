"""Writing a folder of activations: begin, write shard by shard, finish. Needs no torch.

A shard is written as its batches come, each block into the file of its layer in the folder
``unfinished/000000``. Then all its files are flushed and renamed, and last of all the commit is
written, which makes the shard count. Whatever ends the process, a shard is complete or does not
count; a process that continues begins with the rows that were saved of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import durable, progress, provenance
from repviz.activations import layout, object_store, shard_files
from repviz.activations.preallocated import PreallocatedFile
from repviz.errors import Damaged, Mismatch, StoreError

if TYPE_CHECKING:
    import pandas as pd

RECORD = "saved.json"  # what is saved of the unfinished shard; no layer's file ends so
LISTED = 8  # differences that a refusal names


def begin(path: str | Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Prepare ``path`` for a new or resumed extraction, and return the manifest as stored.

    The caller holds the folder's lock.

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
        object_store.push_manifest(path)
    stored = layout.read_manifest(path)
    if stored["key"] != manifest["key"]:
        phrases = differences(stored, manifest)
        more = [f"and {len(phrases) - LISTED} more"] if len(phrases) > LISTED else []
        different = "; ".join(phrases[:LISTED] + more)
        raise Mismatch(
            f"{path}: this folder holds activations extracted with other parameters: {different}. "
            "Choose another folder, or delete this one."
        )
    return stored


def delete_leftovers(path: Path) -> None:
    """Delete temporary files and locks of killed processes; ``path`` must be locked by this one."""
    for file in [*durable.leftovers(path), *path.glob(".*.repviz.lock")]:
        with durable.named_errors(file):
            file.unlink()


class Shard:
    """One shard of every layer, written as its rows come, within a ``with`` block.

    ::

        with Shard(path, 0, {"fc7": 4096}, rows=128, dtype="float32") as shard:
            shard.append({"fc7": first})  # (64, 4096)
            shard.save({"unreadable": {}})  # from here on half the shard survives a kill
            shard.append({"fc7": second})
            shard.commit({"unreadable": {}})

    Left without :meth:`commit`, the block leaves behind what was saved, which is nothing without
    :meth:`save`.

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
    saved : int
        Rows that are there already, as :func:`saved_record` says; 0 begins anew.

    Raises
    ------
    StoreError
        The disk is full, or the folder cannot be written.
    """

    def __init__(
        self,
        path: Path,
        number: int,
        features: Mapping[str, int],
        *,
        rows: int,
        dtype: str,
        saved: int = 0,
    ) -> None:
        self.path, self.number, self.rows, self.saved = path, number, rows, saved
        self._folder = layout.unfinished_path(path, number)
        if not saved:
            discard_unfinished(path, number)
        self._files: dict[str, PreallocatedFile] = {}
        try:
            for layer, d in features.items():
                self._files[layer] = self._open(layer, d, np.dtype(dtype))
        except BaseException:
            self.__exit__()
            raise
        progress.announce(progress.Event("shard", str(number), "started"))

    def _open(self, layer: str, d: int, dtype: np.dtype) -> PreallocatedFile:
        header, row = shard_files.npy_header((self.rows, d), dtype), d * dtype.itemsize
        temporary = unfinished_file(self.path, layer, self.number)
        with durable.named_errors(layout.shard_path(self.path, layer, self.number)):
            if self.saved:
                return PreallocatedFile.reopened(temporary, len(header) + self.saved * row)
            self._folder.mkdir(parents=True, exist_ok=True)
            file = PreallocatedFile(temporary, len(header) + self.rows * row)
            file.append(header)
            return file

    def __enter__(self) -> Shard:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.saved:
            discard_unfinished(self.path, self.number)

    def append(self, blocks: Mapping[str, np.ndarray]) -> None:
        """Write the next rows (m, d) of each layer, contiguous and of the shard's type."""
        for layer, block in blocks.items():
            with durable.named_errors(layout.shard_path(self.path, layer, self.number)):
                self._files[layer].append(block.data)
            progress.announce(progress.Event("shard", str(self.number), "appended"))

    def save(self, rows: int, record: dict[str, Any]) -> None:
        """Flush the ``rows`` rows appended so far, so that a killed process does not lose them.

        Not :meth:`commit`: only a process that continues the extraction uses them.
        """
        for file in self._files.values():
            durable.flush(file.path)
        sums = {layer: file.checksum() for layer, file in self._files.items()}
        saved = {
            layout.MANIFEST: layout.read_manifest(self.path)["key"],
            "number": self.number,
            "rows": rows,
            layout.SUMS: sums,
            **record,
        }
        durable.write_record(self._folder / RECORD, saved)
        self.saved = rows
        progress.announce(progress.Event("shard", str(self.number), "saved"))

    def commit(self, record: dict[str, Any]) -> None:
        """Flush and rename the files, then write the commit: checksums, and ``record``."""
        name = str(self.number)
        for layer, file in self._files.items():
            durable.publish(file.path, layout.shard_path(self.path, layer, self.number))
        progress.announce(progress.Event("shard", name, "written"))
        sums = {layer: file.checksum() for layer, file in self._files.items()}
        commit = {layout.SUMS: sums, **record}
        layout.write_commit(self.path, self.number, commit)
        object_store.push(self.path, self.number)
        discard_unfinished(self.path, self.number)
        progress.announce(progress.Event("shard", name, "finished"))


def saved_record(path: Path, manifest: dict[str, Any], number: int) -> dict[str, Any]:
    """The record of what an earlier process saved of unfinished shard ``number``; {} if nothing.

    Where the files are not as they were saved, one line says so, and their rows are computed again.
    """
    file = layout.unfinished_path(path, number) / RECORD
    if not file.is_file():
        return {}
    try:
        record = durable.read_record(file)
        durable.check_fields(file, record, {"number": int, "rows": int, layout.SUMS: dict})
        if record["number"] != number or record.get(layout.MANIFEST) != manifest["key"]:
            return {}
        rows = len(layout.shard_rows(manifest, number))
        features = {name: card["features"] for name, card in manifest["layers"].items()}
        dtype = next(iter(manifest["layers"].values()))["dtype"]
        shard = Shard(path, number, features, rows=rows, dtype=dtype, saved=record["rows"])
        sums = {layer: file.checksum() for layer, file in shard._files.items()}
    except (Damaged, StoreError):
        sums, record = {}, {layout.SUMS: None}
    if sums != record[layout.SUMS]:
        progress.say(f"{file.parent}: not as it was saved, so its rows are computed again.")
        return {}
    return record


def unfinished_file(path: Path, layer: str, number: int) -> Path:
    """The file of a layer of the unfinished shard ``number``."""
    return layout.unfinished_path(path, number) / f"{layout.file_name(layer)}.npy"


def discard_unfinished(path: Path, number: int) -> None:
    """Delete the unfinished shard ``number`` and the record of what was saved of it."""
    folder = layout.unfinished_path(path, number)
    if folder.is_dir():
        layers = layout.read_manifest(path)["order"]
        files = [unfinished_file(path, layer, number) for layer in layers]
        _delete(path, [folder / RECORD, *files])


def clear_unfinished(path: Path) -> None:
    """Delete all files of unfinished shards, and the record and the locks of parts."""
    folder = layout.unfinished_path(path)
    if folder.is_dir():
        for number in range(layout.shards(layout.read_manifest(path))):
            discard_unfinished(path, number)
        record = layout.parts_path(path)
        _delete(path, [*durable.leftovers(folder), record, *folder.glob(".*.repviz.lock")])


def remove(path: Path) -> None:
    """Delete the activations in ``path``, if there are any, but no file of the user's."""
    if (path / "manifest.json").is_file():
        clear_unfinished(path)
        # The manifest last: it proves that the rest is ours.
        manifest = path / "manifest.json"
        files = [file for file in layout.written_files(path) if file != manifest]
        _delete(path, [*durable.leftovers(path), *files])
        _remove_empty(path)
        _delete(path, [manifest])


def _remove_empty(path: Path) -> None:
    """Remove the empty folders that repviz made below ``path``.

    A run that was killed between a file and the folder around it leaves one, and without a manifest
    it would pass for the user's.
    """
    ours = [path / name for name in layout.FOLDERS]
    below = [folder for one in ours for folder in one.rglob("*") if folder.is_dir()]
    with durable.named_errors(path):
        for folder in sorted([*ours, *below], reverse=True):  # what lies deeper comes first
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _delete(path: Path, files: Iterable[Path]) -> None:
    """Delete ``files`` below ``path``, and the folders around them that are empty then."""
    with durable.named_errors(path):
        for file in files:
            file.unlink(missing_ok=True)
            folder = file.parent
            while folder != path.parent and folder.is_dir() and not any(folder.iterdir()):
                try:
                    folder.rmdir()
                except OSError:
                    break  # another process has just put something there
                folder = folder.parent


def finish(path: Path, rows: pd.DataFrame) -> None:
    """Write the index of rows, which completes the folder."""
    content = rows.to_parquet(index=False)
    sums = {"rows": provenance.checksum(content).hexdigest()}
    layout.write_commit(path, "rows", {layout.SUMS: sums})
    durable.write_bytes(path / "rows.parquet", content)
    object_store.push(path, "rows")


def differences(stored: dict[str, Any], new: dict[str, Any], within: str = "") -> list[str]:
    """One phrase per difference: ``"layers: fc7: reduce was 'none' and is now 'mean'"``."""
    phrases = []
    for name in sorted((stored.keys() | new.keys()) - set(layout.NOT_PARAMETERS)):
        before, now = stored.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(now, dict):
            phrases += differences(before, now, f"{within}{name}: ")
        elif before != now:
            one, other = ({name: m[name]} if name in m else {} for m in (stored, new))
            phrases += [f"{within}{p}" for p in provenance.differences(one, other)]
    return phrases
