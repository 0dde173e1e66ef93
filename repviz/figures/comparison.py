"""The differences of two studies: one row per number, with its interval and a line at no effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from repviz.figures.dots import Mark, dots
from repviz.figures.theme import LIGHT, canvas, columns, fold, note, themed

ROLES = {"higher": "first", "lower": "second", "not shown": "muted"}


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One dot per number, filled and coloured where its interval excludes no effect.

    Ratios are on a logarithmic axis around 1, differences on a linear one around 0. An interval
    without an end runs to the edge.

    Parameters
    ----------
    table : DataFrame
        Rows of ``results/comparison.csv`` of a study, all of one kind of number.
    width : float
        Width in CSS pixels.
    """
    columns("comparison", table, "quantity", "effect_kind", "effect", "effect_low", "effect_high")
    columns("comparison", table, "verdict")
    figure = canvas(width, 80 + 26 * len(table))
    axes = figure.subplots()
    ratio = bool((table["effect_kind"] == "ratio").all())
    low, high = _limits(table, ratio)
    drawn = zip(
        table["effect"],
        table["effect_low"].fillna(low).clip(low, high),
        table["effect_high"].fillna(high).clip(low, high),
        table["verdict"],
        strict=True,
    )
    marks = [
        Mark(row, value, start, end, ROLES[verdict], verdict != "not shown")
        for row, (value, start, end, verdict) in enumerate(drawn)
    ]
    dots(axes, [fold(str(name), width / 16) for name in table["quantity"]], marks)
    null = 1.0 if ratio else 0.0
    axes.axvline(null, color=LIGHT["ink"], linewidth=1)
    note(axes, null, -0.6, "no difference", role="ink", xytext=(0, 3), va="bottom", ha="center")
    if ratio:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(5, min_n_ticks=2))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        axes.set_xlabel("B as a multiple of A")
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:+.3g}"))
        axes.set_xlabel("B less A, in percentage points")
    axes.set_xlim(low, high)
    return figure


def _limits(table: pd.DataFrame, ratio: bool) -> tuple[float, float]:
    """The ends of the axis: a little beyond the finite ends of the intervals."""
    ends = table[["effect", "effect_low", "effect_high"]].to_numpy(np.float64).ravel()
    if ratio:
        ends = ends[np.isfinite(ends) & (ends > 0)]
        low, high = min(0.98, ends.min()), max(1.02, ends.max())
        return float(low / (high / low) ** 0.05), float(high * (high / low) ** 0.05)
    ends = ends[np.isfinite(ends)]
    low, high = min(-0.01, ends.min()), max(0.01, ends.max())
    return float(low - 0.05 * (high - low)), float(high + 0.05 * (high - low))
