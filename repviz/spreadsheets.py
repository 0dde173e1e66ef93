"""Tables for spreadsheets: sentences in one cell, and text that would run as a formula."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SENTENCE_SEPARATOR = " | "  # between the sentences of one cell
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with an apostrophe before text that a spreadsheet would take for a formula.

    That is text which begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end, and is no
    number. See OWASP, "CSV Injection".
    """
    return table.map(_as_text)


def _as_text(value: Any) -> Any:
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
