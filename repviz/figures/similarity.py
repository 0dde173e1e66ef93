"""Similarity of every two representations: one square per pair, fuller where more similar."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from repviz.figures.theme import LIGHT, NARROW, canvas, columns, themed


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """A grid of representations: fuller colour is more similar, a dot marks chance.

    Pairs without a similarity, of a layer that gives the same for all images, are left empty.

    Parameters
    ----------
    table : DataFrame
        ``results/similarity.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("similarity", table, "representation_a", "representation_b", "cka", "null")
    names = list(dict.fromkeys([*table["representation_a"], *table["representation_b"]]))
    place = {name: at for at, name in enumerate(names)}
    figure = canvas(width, width if width < NARROW else 0.92 * width)
    axes = figure.subplots()
    columns_shown = ["representation_a", "representation_b", "cka", "null"]
    compared = table[columns_shown].dropna(subset=["cka"])
    for one, other, cka, null in compared.itertuples(index=False):
        for x, y in {(place[one], place[other]), (place[other], place[one])}:
            square = Rectangle(
                (x - 0.46, y - 0.46),
                0.92,
                0.92,
                facecolor=LIGHT["first"],
                alpha=float(min(max(cka, 0.02), 1)),
                linewidth=0,
            )
            axes.add_patch(square)
            if cka <= null:
                axes.plot([x], [y], marker=".", markersize=4, color=LIGHT["muted"])
    step = 1 + len(names) // (14 if width < NARROW else 30)
    shown = range(0, len(names), step)
    axes.set_xticks(list(shown), labels=[names[at] for at in shown], rotation=70, ha="right")
    axes.set_yticks(list(shown), labels=[names[at] for at in shown])
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    return figure
