"""Random images placed on the map of real ones."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.theme import LIGHT, columns, panel_grid, themed

HEIGHT = 320  # CSS pixels per row of panels
MARKS = {  # kind: marker, colour, size, and whether it is filled
    "image": ("o", "muted", 2.5, True),
    "random, refused": ("x", "second", 5.0, True),
    "random, accepted": ("D", "first", 5.5, False),
}


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One panel per map: real images as grey dots, random ones as crosses or diamonds.

    Parameters
    ----------
    table : DataFrame
        representation, kind ("image", "random, refused" or "random, accepted"), x, y.
    width : float
        Width in CSS pixels.
    """
    columns("random_map", table, "representation", "kind", "x", "y")
    maps = table["representation"].unique()
    figure, panels = panel_grid(len(maps), width=width, height=HEIGHT)
    for axes, (name, rows) in zip(panels, table.groupby("representation", sort=False), strict=True):
        for kind, (marker, role, size, filled) in MARKS.items():
            points = rows[rows["kind"] == kind]
            axes.plot(
                points["x"], points["y"], marker, color=LIGHT[role], markersize=size,
                markerfacecolor=LIGHT[role] if filled else "none",
                rasterized=kind == "image",  # thousands of dots are smaller as one bitmap
            )  # fmt: skip
        axes.set_title(str(name), fontsize=12)
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(bottom=False, left=False, labelbottom=False, labelleft=False)
        axes.grid(visible=False)
    return figure
