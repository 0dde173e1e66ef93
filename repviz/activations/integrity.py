"""Checking activations on disk against their checksums."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repviz import durable, provenance
from repviz.activations import layout, object_store, store
from repviz.errors import Damaged


@dataclass(frozen=True)
class Verification:
    """The result of :func:`verify`.

    Attributes
    ----------
    path : Path
        The folder.
    files : int
        Number of files checked.
    damaged : tuple of str
        The files that are missing or were changed, relative to the folder.
    """

    path: Path
    files: int
    damaged: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether no file is missing or was changed."""
        return not self.damaged


def verify(path: str | Path) -> Verification:
    """The files of the activations in ``path`` that no longer have their checksums.

    At an address the objects are read there, not what is kept of them on this machine.

    Raises
    ------
    Damaged
        The extraction did not finish, or the manifest itself was changed.
    StoreError
        The folder holds no activations.
    """
    acts = store.open_activations(path)
    checked = [_verify(folder) for folder in (acts, *acts.appended)]
    damaged = tuple(
        str((one.path / name).relative_to(acts.path)) for one in checked for name in one.damaged
    )
    return Verification(acts.path, sum(one.files for one in checked), damaged)


def _verify(acts: store.Activations) -> Verification:
    """As :func:`verify`, of a folder without the rows that were appended to it."""
    path, manifest = acts.path, acts.manifest
    parameters = {
        name: value for name, value in manifest.items() if name not in layout.NOT_PARAMETERS
    }
    damaged = [] if provenance.key(parameters) == manifest["key"] else ["manifest.json"]
    expected: dict[Path, str | None] = {}
    optional = set(layout.FITTED) - _needed(manifest)
    commits = [
        commit
        for commit in layout.commits(path, manifest)
        if commit not in optional or layout.commit_path(path, commit).is_file()
    ]
    sealed = manifest["version"] != layout.UNSEALED
    for commit in commits:
        try:
            record = layout.read_commit(path, commit)
            own = record.get(layout.MANIFEST) == manifest["key"]
            if sealed and not (own and durable.CHECKSUM in record):
                raise Damaged("")
        except Damaged:
            damaged.append(f"commits/{layout.commit_path(path, commit).name}")
            continue
        files = layout.data_files(path, manifest, commit)
        expected |= {file: record[layout.SUMS].get(name) for file, name in files.items()}
    for file, sum_ in expected.items():
        found, name = object_store.stored_sum(path, file, sum_)
        damaged += [name] if found != sum_ else []
    return Verification(path, 1 + len(commits) + len(expected), tuple(damaged))


def _needed(manifest: dict[str, Any]) -> set[str]:
    """The kinds of fitted arrays that a folder must have; appended rows use those of the first."""
    if layout.first_row(manifest):
        return set()
    reductions = [str(card.get("reduce")) for card in manifest["layers"].values()]
    components = {"components"} if any(one.startswith("pca:") for one in reductions) else set()
    return components | ({"means"} if "mean" in manifest.get("ablated", {}).values() else set())
