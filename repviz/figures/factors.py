"""How well known factors are decoded linearly from each layer: small multiples, one per factor."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.dots import STYLES, series_roles
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, themed


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One panel per factor: R2 on held-out images against depth, with 95 % intervals.

    Parameters
    ----------
    table : DataFrame
        ``results/factors.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("factors", table, "factor", "model", "weights", "layer", "depth")
    columns("factors", table, "r2", "r2_low", "r2_high")
    roles = series_roles(table)
    factors = list(table["factor"].unique())
    across = 2 if width < NARROW else 3
    down = -(-len(factors) // across)
    figure = canvas(width, 40 + 180 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, factor in zip(grid, factors, strict=False):
        axes.set_title(str(factor), fontsize=12, pad=5)
        own = table[table["factor"] == factor]
        for (model, weights), role in roles.items():
            rows = own[(own["model"] == model) & (own["weights"] == weights)].sort_values("depth")
            _, filled, shift = STYLES.get(weights, STYLES["none"])
            axes.errorbar(
                rows["depth"].to_numpy() + shift,
                rows["r2"].to_numpy(),
                yerr=[
                    (rows["r2"] - rows["r2_low"]).to_numpy(),
                    (rows["r2_high"] - rows["r2"]).to_numpy(),
                ],
                color=LIGHT[role],
                marker="o",
                markersize=4,
                markerfacecolor=LIGHT[role] if filled else LIGHT["paper"],
                linewidth=1.4,
                elinewidth=1,
            )
        axes.grid(visible=False, axis="x")
        axes.set_ylim(-0.1, 1.05)
    names = table.drop_duplicates("depth").sort_values("depth")
    ends = names.iloc[[0, -1]] if len(names) > 1 else names
    for axes in grid:
        axes.set_xticks(ends["depth"], labels=list(ends["layer"]))
    for axes in grid[len(factors) :]:
        axes.remove()
    return figure
