#!/usr/bin/env python3
"""Upper bounds of the number of images of a kind, from lossless codecs: faces, scenes, noise.

    .venv/bin/python scripts/bench/coding.py OUT --set scenes=folder:PATH

The AT&T faces and uniform noise are always among the sets; all are grey, 64 x 64. Codecs learn from
70 % of the people (or images) and code the others. Writes OUT/coding.csv, with the figures of
Guth, Kadkhodaie & Simoncelli 2025 beside them, and OUT/coding.png: each set's shortest code, on one
axis in bits per pixel and decibels per dimension.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import repviz
from repviz.facespace.coding import DECIBELS, coding_bounds
from repviz.figures import theme
from repviz.figures.dots import Mark, dots

SIDE, MOST, NOISE = 64, 600, 300
# Guth, Kadkhodaie & Simoncelli 2025: 10^5182 photographs of 10^9864 grey images of 64 x 64; the
# median photograph, uniform noise and a constant image in decibels of their model's density.
ENDS = ("_low", "_high")  # of an interval
MODEL = {"title": "Learned energy model (Guth, Kadkhodaie & Simoncelli 2025)"}
PUBLISHED = [
    {"images": "photographs, published", "bits_per_pixel": 4.203, "log10_images": 5182.0}
    | {"decibels_per_dimension": 10.67},
    {"images": "uniform noise, published", "decibels_per_dimension": -1.39},
    {"images": "a constant image, published", "decibels_per_dimension": 48.6},
]


def opened(source: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Images uint8 (n, side, side), and whom they show."""
    images = repviz.open_images(source, size=SIDE, grey=True)
    if len(images) > MOST:
        rows = np.random.default_rng(0).permutation(len(images))[:MOST]
        images = images.take(np.sort(rows))
    pixels = np.rint(images.matrix() * 255).astype(np.uint8).reshape(-1, SIDE, SIDE)
    return pixels, None if images.labels is None else np.asarray(images.labels)


@theme.themed
def figure(table: pd.DataFrame) -> Figure:
    """Each set's shortest code with its interval, and the published figures hollow."""
    shortest = table.fillna({"codec": "", "bits_per_pixel": np.inf}).sort_values("bits_per_pixel")
    rows = shortest.drop_duplicates("images").sort_values("decibels_per_dimension")
    value = "decibels_per_dimension"
    rows = rows.assign(
        **{f"{value}{end}": rows[f"{value}{end}"].fillna(rows[value]) for end in ENDS}
    )
    drawn = theme.canvas(720, 60 + 36 * len(rows))
    axes = drawn.subplots()
    marks = [
        Mark(
            place,
            *(row[f"{value}{end}"] for end in ("", *ENDS)),
            role="first",
            filled=bool(row["codec"]),
        )
        for place, (_, row) in enumerate(rows.iterrows())
    ]
    dots(axes, rows["images"].tolist(), marks)
    axes.set_xlabel("decibels per dimension, of the density of pixels in [0, 1]")
    bits = axes.secondary_xaxis(
        "top", functions=(lambda dB: 8 - dB / DECIBELS, lambda b: DECIBELS * (8 - b))
    )
    bits.set_xlabel("bits per pixel of 8-bit grey")
    bits.set_xticks([8, 6, 4, 2, 0])
    return drawn


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
    published = pd.DataFrame([MODEL | one for one in PUBLISHED])
    table = pd.concat([*tables, published], ignore_index=True)
    table.round(4).to_csv(options.out / "coding.csv", index=False)
    figure(table).savefig(options.out / "coding.png", dpi=144, facecolor=theme.LIGHT["paper"])


if __name__ == "__main__":
    main()
