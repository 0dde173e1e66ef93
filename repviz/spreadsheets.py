"""CSV tables that are safe in spreadsheets: text that would run as a formula is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SENTENCE_SEPARATOR = " | "  # between the sentences of one cell
TEXT = "'"  # before text that a spreadsheet would run, or that begins with an apostrophe
_ESCAPED = re.compile(r"[=+\-@\t\r\n']")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with an apostrophe before text that a spreadsheet would take for a formula.

    That is text which begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end, and is no
    number; and text which begins with an apostrophe, so that :func:`with_formulas` gives back what
    was there. See OWASP, "CSV Injection".
    """
    return _with_texts(table, _escaped)


def with_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """The inverse of :func:`without_formulas`."""
    return _with_texts(table, lambda text: text.removeprefix(TEXT))


def _escaped(text: str) -> str:
    return f"{TEXT}{text}" if _ESCAPED.match(text) and not _NUMBER.fullmatch(text) else text


def _with_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """``table`` with a function applied to every text; columns without a change are the same."""
    changed = table.copy(deep=False)
    for place in range(table.shape[1]):
        cells = table.iloc[:, place]
        if cells.dtype.kind in "biufc":
            continue
        values = [change(cell) if isinstance(cell, str) else cell for cell in cells]
        if any(new is not old and new != old for new, old in zip(values, cells, strict=True)):
            changed.isetitem(place, values)
    return changed
