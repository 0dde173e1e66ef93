"""The PCA spectrum of each representation."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from repviz.figures.dots import STYLES, layer_rows
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, percent_ticks, themed

TICKS = (1, 10, 100, 1000)


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """Small multiples, one per layer; the first representation is repeated in grey.

    Parameters
    ----------
    table : DataFrame
        ``results/spectrum.csv`` of a study, with the columns model, weights and layer that
        ``results/layers.csv`` has for the same representation.
    width : float
        Width in CSS pixels.
    """
    columns("spectrum", table, "representation", "component", "cumulative")
    columns("spectrum", table, "model", "weights", "layer")
    curves = [rows for _, rows in table.groupby("representation", sort=False)]
    labels, places = layer_rows(pd.concat([rows.iloc[:1] for rows in curves]))
    across = 2 if width < NARROW else 4
    down = -(-len(labels) // across)
    figure = canvas(width, 40 + 130 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, label in zip(grid, labels, strict=False):
        _panel(axes, label)
        _curve(axes, curves[0], "muted", 1.2)
        axes.set_xlim(1, table["component"].max())
    for rows, place in zip(curves, places, strict=True):
        role, _, _ = STYLES.get(rows["weights"].iloc[0], STYLES["none"])
        _curve(grid[place], rows, role, 2.0)
    for axes in grid[len(labels) :]:
        axes.remove()
    for axes in grid[max(0, len(labels) - across) : len(labels)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel("number of components", fontsize=12, color=LIGHT["muted"])
    return figure


def _panel(axes: Axes, label: str) -> None:
    axes.axhline(0.9, color=LIGHT["muted"], linewidth=0.8, linestyle=(0, (3, 3)))
    axes.set_title(label, fontsize=12, pad=5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(0, 1.02)
    percent_ticks(axes.yaxis)
    axes.set_yticks([0, 0.5, 0.9])


def _curve(axes: Axes, rows: pd.DataFrame, role: str, linewidth: float) -> None:
    axes.plot(rows["component"], rows["cumulative"], color=LIGHT[role], linewidth=linewidth)
