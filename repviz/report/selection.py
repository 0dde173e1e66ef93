"""Reading a selection of images that was made in a report."""

from __future__ import annotations

import base64
import binascii
import json
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import numpy as np
import pandas as pd

from repviz import checks, durable, seals
from repviz.errors import Damaged, InputError, Mismatch
from repviz.report.blocks import read_block

if TYPE_CHECKING:
    from repviz.report.notebook import Explorer
    from repviz.study_folder import Study

AGAIN = "Write the report again: repviz report."


def selection(report: str | Path | Study | Explorer, link: str) -> pd.DataFrame:
    """The images that are selected in a report's map, one row per image.

    Parameters
    ----------
    report : path, Study or Explorer
        The report, the study in whose folder it lies, or what a notebook shows.
    link : str
        The address of the report with the selection, or what stands in it from the "#" on: the
        map's button "Copy link" gives it, and the address bar shows it.

    Returns
    -------
    DataFrame
        row (of the study's tables), id, label; ascending by row. An image without a label has "".

    Raises
    ------
    InputError
        There is no such report, it has no map, or ``link`` holds no selection.
    Mismatch
        The selection was made in a report of other images or other maps.
    Damaged
        The report was changed since it was written, or its map cannot be read.
    """
    page = _page(report)
    try:
        found = _map(page)
    except durable.UNREADABLE as error:
        raise Damaged(f"{report}: the map in this report cannot be read. {AGAIN}") from error
    if found is None:
        raise InputError(f"selection: report must contain a map, got none in {report}. {AGAIN}")
    key_here, ids, labels = found
    key, rows = _parsed(link)
    if key != key_here:
        raise Mismatch(
            f"selection: the link must be of this report's map {key_here}, got one of the map "
            f"{key}. Give the report in which the selection was made."
        )
    chosen = _decoded(rows, len(ids))
    return pd.DataFrame(
        {
            "row": chosen,
            "id": [ids[row] for row in chosen],
            "label": [labels[row] for row in chosen],
        }
    )


def _map(page: str) -> tuple[str, list[str], list[str]] | None:
    """The key of a page's map, and the id and the label of each image on it; None without a map."""
    words, ids, codes = (read_block(page, f"map-{name}") for name in ("words", "ids", "labels"))
    if words is None or ids is None or codes is None:
        return None
    about, found = json.loads(words), json.loads(ids)
    names = about["labels"] or [""]
    labels = [names[code] for code in np.frombuffer(codes, "<u4")]
    if not len(found) == len(labels) == about["n"]:
        raise ValueError("as many ids and labels as images")
    return str(about["key"]), found, labels


def _page(report: str | Path | Study | Explorer) -> str:
    """The HTML of a report, wherever it is."""
    page = getattr(report, "page", None)
    if isinstance(page, str):
        return page
    path = checks.path("selection", "report", getattr(report, "folder", report))
    path = path / "report.html" if path.is_dir() else path
    if not path.is_file():
        raise InputError(
            f"selection: report must be a report or a study folder, got {path}. Write it: "
            "repviz report."
        )
    seals.check_page(path)
    return path.read_text(encoding="utf-8", errors="replace")


def _parsed(link: str) -> tuple[str, str]:
    """The map's key and the encoded rows of an address or a hash."""
    start, _, query = link.rpartition("#map?")
    fields = parse_qs(query) if start or link.startswith("#map?") else {}
    if not {"key", "rows"} <= fields.keys():
        raise InputError(
            "selection: link must be a report's address with a selection, "
            f"'#map?key=...&rows=...', got '{link[:80]}'. Copy it from the report's address bar."
        )
    return fields["key"][0], fields["rows"][0]


def _decoded(text: str, n: int) -> np.ndarray:
    """The rows of runs: pairs of integers, seven bits a byte, the gap before a run and its length.

    Returns
    -------
    ndarray of int64, ascending
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        packed = b"\xff"
    steps, value, shift = [], 0, 0
    for byte in packed:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            steps.append(value)
            value = shift = 0
    ends = list(accumulate(steps))
    if shift or len(ends) % 2 or (ends and ends[-1] > n):
        raise InputError(
            f"selection: link must hold rows below {n:,}, got '{text[:80]}', which is truncated "
            "or altered. Copy the address again."
        )
    runs = [np.arange(start, end) for start, end in zip(ends[::2], ends[1::2], strict=True)]
    return np.concatenate([np.empty(0, np.int64), *runs])
