"""reports/TABLES.md as data, and what a study's tables have beside it."""

from __future__ import annotations

import csv
import re
from fnmatch import fnmatch
from pathlib import Path

FILE = Path(__file__).parents[1] / "reports" / "TABLES.md"


def dictionary() -> dict[str, dict[str, bool]]:
    """Table -> column -> whether some studies lack it; a column may end in ``*``."""
    tables: dict[str, dict[str, bool]] = {}
    for part in FILE.read_text(encoding="utf-8").split("\n## ")[1:]:
        name, body = part.split("\n", 1)
        columns = tables[name] = {}
        for line in (line for line in body.splitlines() if line.startswith("- ")):
            for names in re.findall(r"(?:^- |\. )((?:`[\w*]+`(?:, )?)+):", line):
                columns |= dict.fromkeys(re.findall(r"`([\w*]+)`", names), "Absent" in line)
    return tables


def undocumented(folder: Path) -> list[str]:
    """What the tables of a study have and TABLES.md has not, or the other way round."""
    known, said = dictionary(), []
    for path in sorted((folder / "results").glob("*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        patterns = known.get(path.stem, {})
        said += [
            f"{path.stem}.{column} is not in TABLES.md"
            for column in columns
            if not any(fnmatch(column, pattern) for pattern in patterns)
        ]
        said += [
            f"{path.stem}.{pattern} is only in TABLES.md"
            for pattern, absent in patterns.items()
            if not absent and not any(fnmatch(column, pattern) for column in columns)
        ]
    return said
