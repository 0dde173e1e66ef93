"""Whether activations on disk are still what was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from repviz import provenance
from repviz.activations import store


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
    """Whether each file of the activations in ``path`` still has the checksum it was written with.

    Raises
    ------
    Damaged
        The extraction did not finish.
    StoreError
        The folder holds no activations.
    """
    path = Path(path)
    manifest = store.open_activations(path).manifest
    expected = {path / "rows.parquet": store.sums(path, "rows").get("rows")}
    for layer, sum_ in store.sums(path, "components").items():
        expected[store.components_path(path, layer)] = sum_
    for number in range(store.shards(manifest)):
        listed = store.sums(path, f"{number:06d}")
        for layer in manifest["order"]:
            expected[store.shard_path(path, layer, number)] = listed.get(layer)
    damaged = [
        str(file.relative_to(path))
        for file, sum_ in expected.items()
        if not file.is_file() or provenance.file_checksum(file) != sum_
    ]
    own = {name: value for name, value in manifest.items() if name not in store.NOT_PARAMETERS}
    if provenance.key(own) != manifest["key"]:
        damaged.insert(0, "manifest.json")
    return Verification(path, len(expected) + 1, tuple(damaged))
