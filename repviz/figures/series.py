"""Curves of several engines in one panel: each with its own colour, marker and direct label."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from repviz.figures.theme import LIGHT, MARKERS

MAX_TICKS = 8


def curve(axes: Axes, rows: pd.DataFrame, quantity: str, low: str, high: str) -> None:
    """One engine's curve over the bottleneck sizes, in its colour, with its interval."""
    rows = rows.sort_values("bottleneck")
    role = str(rows["colour_role"].iloc[0])
    style: dict[str, Any] = {"color": LIGHT[role], "marker": MARKERS[role], "markersize": 5.5}
    x = rows["bottleneck"]
    axes.fill_between(x, rows[low], rows[high], color=LIGHT[role], alpha=0.1, linewidth=0)
    axes.plot(x, rows[quantity], linewidth=1.8, **style)


def last_points(table: pd.DataFrame, quantity: str) -> list[tuple[float, float, str, str]]:
    """The last point of each engine's curve with its label and colour: see :func:`label_ends`."""
    ends = table.sort_values("bottleneck").groupby("engine", sort=False).tail(1)
    columns = [ends["bottleneck"], ends[quantity], ends["engine_label"], ends["colour_role"]]
    rows = zip(*columns, strict=True)
    return [(float(x), float(y), str(text), str(role)) for x, y, text, role in rows]


def label_ends(
    axes: Axes,
    ends: list[tuple[float, float, str, str]],
    *,
    height: float,
    size: float = 11,
    leaders: bool = True,
) -> None:
    """Label each line at the right of the axes, in its colour; no two labels overlap.

    Parameters
    ----------
    axes : Axes
        With its final limits and scales.
    ends : list of (x, y, text, role)
        The last point of each line, its label and its colour.
    height : float
        Height of the axes in CSS pixels.
    size : float
        Font size.
    leaders : bool
        Whether a thin line leads from a label that was moved to its point.
    """
    to_fraction = axes.transData + axes.transAxes.inverted()
    at = np.array([to_fraction.transform((x, y))[1] for x, y, _, _ in ends])
    order, gap = np.argsort(at, kind="stable"), 1.25 * size / height
    placed = at.clip(0, 1)
    for lower, upper in pairwise(order):
        placed[upper] = max(placed[upper], placed[lower] + gap)
    if len(placed):
        placed[order[-1]] = min(placed[order[-1]], 1.0)
    for upper, lower in pairwise(order[::-1]):
        placed[lower] = min(placed[lower], placed[upper] - gap)
    for (x, y, text, role), own, place in zip(ends, at, placed, strict=True):
        leader = {"arrowstyle": "-", "color": LIGHT[role], "linewidth": 0.6, "shrinkB": 3}
        axes.annotate(
            text,
            (x, y),
            xytext=(1.03, place),
            textcoords="axes fraction",
            color=LIGHT[role],
            fontsize=size,
            va="center",
            annotation_clip=False,
            arrowprops=leader if leaders and abs(place - own) > gap / 2 else None,
        )


def size_axis(axes: Axes, sizes: list[int]) -> None:
    """Set the x axis of bottleneck sizes: logarithmic, a tick at each, or at some of many."""
    step = -(-len(sizes) // MAX_TICKS)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes[::-1][::step])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=False, axis="x")
