"""Tables with the columns that the report's sections declare, for made-up studies.

A row states the values that matter; :func:`table` fills in the others from their names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from repviz.report.sections import SECTIONS, get_section
from repviz.study_folder import Draft

EMPTY = ("dimension_warnings", "factor", "left_out", "sole_refusing_judge", "undecided", "warnings")
WORDS = (
    *(
        "change",
        "criterion",
        "engine",
        "engine_label",
        "engine_title",
        "baseline",
        "formula",
        "input",
    ),
    *("parameters_formula", "towers"),
    *("baseline_title", "from", "id", "label", "layer", "model", "padding", "kernel", "kind"),
    *("option", "output", "per_size_label", "quantity", "representation", "representation_a"),
    *("representation_b", "side", "store", "store_a", "store_b", "stride", "title", "to"),
    *("value_a", "value_b", "weights", "key"),
)
COUNTS = {
    "seed": 0,
    "n_seeds": 1,
    "n_splits": 1,
    "groups": 40,
    "groups_test": 6,
    "n": 60,
    "n_test": 60,
}
COUNTS |= {"trustworthiness_k": 15, "permutations": 19}


@dataclass(frozen=True)
class Images:
    """What the study is of: images (n, ...) uint8, a label and an id for each, and code sizes."""

    pixels: np.ndarray
    labels: list[str]
    ids: list[str]
    sizes: tuple[int, ...]

    @property
    def n(self) -> int:
        return len(self.pixels)


def table(draft: Draft, name: str, rows: list[dict[str, Any]], more: str = "") -> None:
    """Write the table ``name``: the columns declared for it, those in ``more``, those of rows."""
    declared = [get_section(one).tables.get(name, "") for one in SECTIONS]
    columns = dict.fromkeys(" ".join([*declared, more]).split())
    complete = []
    for place, row in enumerate(rows):
        full: dict[str, Any] = {}
        for column in columns:
            full[column] = row[column] if column in row else _value(column, place, full)
        complete.append(full | row)
    draft.table(name, pd.DataFrame(complete))


def _value(column: str, place: int, row: dict[str, Any]) -> Any:
    """A value for a column; a bound is that of the estimate before it in the row."""
    stem, _, end = column.rpartition("_")
    if end in ("low", "high"):
        estimates = [
            value
            for name, value in row.items()
            if name.startswith(stem) and not name.endswith(("low", "high"))
        ]
        # A share stays a share: its upper bound is at most 1.
        low, high = 0.95 * estimates[-1], 1.05 * estimates[-1]
        return low if end == "low" else min(high, max(1.0, estimates[-1]))
    if column in EMPTY:
        return ""
    if column in WORDS:
        return f"a {column}"
    return COUNTS.get(column, 0.5 + 0.4 * np.cos(place + len(column)))
