"""How the reconstruction error falls as the bottleneck widens, each engine beside PCA."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from repviz.figures.series import curve, label_ends, last_points, size_axis
from repviz.figures.theme import LIGHT, columns, themed, two_panels

HEIGHT, AXES_HEIGHT = 340, 240  # CSS pixels, of the figure and about of its axes
# Ticks of a ratio, 1 among them: the coarsest set with three in view is drawn, else the finest.
RATIO_TICKS = (
    tuple(10.0**e for e in range(-6, 7)),
    (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    (0.25, 0.5, 0.8, 1, 1.25, 2, 4),
    (0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3),
    (0.9, 0.95, 1, 1.05, 1.1),
    (0.96, 0.98, 1, 1.02, 1.04),
)


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """Two panels: test error, and its ratio to the best PCA's; bands are 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        ``results/sweep.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("sweep", table, "engine", "engine_label", "colour_role", "is_baseline", "bottleneck")
    columns("sweep", table, "mse", "mse_low", "mse_high", "ratio", "ratio_low", "ratio_high")
    figure, left, right = two_panels(width, HEIGHT)
    compared = table[~table["is_baseline"]]
    for _, rows in table.groupby("engine", sort=False):
        curve(left, rows, "mse", "mse_low", "mse_high")
    for _, rows in compared.groupby("engine", sort=False):
        curve(right, rows, "ratio", "ratio_low", "ratio_high")
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.set_title("Mean squared error\nof the test set")
    right.axhline(1, color=LIGHT["third"], linewidth=2)
    right.set_yscale("log")
    right.margins(y=0.15)
    low, high = right.get_ylim()
    in_view = [[tick for tick in ticks if low <= tick <= high] for ticks in RATIO_TICKS]
    ticks = next((ticks for ticks in in_view if len(ticks) >= 3), in_view[-1])
    right.yaxis.set_major_locator(FixedLocator(ticks))
    right.set_title("The same, as a multiple of\nthe best PCA’s error")
    for axes, rows, quantity in ((left, table, "mse"), (right, compared, "ratio")):
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _decimal(value)))
        size_axis(axes, sorted(table["bottleneck"].unique()))
        axes.set_xlabel("bottleneck: numbers per code")
        label_ends(axes, last_points(rows, quantity), height=AXES_HEIGHT)
    return figure


def _decimal(value: float) -> str:
    """Without an exponent: 0.00005."""
    return f"{value:.10f}".rstrip("0").rstrip(".")
