"""The manifest of a study: its fields, reading it, and comparing two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repviz import durable, provenance
from repviz.errors import Damaged, Mismatch

FORMAT, VERSION = "repviz study", 3
# The entries of a manifest that every reader relies on.
FIELDS: dict[str, type] = {
    "study": str,
    "title": str,
    "parameters": dict,
    "images": dict,
    "versions": dict,
    "skipped": dict,
    "stages": dict,
}
# Entries that a manifest may lack; of the images those that every report prints.
OPTIONAL: dict[str, type] = {"summary": str, "command": str, "machine": dict, "key": str}
IMAGES_FIELDS: dict[str, type] = {"name": str, "credit": str, "key": str, "n": int}
MOST_FILES = 100_000  # that a manifest may list


def read(folder: Path) -> dict[str, Any]:
    """The manifest of the study in ``folder``, its checksum and its form checked.

    Raises
    ------
    Damaged
        It cannot be read, is not of a study, lacks an entry, or has another content than was
        written.
    Mismatch
        It is of another version of the format.
    """
    path = folder / "manifest.json"
    manifest = durable.read_record(path)
    if manifest.get("format") != FORMAT:
        raise Damaged(
            f"{folder}: manifest.json must be that of a study, and is not. Choose another folder."
        )
    version = manifest.get("version")
    if version != VERSION:
        raise Mismatch(
            f"{folder}: a study must have format version {VERSION}, got {version}. Use the "
            "release that wrote it."
        )
    if durable.CHECKSUM not in manifest:
        raise Damaged(
            f"{path}: this file must contain its own checksum, and has none. {durable.RESTORE}"
        )
    present = {name: kind for name, kind in OPTIONAL.items() if name in manifest}
    durable.check_fields(path, manifest, FIELDS | present)
    _check_stages(path, manifest["stages"])
    return manifest


def _check_stages(path: Path, stages: dict[str, Any]) -> None:
    """Refuse stages whose files and columns are no texts, or that list too many files."""
    entries = [stage if isinstance(stage, dict) else {} for stage in stages.values()]
    files, columns = ([one.get(of, {}) for one in entries] for of in ("files", "text"))
    good = all(isinstance(stage, dict) and "files" in stage for stage in stages.values())
    good = good and all(isinstance(listed, dict) for listed in (*files, *columns))
    if (
        not good
        or not all(isinstance(sum_, str) for listed in files for sum_ in listed.values())
        or not all(_are_texts(names) for listed in columns for names in listed.values())
        or sum(map(len, files)) > MOST_FILES
    ):
        raise Damaged(
            f"{path}: the entry 'stages' must give for each stage its files and their hashes, at "
            f"most {MOST_FILES:,} in all, and the columns of its tables that are texts. "
            f"{durable.RESTORE}"
        )


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def new(
    study: str,
    title: str,
    parameters: dict[str, Any],
    grows: dict[str, list[Any]],
    images: dict[str, Any],
    *,
    summary: str,
) -> dict[str, Any]:
    """The manifest of a study of which no stage is finished."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "study": study,
        "title": title,
        "summary": summary,
        "parameters": parameters | grows,
        "key": provenance.key(parameters),
        "command": provenance.command(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "images": images,
        "skipped": {},
        "stages": {},
    }


def rename(folder: Path, title: str) -> None:
    """Give the study in ``folder`` another title, its report's headline."""
    with durable.locked(folder):
        manifest = read(folder)
        manifest["title"] = title
        durable.write_record(folder / "manifest.json", manifest)


def results_key(manifest: dict[str, Any]) -> str:
    """The hash of a study's parameters and of its stages' files, without times and machine."""
    facts = ("study", "title", "summary", "parameters", "images", "versions", "skipped")
    stages = {name: stage["files"] for name, stage in manifest["stages"].items()}
    return provenance.key([{fact: manifest.get(fact) for fact in facts}, stages])


def check_agreement(
    manifest: dict[str, Any], folder: Path, study: str, parameters: dict[str, Any]
) -> None:
    """Refuse to resume a study with other parameters or other versions of the packages.

    Raises
    ------
    Mismatch
        The message names each difference.
    """
    before = {**manifest["parameters"], "study": manifest["study"]}
    changed = provenance.differences(before, {**parameters, "study": study})
    # Numbers of two versions side by side in one study could not be traced to either.
    changed = changed or provenance.differences(manifest["versions"], provenance.versions())
    if changed:
        raise Mismatch(
            f"{folder}: this study was made with other parameters: {'; '.join(changed)}. Choose "
            "another folder for out, or pass the old parameters to continue it."
        )


def is_finished(manifest: dict[str, Any], stage: str, inputs: dict[str, Any] | None) -> bool:
    """Whether a stage is finished, and was computed from the same ``inputs``."""
    entry = manifest["stages"].get(stage)
    return entry is not None and entry.get("inputs") == inputs
