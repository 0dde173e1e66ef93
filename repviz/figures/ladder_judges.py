"""The share of each rung that each judge accepts, one panel per judge."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from repviz.figures.dots import Mark, dots
from repviz.figures.ladder import KINDS, name_rows, row_places
from repviz.figures.theme import LIGHT, NARROW, canvas, columns, fold, themed

JOINT = "joint"
SHARE = ("accepted_share", "accepted_share_low", "accepted_share_high")


@themed
def draw(table: pd.DataFrame, *, width: float = 720) -> Figure:
    """One row per rung, one panel per judge: the accepted share and its 95 % interval.

    Parameters
    ----------
    table : DataFrame
        ``results/ladder_judges.csv`` of a study.
    width : float
        Width in CSS pixels.
    """
    columns("ladder_judges", table, "order", "kind", "title", "judge", *SHARE)
    judges = list(dict.fromkeys(table["judge"]))
    rungs = table.drop_duplicates("order").sort_values("order")
    places = dict(zip(rungs["order"], row_places(rungs["kind"]), strict=True))
    narrow = width < NARROW
    figure = canvas(width, 130 + (40 if narrow else 30) * len(rungs))
    panels = figure.subplots(1, len(judges), sharey=True, squeeze=False)[0]
    for panel, judge in zip(panels, judges, strict=True):
        own = table[table["judge"] == judge]
        marks = [
            Mark(
                places[row["order"]],
                row[SHARE[0]],
                row[SHARE[1]],
                row[SHARE[2]],
                KINDS.get(row["kind"], "ink"),
                filled=judge == JOINT,
            )
            for _, row in own.iterrows()
        ]
        dots(panel, [""] * len(rungs), marks)
        panel.set_xlim(-0.3, 1.3)
        panel.set_xticks([0, 1], labels=["0", "1"] if narrow else ["0 %", "100 %"])
        name = judge.replace("-", " ")
        panel.set_title(
            name,
            fontsize=10 if narrow else 11.5,
            rotation=60 if narrow else 0,
            loc="left",
            fontweight="bold" if judge == JOINT else "normal",
        )
    name_rows(panels[0], rungs["title"], list(places.values()), width)
    figure.supxlabel(
        fold("share accepted, with 95 % intervals", width / 7), fontsize=12, color=LIGHT["muted"]
    )
    return figure
