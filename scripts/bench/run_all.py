"""Runs the benchmarks beside other packages, and writes reports/benchmarks.

    scripts/bench/all [NAME ...] [--out FOLDER]

Each script runs in a process of its own and hands over its rows; a script that fails is named, the
others are still written, and the exit status is 1. With names, the rows of the other scripts stay
as they are in the table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd
from measuring import Row, parser
from table_page import machine, page

HERE = Path(__file__).parent
SCRIPTS = (
    "extraction_speed",
    "decode_speed",
    "graph_and_estimators",
    "manifold_chain",
    "pca_streaming",
    "sweep_loop",
    "explorer_peers",
    "lrn",
    "loop",
)


def main() -> int:
    """Measure, write and say where; 1 if a script failed."""
    options = parser(__doc__)
    options.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)}")
    options.add_argument("--out", type=Path, default=HERE.parents[1] / "reports" / "benchmarks")
    given = options.parse_args()
    if unknown := sorted(set(given.names) - set(SCRIPTS)):
        options.error(f"no such benchmark: {', '.join(unknown)}. Known: {', '.join(SCRIPTS)}")
    failed = measure(given)
    for name in failed:
        print(f"scripts/bench/{name}.py failed; what it wrote stands above.", file=sys.stderr)
    return 1 if failed else 0


def measure(given: Namespace) -> list[str]:
    """Run the scripts, write the report after each, and return the names of those that failed."""
    names = [name for name in SCRIPTS if name in given.names or not given.names]
    started, load = time.monotonic(), os.getloadavg()[0]
    tables, failed = {}, []
    for name in names:
        print(f"\n{name}, after {(time.monotonic() - started) / 60:.0f} minutes", flush=True)
        rows = run(name)
        if rows is None:
            failed.append(name)
            continue
        tables[name] = rows
        minutes = (time.monotonic() - started) / 60
        write(given.out, tables, machine(load, os.getloadavg()[0], minutes))
    return failed


def run(name: str) -> list[Row] | None:
    """The rows of one script; None where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        subprocess.run(
            [sys.executable, HERE / f"{name}.py", "--json", file], stdin=subprocess.DEVNULL
        )
        if not file.exists():
            return None
        return [Row(**one) for one in json.loads(file.read_text())]


def write(out: Path, tables: dict[str, list[Row]], about: dict[str, Any]) -> None:
    """The table, the machine and the page; scripts that did not run keep their rows."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "benchmarks.csv"
    before = read(file) if file.exists() else []
    rows: list[Row] = []
    for name in SCRIPTS:
        rows += tables.get(name) or [row for row in before if row.script == f"{name}.py"]
    columns = [field.name for field in fields(Row)]
    table = pd.DataFrame([asdict(row) for row in rows], columns=columns)
    table.to_csv(file, index=False, float_format="%.4g", lineterminator="\n")
    (out / "machine.json").write_text(json.dumps(about, indent=1) + "\n")
    (out / "README.md").write_text(page(read(file), about))
    print(f"{len(rows)} rows in {out.name}/benchmarks.csv", flush=True)


def read(file: Path) -> list[Row]:
    """The rows of a table that was written before."""
    table = pd.read_csv(file)
    text = [field.name for field in fields(Row) if field.type == "str"]
    table[text] = table[text].fillna("")
    return [Row(**one) for one in table.to_dict("records")]


if __name__ == "__main__":
    sys.exit(main())
