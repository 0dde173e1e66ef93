"""How rare it is that noise is accepted: log10 of the probability, beside what counting reaches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from repviz.figures.dots import Mark, dots
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, fold, note, themed
from repviz.number_format import from_log10, power_of_ten

# Verdict: colour, whether the dot is filled, and how far it stands from the middle of its row.
VERDICTS = {"nearest-face": ("third", False, -0.2), "joint": ("first", True, 0.2)}
LINEAR = 1.0  # decades near probability 1 that are drawn as they are; beyond, their logarithm
COUNTED = 10_000  # images of a rung, of which one can be seen


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per sampler: each verdict's estimate with its interval, and a stroke at its bound.

    Parameters
    ----------
    table : DataFrame
        ``results/rarity.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    ends = [f"log10_probability{end}" for end in ("", "_low", "_high")]
    columns("rarity", table, "title", "verdict", "log10_bound", *ends)
    titles = list(dict.fromkeys(table["title"]))
    figure = canvas(width, 84 + 74 * len(titles))
    axes = figure.subplots()
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=0.5)
    known = table[[*ends, "log10_bound"]].to_numpy(dtype=float)
    lowest = min(float(known[np.isfinite(known)].min(initial=0)), -math.log10(COUNTED))
    axes.set_xlim(3 * lowest, 0.6)
    marks = []
    rows: list[Any] = table.to_dict("records")
    for row in rows:
        role, filled, shift = VERDICTS.get(row["verdict"], ("ink", True, 0.0))
        place = titles.index(row["title"])
        value, low, high = (row[end] for end in ends)
        if np.isfinite(value):
            low = max(low, 3 * lowest)
            marks.append(Mark(place, value, low, high, role, filled, shift))
        _bound(axes, row, place + shift, role)
        _label(axes, row, place + shift, role)
    letters = 18 if width < NARROW else 34
    dots(axes, [fold(str(title), letters) for title in titles], marks)
    axes.axvspan(-math.log10(COUNTED), 0.6, color=LIGHT["muted"], alpha=0.12, linewidth=0)
    where: dict[str, Any] = {"xytext": (-4, 0), "ha": "right", "va": "bottom"}
    note(axes, 0.6, -0.6, "counting reaches", **where)
    ticks = [0, -1, *(-(10**power) for power in range(1, math.ceil(math.log10(-3 * lowest))))]
    axes.set_xticks(ticks, labels=["1", "0.1", *(power_of_ten(tick) for tick in ticks[2:])])
    axes.minorticks_off()
    axes.set_xlabel(fold("probability to be accepted (the scale shrinks to the left)", width / 7))
    return figure


def _bound(axes: Axes, row: dict[str, Any], y: float, role: str) -> None:
    if np.isfinite(row["log10_bound"]):
        stroke: dict[str, Any] = {"markersize": 18, "markeredgewidth": 1.8}
        axes.plot([row["log10_bound"]], [y], "|", color=LIGHT[role], **stroke)


def _label(axes: Axes, row: dict[str, Any], y: float, role: str) -> None:
    """The estimate, or below what bound the probability lies, above the mark."""
    value, bound = row["log10_probability"], row["log10_bound"]
    is_estimate = bool(np.isfinite(value))
    if not is_estimate and not np.isfinite(bound):
        return
    words = from_log10(value) if is_estimate else f"< {power_of_ten(math.ceil(bound))}"
    where: dict[str, Any] = {"xytext": (0, 8), "ha": "center", "va": "bottom"}
    note(axes, value if is_estimate else bound, y, words, role, **where)
