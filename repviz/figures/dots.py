"""One dot with its interval per row: shared by the dimension, identity and ladder figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes

from repviz.figures.theme import LIGHT, MARKERS

# Weights: the colour, whether the dot is filled, and how far it stands from the middle of its row.
STYLES = {
    "trained": ("first", True, -0.16),
    "given": ("first", True, -0.16),
    "untrained": ("second", False, 0.16),
    "none": ("third", True, 0.0),
    "unknown": ("first", True, 0.0),
}


@dataclass(frozen=True)
class Mark:
    """One dot: its row, value, interval, colour, and whether it is filled."""

    row: float
    value: float
    low: float
    high: float
    role: str = "ink"
    filled: bool = True
    shift: float = 0.0  # in rows; sets two dots of one row apart


def dots(axes: Axes, labels: Sequence[str], marks: Sequence[Mark]) -> None:
    """Draw ``marks`` on rows named ``labels``, the first at the top."""
    for mark in marks:
        y = mark.row + mark.shift
        colour = LIGHT[mark.role]
        axes.plot([mark.low, mark.high], [y, y], color=colour, linewidth=2, alpha=0.45)
        axes.plot(
            [mark.value],
            [y],
            marker="o",
            markersize=7,
            markerfacecolor=colour if mark.filled else LIGHT["paper"],
            markeredgecolor=colour,
            markeredgewidth=1.8,
            linestyle="none",
        )
    axes.set_yticks(range(len(labels)), labels=list(labels))
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")


def series_roles(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The colour of each curve over depth: of each (model, weights) of a table of representations.

    The colour tells the kind of weights; where two curves are of one kind, it tells the curves.
    """
    curves = [(str(m), str(w)) for m, w in zip(table["model"], table["weights"], strict=True)]
    curves = list(dict.fromkeys(curves))
    kinds = [weights for _, weights in curves]
    if len(set(kinds)) == len(kinds):
        return {curve: STYLES.get(curve[1], STYLES["none"])[0] for curve in curves}
    roles = [role for role in MARKERS if role not in ("muted", "ink")]
    return {curve: roles[place % len(roles)] for place, curve in enumerate(curves)}


def layer_rows(table: pd.DataFrame) -> tuple[list[str], list[int]]:
    """The row labels of a table of representations, and the row of each of its entries.

    A layer of a network that stands there both trained and untrained takes one row.
    """
    networks = table.groupby(["model", "layer"], sort=False)["weights"].transform("nunique")
    labels: list[str] = []
    places = []
    for representation, layer, kinds in zip(
        table["representation"], table["layer"], networks, strict=True
    ):
        label = str(layer if kinds > 1 else representation)
        if label not in labels:
            labels.append(label)
        places.append(labels.index(label))
    return labels, places


def layer_marks(
    table: pd.DataFrame, value: str, low: str, high: str
) -> tuple[list[str], list[Mark]]:
    """Row labels and dots of ``value`` for a table of representations (``results/layers.csv``).

    Trained and given weights are filled, random weights hollow, and what has no weights is in a
    third colour.
    """
    labels, places = layer_rows(table)
    both = {row for row in places if places.count(row) > 1}
    marks = []
    for row, (_, entry) in zip(places, table.iterrows(), strict=True):
        role, filled, shift = STYLES.get(entry["weights"], STYLES["none"])
        shift = shift if row in both else 0.0
        marks.append(Mark(row, entry[value], entry[low], entry[high], role, filled, shift))
    return labels, marks
