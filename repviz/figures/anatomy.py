"""The parameters and the computation of each layer."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.theme import LIGHT, canvas, columns, themed
from repviz.number_format import percent


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per layer: share of the parameters left, of the multiply-adds right.

    Parameters
    ----------
    table : DataFrame
        ``results/anatomy.csv`` of a study, only the layers with parameters.
    width : float
        Width in CSS pixels.
    """
    columns("anatomy", table, "layer", "share_parameters", "share_multiply_adds")
    figure = canvas(width, 50 + 27 * len(table))
    # One scale on both sides, so that a bar to the left can be held against one to the right.
    reach = [1.24 * table[side].max() for side in ("share_parameters", "share_multiply_adds")]
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": reach})
    sides = (
        (left, "share_parameters", "parameters", "first", "right"),
        (right, "share_multiply_adds", "multiply-adds", "second", "left"),
    )
    for axes, column, title, role, align in sides:
        axes.barh(range(len(table)), table[column], height=0.66, color=LIGHT[role])
        for row, share in enumerate(table[column]):
            axes.annotate(
                _percent(share),
                (share, row),
                xytext=(-5 if align == "right" else 5, 0),
                textcoords="offset points",
                ha=align,
                va="center",
                fontsize=11.5,
            )
        axes.set_title(title, loc=align, color=LIGHT[role])
        axes.set_xlim(0, 1.24 * table[column].max())
        axes.set_xticks([])
        axes.grid(visible=False)
        axes.spines[["left", "bottom", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    left.invert_xaxis()
    left.invert_yaxis()
    left.tick_params(axis="y", labelleft=False)
    right.set_yticks(range(len(table)), labels=list(table["layer"]))
    right.tick_params(axis="y", labelleft=True, pad=8)
    return figure


def _percent(share: float) -> str:
    return percent(share, places=0 if share >= 0.1 else 1) if share >= 0.001 else "<0.1 %"
