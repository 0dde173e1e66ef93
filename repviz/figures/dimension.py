"""The intrinsic dimension of each representation."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.dots import dots, layer_marks, layer_rows
from repviz.figures.theme import LIGHT, canvas, columns, fold, themed


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per representation: calibrated value, its 95 % interval, the raw value as a cross.

    Parameters
    ----------
    table : DataFrame
        ``results/layers.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("dimension", table, "representation", "model", "weights", "layer")
    calibrated = ("dimension_calibrated", "dimension_calibrated_low", "dimension_calibrated_high")
    columns("dimension", table, "dimension", *calibrated)
    labels, marks = layer_marks(table, *calibrated)
    figure = canvas(width, 70 + 30 * len(labels))
    axes = figure.subplots()
    dots(axes, labels, marks)
    _, places = layer_rows(table)
    heights = [row + mark.shift for row, mark in zip(places, marks, strict=True)]
    axes.plot(
        table["dimension"],
        heights,
        marker="x",
        markersize=6,
        color=LIGHT["muted"],
        linestyle="none",
    )
    axes.set_xlim(left=0)
    axes.set_xlabel(fold("intrinsic dimension (degrees of freedom)", width / 7))
    return figure
