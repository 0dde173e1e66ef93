"""Checksums of files that users pass on: inside a report, and in a JSON card beside an export."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from repviz import durable, provenance
from repviz.errors import Damaged

FORMAT, VERSION = "repviz export", 1
_PAGE = re.compile(rb"<!-- sha256: (?P<sum>[0-9a-f]{64}) -->\n\Z")


def write_page(path: str | Path, page: str, results: str) -> None:
    """Write an HTML page that ends with the key of its results and the SHA-256 of all before it."""
    content = (page.rstrip("\n") + "\n" + _results_line(results)).encode(
        "utf-8", "backslashreplace"
    )
    durable.write_bytes(path, content + f"<!-- sha256: {provenance.sha256(content)} -->\n".encode())


def check_page(path: str | Path, results: str | None = None) -> None:
    """Refuse an HTML page that is not as :func:`write_page` wrote it.

    Parameters
    ----------
    path : path
        The page.
    results : str or None
        The key of the results that it must show; None for any.

    Raises
    ------
    Damaged
        The page cannot be read, has no checksum, does not match it, or shows other results.
    """
    try:
        with durable.open_regular(path) as file:
            content = file.read()
    except OSError as error:
        raise Damaged(
            f"{path}: this report cannot be read. Write it again: repviz report."
        ) from error
    found = _PAGE.search(content)
    if found is None:
        raise Damaged(
            f"{path}: this report must end with its checksum. Write it again: repviz report."
        )
    if provenance.sha256(content[: found.start()]).encode() != found["sum"]:
        raise Damaged(
            f"{path}: the content of this report does not match its checksum. Write it again: "
            "repviz report."
        )
    if results is not None and not content[: found.start()].endswith(
        _results_line(results).encode()
    ):
        raise Damaged(
            f"{path}: this page shows other results than the study in this folder. Write the "
            "report again."
        )


def _results_line(results: str) -> str:
    return f"<!-- results: {results} -->\n"


def card_path(path: str | Path) -> Path:
    """The card of an exported file or folder: ``fc7.npy.json`` beside ``fc7.npy``."""
    path = Path(path)
    return path.parent / f"{path.name}.json"


def write_card(path: str | Path, about: dict[str, Any]) -> None:
    """Write the card of the file or folder ``path``: ``about``, and the hash of each file."""
    files = {relative: provenance.file_sha256(file) for relative, file in _files(Path(path))}
    record = {"format": FORMAT, "version": VERSION, **about, "files": files}
    durable.write_record(card_path(path), record)


def check_card(path: str | Path) -> int:
    """The number of files of an export, each hashed and found as its card lists it.

    Raises
    ------
    Damaged
        The card is missing or damaged, or a file is missing, was changed, or was added.
    """
    path, card = Path(path), card_path(path)
    record = durable.read_record(card)
    durable.check_fields(card, record, {"format": str, "files": dict})
    if record["format"] != FORMAT or durable.CHECKSUM not in record:
        raise Damaged(f"{card}: this must be the card of an export. {durable.RESTORE}")
    there = dict(_files(path))
    for relative in sorted(record["files"].keys() | there.keys()):
        if relative not in there:
            raise Damaged(
                f"{path.parent / relative}: this file of the export is missing. Export it again."
            )
        if provenance.file_sha256(there[relative]) != record["files"].get(relative):
            raise Damaged(
                f"{path.parent / relative}: this file of the export was changed since it was "
                "written. Export it again."
            )
    return len(there)


def _files(path: Path) -> list[tuple[str, Path]]:
    """The files of an export, each with its path from the folder around it."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    present = sorted(file for file in files if file.is_file())
    return [(file.relative_to(path.parent).as_posix(), file) for file in present]
