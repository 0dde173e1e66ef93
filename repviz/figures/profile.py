"""Intrinsic dimension and label decoding over the depth of a network."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repviz.figures.dots import series_roles
from repviz.figures.theme import (
    LIGHT,
    MARKERS,
    NARROW,
    canvas,
    columns,
    percent_ticks,
    themed,
    two_panels,
)


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """Dimension over depth, with the Gaussian control dashed; beside it label decoding.

    Parameters
    ----------
    table : DataFrame
        ``results/profile.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("profile", table, "model", "weights", "layer", "depth", "dimension_calibrated")
    columns("profile", table, "dimension_calibrated_low", "dimension_calibrated_high")
    columns("profile", table, "gaussian_calibrated")
    reads = "linear" in table and bool(table["linear"].notna().any())
    if reads:
        figure, left, right = two_panels(width, 330)
        panels = [left, right]
    else:
        figure = canvas(width, 330)
        left = figure.subplots()
        panels = [left]
    for (model, weights), role in series_roles(table).items():
        rows = table[(table["model"] == model) & (table["weights"] == weights)]
        rows = rows.sort_values("depth")
        _curve(left, rows, "dimension_calibrated", role)
        left.plot(
            rows["depth"],
            rows["gaussian_calibrated"],
            color=LIGHT[role],
            linewidth=1.2,
            linestyle=(0, (3, 3)),
        )
        if reads:
            _curve(right, rows, "linear", role)
            right.plot(
                rows["depth"],
                rows["linear_shuffled"],
                color=LIGHT[role],
                linewidth=1.2,
                linestyle=(0, (3, 3)),
            )
    left.set_yscale("log")
    left.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    left.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if str(value)[0] in "25" else "")
    left.set_title("Intrinsic dimension")
    if reads:
        right.set_ylim(0, 1.02)
        percent_ticks(right.yaxis)
        right.set_title("Accuracy of a linear probe")
    for axes in panels:
        _layers(axes, table, width)
    return figure


def _curve(axes: Axes, rows: pd.DataFrame, name: str, role: str) -> None:
    low, high = rows[f"{name}_low"], rows[f"{name}_high"]
    x, colour = rows["depth"], LIGHT[role]
    if len(rows) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
    else:
        axes.plot([x.iloc[0]] * 2, [low.iloc[0], high.iloc[0]], color=colour, alpha=0.45)
    axes.plot(x, rows[name], color=colour, marker=MARKERS[role], markersize=5)


def _layers(axes: Axes, table: pd.DataFrame, width: float) -> None:
    names = table.drop_duplicates("depth").sort_values("depth")
    step = 1 + len(names) // (10 if width < NARROW else 14)
    shown = names.iloc[::step]
    axes.set_xticks(shown["depth"], labels=list(shown["layer"]), rotation=60, ha="right")
    axes.grid(visible=False, axis="x")
