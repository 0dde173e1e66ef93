"""How far a perturbation of the image moves each layer, small multiples, one per perturbation."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.dots import STYLES
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, fold, themed

LETTER, MARGIN = 6.2, 24  # CSS pixels: of a letter of a tick's label, and between two panels


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One panel per perturbation: relative displacement against depth.

    Parameters
    ----------
    table : DataFrame
        ``results/invariance.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("invariance", table, "change", "title", "weights", "layer", "depth")
    columns(
        "invariance",
        table,
        "relative_displacement",
        "relative_displacement_low",
        "relative_displacement_high",
    )
    changes = list(table["change"].unique())
    across = 2 if width < NARROW else 3
    down = -(-len(changes) // across)
    figure = canvas(width, 40 + 190 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, change in zip(grid, changes, strict=False):
        own = table[table["change"] == change]
        axes.set_title(fold(str(own["title"].iloc[0]), 22), fontsize=12, pad=5)
        axes.axhline(1, color=LIGHT["muted"], linewidth=0.8, linestyle=(0, (3, 3)))
        for weights, rows in own.groupby("weights", sort=False):
            role, _, _ = STYLES.get(str(weights), STYLES["none"])
            axes.fill_between(
                rows["depth"],
                rows["relative_displacement_low"],
                rows["relative_displacement_high"],
                color=LIGHT[role],
                alpha=0.16,
                linewidth=0,
            )
            axes.plot(
                rows["depth"],
                rows["relative_displacement"],
                color=LIGHT[role],
                marker="o",
                markersize=4,
            )
        axes.grid(visible=False, axis="x")
    grid[0].set_ylim(0, 1.08 * max(1.0, float(table["relative_displacement_high"].max())))
    names = table.drop_duplicates("depth").sort_values("depth")
    widest = LETTER * (names["layer"].str.len().max() + 1)
    fits = widest * len(names) < width / across - MARGIN
    shown = names if fits else names.iloc[[0, -1]] if len(names) > 1 else names
    for axes in grid:
        axes.set_xticks(shown["depth"], labels=list(shown["layer"]))
    figure.supylabel("relative displacement", fontsize=12, color=LIGHT["muted"])
    for axes in grid[len(changes) :]:
        axes.remove()
    return figure
