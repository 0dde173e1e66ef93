#!/usr/bin/env python3
"""Upper bounds of the number of images of a kind, from lossless codecs: faces, scenes, noise.

    .venv/bin/python scripts/bench/coding.py OUT --set scenes=folder:PATH

The AT&T faces and uniform noise are always among the sets; all are grey, 64 x 64. Codecs learn from
70 % of the people (or images) and code the others. Writes OUT/coding.csv, with the figures of
Guth, Kadkhodaie & Simoncelli 2025 for photographs beside them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import repviz
from repviz.facespace.coding import coding_bounds

SIDE, MOST, NOISE = 64, 600, 300
# Guth, Kadkhodaie & Simoncelli 2025: 10^5182 photographs of 10^9864 grey images of 64 x 64.
PUBLISHED = {
    "images": "photographs (Guth, Kadkhodaie & Simoncelli 2025)",
    "title": "Learned energy model",
    "bits_per_pixel": 4.203,
    "decibels_per_dimension": 10.67,
    "log10_images": 5182.0,
}


def opened(source: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Images uint8 (n, side, side), and whom they show."""
    images = repviz.open_images(source, size=SIDE, grey=True)
    if len(images) > MOST:
        rows = np.random.default_rng(0).permutation(len(images))[:MOST]
        images = images.take(np.sort(rows))
    pixels = np.rint(images.matrix() * 255).astype(np.uint8).reshape(-1, SIDE, SIDE)
    return pixels, None if images.labels is None else np.asarray(images.labels)


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--set", action="append", default=[], help="NAME=SOURCE")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sources = [("AT&T faces", "orl"), *(one.split("=", 1) for one in options.set)]
    sets = [(name, *opened(source)) for name, source in sources]
    noise = np.random.default_rng(0).integers(0, 256, (NOISE, SIDE, SIDE), dtype=np.uint8)
    tables = []
    for name, pixels, people in [*sets, ("uniform noise", noise, None)]:
        rng = np.random.default_rng(0)
        groups = np.arange(len(pixels)) if people is None else people
        names = rng.permutation(np.unique(groups))
        known = np.isin(groups, names[: round(0.7 * len(names))])
        own = {} if people is None else {"known_groups": people[known], "groups": people[~known]}
        table = coding_bounds(pixels[known], pixels[~known], **own)
        table.insert(0, "images", name)
        tables.append(table)
        print(table.to_string(index=False), flush=True)
    table = pd.concat([*tables, pd.DataFrame([PUBLISHED])], ignore_index=True)
    table.round(4).to_csv(options.out / "coding.csv", index=False)


if __name__ == "__main__":
    main()
