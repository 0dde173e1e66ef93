"""How far the images of each rung lie from the nearest known image."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repviz.figures.dots import Mark, dots
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, fold, note, themed

# The ladder, its controls and the real images: colour, and the gap above the first of them.
KINDS = {"ladder": "first", "control": "second", "held-out": "third"}
GAP = 0.5  # rows between the ladder, the controls and the real images


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per rung: median distance, the middle 90 % of the images, and the accepted band.

    Parameters
    ----------
    table : DataFrame
        ``results/ladder.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("ladder", table, "order", "kind", "title", "distance_limit_low")
    columns(
        "ladder", table, "distance_limit_high", "distance_q05", "distance_median", "distance_q95"
    )
    table = table.sort_values("order")
    places = row_places(table["kind"])
    marks = [
        Mark(
            place,
            entry["distance_median"],
            entry["distance_q05"],
            entry["distance_q95"],
            KINDS.get(entry["kind"], "ink"),
        )
        for place, (_, entry) in zip(places, table.iterrows(), strict=True)
    ]
    figure = canvas(width, 96 + (40 if width < NARROW else 30) * len(table))
    axes = figure.subplots()
    dots(axes, [""] * len(table), marks)
    name_rows(axes, table["title"], places, width)
    low, high = (table[f"distance_limit_{end}"].iloc[0] for end in ("low", "high"))
    if np.isfinite([low, high]).all():
        axes.axvspan(low, high, color=LIGHT["third"], alpha=0.12, linewidth=0)
        for edge in (low, high):
            axes.axvline(edge, color=LIGHT["third"], linewidth=1.2)
        where = {"xytext": (0, 2), "ha": "center", "va": "bottom"}
        note(axes, (low + high) / 2, -0.7, "accepted", "third", **where)
    axes.set_xlim(left=0)
    axes.set_xlabel(fold("distance to the nearest known image (RMS, black 0, white 1)", width / 7))
    return figure


def row_places(kinds: pd.Series) -> list[float]:
    """The vertical positions of the rows, with gaps before controls and real images."""
    breaks = (kinds != kinds.shift()).cumsum() - 1
    return [row + GAP * float(group) for row, group in enumerate(breaks)]


def name_rows(axes: Axes, titles: pd.Series, places: list[float], width: float) -> None:
    """Label the rows with their titles, on two lines where the figure is narrow."""
    letters = 18 if width < NARROW else 34
    axes.set_yticks(places, labels=[fold(str(title), letters) for title in titles])
    axes.set_ylim(max(places) + 0.6, -0.6)
