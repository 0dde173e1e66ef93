"""Rows appended to a finished folder of activations: a folder of the same form within it.

``appended/000001`` holds the rows that follow those of the folder itself, and counts once it is
finished, as any extraction does. So nothing that was there is touched, and a killed run leaves the
folder as it was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repviz.activations import layout, writer
from repviz.activations.store import open_activations
from repviz.errors import Mismatch
from repviz.images.collection import Images

NAMED = 8  # images that a refusal lists


@dataclass(frozen=True)
class Extent:
    """A folder of consecutive rows, the images behind them, and the manifest that it must have."""

    path: Path
    images: Images
    manifest: dict[str, Any]


def extents(path: Path, images: Images, manifest: dict[str, Any], *, append: bool) -> list[Extent]:
    """The folders that an extraction of ``images`` fills: ``path``, and those of appended rows.

    Raises
    ------
    Mismatch
        A finished folder does not hold all images and ``append`` is false; or it is true, and
        images of the folder are missing, or the folder holds fewer rows than a batch.
    """
    here = [Extent(path, images, manifest)]
    if not (path / "rows.parquet").is_file():
        return here
    acts = open_activations(path)
    same = acts.manifest["images"].get("ids") == manifest["images"]["ids"]
    if (same and not acts.appended) or _other_parameters(acts.manifest, manifest):
        return here  # a folder of other parameters is refused when it is begun
    places = {one: row for row, one in enumerate(images.ids)}
    known = acts.rows["id"].tolist()
    removed = [one for one in known if one not in places]
    if removed and not append:
        return here
    if removed:
        raise Mismatch(
            f"{path}: rows can be appended where all images of this folder are among the images, "
            f"got {len(removed)} that are not: {_listed(removed)}. Restore them, or choose another "
            "folder."
        )
    held = set(known)
    new = [row for one, row in places.items() if one not in held]
    if new:
        _check_growth(path, len(known), [images.ids[row] for row in new], manifest, append)
    found, first = [], 0
    for folder in (acts, *acts.appended):
        n = int(folder.manifest["images"]["n"])
        rows = [places[one] for one in known[first : first + n]]
        name = folder.manifest["images"]["name"]
        found.append(_extent(folder.path, images, rows, manifest, first=first, name=name))
        first += n
    if new:
        target = layout.appended_path(path, len(found))
        name = manifest["images"]["name"]
        found.append(_extent(target, images, new, manifest, first=first, name=name))
    return found


def _extent(
    path: Path,
    images: Images,
    rows: list[int],
    manifest: dict[str, Any],
    *,
    first: int,
    name: str,
) -> Extent:
    taken = images.take(rows)
    about = {**manifest["images"], "name": name, "n": len(taken), "ids": taken.ids_key}
    return Extent(path, taken, {**manifest, "images": about, **({"first": first} if first else {})})


def _other_parameters(stored: dict[str, Any], manifest: dict[str, Any]) -> bool:
    """Whether two manifests differ in more than which images there are."""
    free = {name: stored["images"].get(name) for name in ("name", "n", "ids")}
    new = {**manifest, "images": {**manifest["images"], **free}}
    return bool(writer.differences(stored, json.loads(json.dumps(new))))  # lists, not tuples


def _check_growth(
    path: Path, rows: int, new: list[str], manifest: dict[str, Any], append: bool
) -> None:
    if not append:
        raise Mismatch(
            f"{path}: this folder must hold all images, got {len(new)} that it does not hold: "
            f"{_listed(new)}. Append them with append=True (--append), or choose another folder."
        )
    if rows < manifest["batch"]:
        raise Mismatch(
            f"{path}: rows can be appended to at least one batch of rows ({manifest['batch']}), "
            f"got {rows}: their values depend on the size of the batch. Extract all images anew, "
            "into another folder."
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(f"'{one}'" for one in names[:NAMED]) + more
