"""A table as a spreadsheet reads it: which of its cells it would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path


def formulas(path: Path) -> Iterator[str]:
    """The cells, names of columns among them, that begin a formula and are no number."""
    content = path.read_bytes().decode("utf-8")
    # Unquoted line ends of every kind end a row, as in spreadsheets.
    for row in csv.reader(io.StringIO(content, newline="")):
        for cell in row:
            if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) and not _is_number(cell):
                yield cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
