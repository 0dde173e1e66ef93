"""How the reconstruction error falls as the bottleneck widens, each engine beside PCA."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from repviz.figures.theme import LIGHT, columns, themed, two_panels

ROLES = {
    "pca": "third",
    "pca-augmented": "muted",
    "linear-start": "first",
    "conv": "second",
}


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """Two panels: test error, and its ratio to PCA's at the same size; bands are 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        ``results/sweep.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("sweep", table, "engine", "bottleneck", "mse", "mse_low", "mse_high")
    columns("sweep", table, "ratio", "ratio_low", "ratio_high")
    figure, left, right = two_panels(width, 330)
    for engine, rows in table.groupby("engine", sort=False):
        rows = rows.sort_values("bottleneck")
        _curve(left, rows, "mse", str(engine))
        if engine != "pca":
            _curve(right, rows, "ratio", str(engine))
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_minor_locator(NullLocator())
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.set_title("Mean squared error on test images\n(grey level², black 0, white 1)")
    right.axhline(1, color=LIGHT["third"], linewidth=2)
    right.set_yscale("log")
    right.yaxis.set_major_locator(MaxNLocator(5))
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    right.yaxis.set_minor_locator(NullLocator())
    right.margins(y=0.15)
    right.set_title("The same, as a multiple of\nPCA's error")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted(table["bottleneck"].unique()))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("bottleneck: numbers kept of an image")
    return figure


def _curve(axes: Axes, rows: pd.DataFrame, quantity: str, engine: str) -> None:
    colour = LIGHT[ROLES.get(engine, "ink")]
    x = rows["bottleneck"]
    axes.fill_between(
        x, rows[f"{quantity}_low"], rows[f"{quantity}_high"], color=colour, alpha=0.16, linewidth=0
    )
    axes.plot(x, rows[quantity], color=colour, marker="o", markersize=5)
