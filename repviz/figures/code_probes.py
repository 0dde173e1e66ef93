"""Scores of probes on the codes of each engine, against their size."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.series import curve, label_ends, last_points, size_axis
from repviz.figures.theme import LIGHT, columns, panel_grid, themed

HEIGHT, AXES_HEIGHT = 200, 140  # CSS pixels per row of panels, and about of their axes


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
    columns("code_probes", table, "engine", "engine_label", "colour_role", "bottleneck", "probe")
    columns("code_probes", table, "score", "low", "high", "chance")
    probes = table["probe"].unique()
    figure, panels = panel_grid(len(probes), width=width, height=HEIGHT)
    sizes = sorted(set(table["bottleneck"].dropna().astype(int)))
    for axes, (probe, rows) in zip(panels, table.groupby("probe", sort=False), strict=True):
        original, codes = rows[rows["bottleneck"].isna()], rows[rows["bottleneck"].notna()]
        for _, engine_rows in codes.groupby("engine", sort=False):
            curve(axes, engine_rows, "score", "low", "high")
        for score in original["score"]:
            axes.axhline(score, color=LIGHT["ink"], linestyle=(0, (1, 2)))
        chance = float(rows["chance"].iloc[0])
        axes.axhline(chance, color=LIGHT["muted"], linewidth=1)
        axes.set_title(str(probe), fontsize=12)
        axes.set_ylim(max(-0.25, min(0.0, float(rows["low"].min()))), 1.02)
        if sizes:
            size_axis(axes, sizes)
        last = float(max(sizes, default=1))
        levels = [(last, float(score), "images", "ink") for score in original["score"]]
        ends = [*last_points(codes, "score"), *levels, (last, chance, "chance", "muted")]
        label_ends(axes, ends, height=AXES_HEIGHT, size=10, leaders=False)
    figure.supxlabel("bottleneck: numbers per image", fontsize=12, color=LIGHT["muted"])
    return figure
