"""How far the samples of each rung lie from the nearest known face."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.dots import Mark, dots
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, fold, note, themed


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per rung: median distance, the middle 90 % of the samples, and the judge's threshold.

    Parameters
    ----------
    table : DataFrame
        ``results/ladder.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("ladder", table, "order", "title", "threshold")
    columns("ladder", table, "distance_q05", "distance_median", "distance_q95")
    table = table.sort_values("order")
    threshold = table["threshold"].iloc[0]
    marks = [
        Mark(row, entry["distance_median"], entry["distance_q05"], entry["distance_q95"], "first")
        for row, (_, entry) in enumerate(table.iterrows())
    ]
    figure = canvas(width, 90 + 32 * len(table))
    axes = figure.subplots()
    titles = [fold(title, 18) if width < NARROW else title for title in table["title"]]
    dots(axes, titles, marks)
    axes.axvspan(0, threshold, color=LIGHT["third"], alpha=0.1, linewidth=0)
    axes.axvline(threshold, color=LIGHT["third"], linewidth=1.4)
    note(
        axes,
        threshold,
        -0.6,
        "accepted as a face",
        "third",
        xytext=(-4, 2),
        ha="right",
        va="bottom",
    )
    axes.set_xlim(left=0)
    axes.set_xlabel(fold("distance to the nearest known face (RMS, black 0, white 1)", width / 7))
    return figure
