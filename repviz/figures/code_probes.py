"""What the codes of each engine keep, against their size."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from repviz.figures.sweep import ROLES
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, themed


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One panel per probe: score against size, one line per engine; bands are 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        ``results/code_probes.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("code_probes", table, "engine", "bottleneck", "probe", "score", "low", "high", "chance")
    probes = table["probe"].unique()
    across = min(len(probes), 1 if width < NARROW else 3)
    down = -(-len(probes) // across)
    figure = canvas(width, 40 + 190 * down)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    sizes = sorted(set(table["bottleneck"]) - {0})
    for axes, (probe, rows) in zip(grid, table.groupby("probe", sort=False), strict=False):
        for engine, own in rows.groupby("engine", sort=False):
            if engine == "original":
                axes.axhline(own["score"].iloc[0], color=LIGHT["ink"], linestyle=(0, (1, 2)))
                continue
            own = own.sort_values("bottleneck")
            colour = LIGHT[ROLES.get(str(engine), "ink")]
            x = own["bottleneck"]
            axes.fill_between(x, own["low"], own["high"], color=colour, alpha=0.14, linewidth=0)
            axes.plot(x, own["score"], color=colour, marker="o", markersize=4)
        axes.axhline(rows["chance"].iloc[0], color=LIGHT["muted"], linewidth=1)
        axes.set_title(str(probe), fontsize=12)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(max(-0.25, min(0.0, float(rows["low"].min()))), 1.02)
    for axes in grid[len(probes) :]:
        axes.remove()
    figure.supxlabel("bottleneck: numbers kept of an image", fontsize=12, color=LIGHT["muted"])
    return figure
