"""How many labels a code tells apart at most, against the false-accept rate."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from repviz.figures.theme import LIGHT, MARKERS, canvas, columns, themed
from repviz.number_format import power_of_ten

# Column: colour, and how far its marks stand beside the rate, as a factor. Without an interval:
# the published figure.
SERIES = {"log10_capacity": ("first", 1.0), "log10_intrinsic": ("third", 1.08)}
PUBLISHED, EVEN = "log10_stylegan3", "log10_even"


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """Each capacity with its interval, the published one hollow, and 1 / rate as a dashed line.

    Parameters
    ----------
    table : DataFrame
        ``results/capacity.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    ends = [f"{name}{end}" for name in SERIES for end in ("", "_low", "_high")]
    columns("capacity", table, "false_accept_rate", PUBLISHED, EVEN, *ends)
    table = table.sort_values("false_accept_rate")
    rates = table["false_accept_rate"]
    figure = canvas(width, 300)
    axes = figure.subplots()
    axes.plot(rates, table[EVEN], color=LIGHT["muted"], linewidth=1.2, linestyle=(0, (3, 3)))
    marks: dict[str, Any] = {"linestyle": "none", "markersize": 7}
    for name, (role, shift) in SERIES.items():
        colour, places = LIGHT[role], rates * shift
        low, high = table[f"{name}_low"], table[f"{name}_high"]
        axes.vlines(places, low, high, color=colour, linewidth=2, alpha=0.45)
        axes.plot(places, table[name], color=colour, marker=MARKERS[role], **marks)
    marks |= {"marker": "o", "markerfacecolor": LIGHT["paper"], "markeredgewidth": 1.8}
    axes.plot(rates / 1.08, table[PUBLISHED], markeredgecolor=LIGHT["second"], **marks)
    axes.set_xscale("log")
    axes.set_xlim(rates.min() / 1.6, rates.max() * 1.6)
    axes.set_xticks(list(rates), labels=[f"{100 * rate:g} %" for rate in rates])
    axes.minorticks_off()
    axes.grid(visible=False, axis="x")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: power_of_ten(round(value)))
    axes.set_xlabel("false-accept rate")
    axes.set_title("Capacity")
    return figure
