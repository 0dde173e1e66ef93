"""Whether a folder still is what was written into it."""

from __future__ import annotations

from pathlib import Path

from repviz.errors import Damaged, StoreError


def verify(folder: str | Path) -> int:
    """The number of files of an activations or study folder, each hashed and found unchanged.

    Raises
    ------
    Damaged
        A file is missing or was changed.
    StoreError
        The folder holds neither activations nor a study.
    """
    from repviz import durable, study_folder, study_manifest
    from repviz.activations import integrity, layout

    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        raise StoreError(
            f"{folder}: this must be a folder of activations or of a study, and has no "
            "manifest.json. Check the path."
        )
    form = durable.read_json(folder / "manifest.json").get("format")
    if form == study_manifest.FORMAT:
        opened = study_folder.open_study(folder)
        return sum(opened.check(stage) for stage in opened.manifest["stages"])
    if form != layout.FORMAT:
        raise Damaged(f"{folder}: this folder holds neither activations nor a study, but '{form}'.")
    found = integrity.verify(folder)
    if not found.ok:
        raise Damaged(
            f"{folder}: {len(found.damaged)} of {found.files} files are not as they were written, "
            f"'{found.damaged[0]}' first. Make the activations anew in another folder."
        )
    return found.files
