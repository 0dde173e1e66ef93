"""How far the steps of a path lie from the nearest known image."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.theme import LIGHT, columns, fold, panel_grid, percent_ticks, themed

HEIGHT = 210  # CSS pixels per row of panels
LETTERS = 40  # of a title on one line


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One panel per path: the distance of each step, a dot where accepted, a cross where refused.

    Parameters
    ----------
    table : DataFrame
        ``results/paths.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("paths", table, "path", "title", "position", "distance", "accepted")
    columns("paths", table, "distance_limit_low", "distance_limit_high")
    paths = table["path"].unique()
    figure, panels = panel_grid(len(paths), width=width, height=HEIGHT)
    low, high = (table[f"distance_limit_{end}"].iloc[0] for end in ("low", "high"))
    for axes, (_, steps) in zip(panels, table.groupby("path", sort=False), strict=True):
        if np.isfinite([low, high]).all():
            axes.axhspan(low, high, color=LIGHT["third"], alpha=0.12, linewidth=0)
        axes.plot(steps["position"], steps["distance"], color=LIGHT["muted"], linewidth=1)
        for rows, marker, role in (
            (steps[steps["accepted"]], "o", "first"),
            (steps[~steps["accepted"]], "x", "second"),
        ):
            axes.plot(
                rows["position"], rows["distance"], marker, color=LIGHT[role], markersize=6,
                markeredgewidth=1.8,
            )  # fmt: skip
        axes.set_title(fold(str(steps["title"].iloc[0]), LETTERS), fontsize=12)
        axes.set_ylim(0, 1.08 * table["distance"].max())
        percent_ticks(axes.xaxis)
    figure.supxlabel("share of the way", fontsize=12, color=LIGHT["muted"])
    figure.supylabel("distance (RMS)", fontsize=12, color=LIGHT["muted"])
    return figure
