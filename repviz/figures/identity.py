"""How often the nearest training image has the same label, in each representation."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.dots import dots, layer_marks
from repviz.figures.theme import LIGHT, canvas, columns, fold, note, percent_ticks, themed


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per representation: share of images, 95 % interval, and chance as a line.

    Parameters
    ----------
    table : DataFrame
        ``results/layers.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("identity", table, "representation", "model", "weights", "layer")
    columns(
        "identity",
        table,
        "nearest_same",
        "nearest_same_low",
        "nearest_same_high",
        "nearest_same_chance",
    )
    labels, marks = layer_marks(table, "nearest_same", "nearest_same_low", "nearest_same_high")
    figure = canvas(width, 80 + 30 * len(labels))
    axes = figure.subplots()
    dots(axes, labels, marks)
    chance = table["nearest_same_chance"].iloc[0]
    start = _start(float(table["nearest_same_low"].min()))
    if chance >= start:
        axes.axvline(chance, color=LIGHT["muted"], linewidth=1.2, linestyle=(0, (4, 3)))
        note(axes, chance, -0.6, "chance", xytext=(4, 2), va="bottom")
    else:
        note(axes, start, -0.6, f"← chance {100 * chance:.1f} %", xytext=(4, 2), va="bottom")
    axes.set_xlim(start, 1 + 0.005 * (1 - start))
    percent_ticks(axes.xaxis)
    axes.set_xlabel(
        fold("held-out images whose nearest training image has the same label", width / 7)
    )
    return figure


def _start(lowest: float) -> float:
    """The lower limit of the axis: 0, or the tenth below the data where all are above one half."""
    return math.floor(10 * lowest) / 10 if lowest > 0.5 else 0.0
