#!/usr/bin/env python
"""Whether two study folders hold the same numbers, table by table.

    scripts/bench/compare_studies.py BEFORE AFTER [--renamed old.csv=new.csv,column=column ...]

Prints, for each table of BEFORE, the columns and rows that differ and the largest relative
difference of each column of numbers; exits 1 where a number differs by more than --tolerance.
Tables and columns that only one side has are listed and are no difference.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """Each table of a study folder by its name."""
    return {path.stem: pd.read_csv(path) for path in sorted((folder / "results").glob("*.csv"))}


def differences(before: pd.DataFrame, after: pd.DataFrame, tolerance: float) -> list[str]:
    """What differs, one sentence each; empty where nothing does."""
    if len(before) != len(after):
        return [f"{len(before)} rows before, {len(after)} after"]
    said = []
    for column in [name for name in before if name in after]:
        one, other = before[column], after[column]
        if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
            a, b = one.to_numpy(float), other.to_numpy(float)
            both = np.isfinite(a) & np.isfinite(b)
            apart = np.abs(a - b)[both] / np.maximum(np.abs(a[both]), 1e-12)
            largest = float(apart.max(initial=0))
            if largest > tolerance or (np.isnan(a) != np.isnan(b)).any():
                count = int((apart > tolerance).sum())
                said.append(f"{column}: {count} numbers differ, by up to {100 * largest:.3g} %")
        elif (one.fillna("").astype(str) != other.fillna("").astype(str)).any():
            first = (one.fillna("").astype(str) != other.fillna("").astype(str)).idxmax()
            said.append(f"{column}: '{one[first]}' before, '{other[first]}' after (row {first})")
    return said


def main() -> int:
    """Compare two folders; 1 where a number differs."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("before", type=Path)
    options.add_argument("after", type=Path)
    options.add_argument("--renamed", default="", help="old=new, separated by commas")
    options.add_argument("--tolerance", type=float, default=1e-6, help="relative")
    given = options.parse_args()
    renamed = dict(pair.split("=") for pair in given.renamed.split(",") if pair)
    before, after = read(given.before), read(given.after)
    before = {
        renamed.get(name, name): table.rename(columns=renamed) for name, table in before.items()
    }
    status = 0
    for name, table in before.items():
        if name not in after:
            print(f"{name}: only before")
            continue
        gone = [column for column in table if column not in after[name]]
        new = [column for column in after[name] if column not in table]
        said = differences(table, after[name], given.tolerance)
        status |= bool(said)
        shared = len(table.columns) - len(gone)
        verdict = "; ".join(said) or "the same"
        print(f"{name}: {verdict} ({len(table)} rows, {shared} columns)")
        for side, columns in (("before", gone), ("after", new)):
            if columns:
                print(f"  only {side}: {', '.join(columns)}")
    for name in after.keys() - before.keys():
        print(f"{name}: only after")
    return int(status)


if __name__ == "__main__":
    raise SystemExit(main())
