"""A few photographs through a network: the strongest maps of each layer, trained and untrained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz.figures.pictures import grey_levels, tiled
from repviz.number_format import count, percent
from repviz.report.html import Markup, join, tag
from repviz.report.parts import figure, scrolling
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "feature_maps": "state layer image id tower rank channel height width maximum mean",
    "predictions": "state image id rank label probability",
}
ACROSS, SIDE = 8, 44  # maps per row, least pixels of a map's side

STATES = {"given": "the network", "untrained": "the same untrained"}


def render(study: Study) -> Content | None:
    """One photograph after the other, the first unfolded."""
    table = study.result("feature_maps", TABLES["feature_maps"])
    if table.empty:
        return None
    scores = study.result("predictions", TABLES["predictions"])
    photographs = study.array("photographs") if study.has("arrays/photographs.npy") else None
    parts = []
    for number, own in table.groupby("image", sort=True):
        row = int(str(number))
        parts.append(
            tag(
                "details",
                tag("summary", records(own)[0]["id"]),
                _photograph(study, row, own, photographs),
                _predictions(scores[scores["image"] == row]),
                open="" if row == 0 else None,
            )
        )
    return Content(
        join(parts),
        reading="Each small picture is one channel of a layer: white where it responds most, black "
        "where it does not. Deeper layers have fewer positions and respond to larger parts of the "
        "picture; pooling keeps the largest response of each neighbourhood. What the untrained "
        "network shows is due to the architecture; only what differs was learned.",
        limits="The strongest channels of each image are shown, at their own contrast: a weak "
        "response may look like a strong one. A map says where a channel responds, not why, and "
        "nothing about what the network makes of it. Channels of the untrained network are not "
        "those of the trained one.",
    )


def _photograph(
    study: Study, row: int, own: pd.DataFrame, photographs: np.ndarray | None
) -> Markup:
    states = [state for state in STATES if state in set(own["state"])]
    head = [tag("th", "layer", scope="col")] + [tag("th", STATES[s], scope="col") for s in states]
    body = []
    for layer, rows in own.groupby("layer", sort=False):
        cells = [tag("th", _words(str(layer), records(rows)[0]), scope="row")]
        for state in states:
            shown = rows[rows["state"] == state].sort_values("rank")
            cells.append(tag("td", _sheet(study, state, str(layer), row, records(shown))))
        body.append(tag("tr", cells))
    pixels = None
    if photographs is not None:
        pixels = image(photographs[row], alt="the photograph as the network sees it")
    grid = tag("table", tag("thead", tag("tr", head)), tag("tbody", body), class_="maps")
    name = records(own)[0]["id"]
    caption = f"{name}: the channels with the largest activation in each layer, strongest first."
    return figure(join([pixels, scrolling(grid, f"Feature maps of {name}")]), caption)


def _words(layer: str, row: dict[str, Any]) -> Markup:
    return join([tag("b", layer), f" {count(row['height'])}×{count(row['width'])}"])


def _sheet(
    study: Study, state: str, layer: str, row: int, shown: list[dict[str, Any]]
) -> Markup | None:
    """One picture per tower, its maps side by side."""
    if not shown:
        return None
    levels = grey_levels(np.asarray(study.array(f"maps_{state}_{layer}")[row]))
    parts = []
    for tower in dict.fromkeys(one["tower"] for one in shown):
        places = [place for place, one in enumerate(shown) if one["tower"] == tower]
        scale = max(1, -(-SIDE // max(levels.shape[1:])))
        sheet = tiled(levels[places], across=ACROSS, scale=scale)
        channels = ", ".join(count(shown[place]["channel"]) for place in places)
        name = f"tower {tower}, channels {channels}" if tower else f"channels {channels}"
        parts.append(image(sheet, alt=f"{layer} of {STATES[state]}: {name}"))
    return join(parts)


def _predictions(scores: pd.DataFrame) -> Markup | None:
    if scores.empty:
        return None
    lines = []
    for state, rows in scores.groupby("state", sort=False):
        best = ", ".join(
            f"{row['label']} {percent(row['probability'])}"
            for row in records(rows.sort_values("rank"))
        )
        lines.append(tag("li", tag("b", f"{STATES[str(state)]}: "), best))
    return join([tag("h3", "What it answers, by its softmax"), tag("ul", lines)])


SECTION = Section(
    title="Feature maps, layer by layer",
    short="Feature maps",
    stage="feature_maps",
    needs=("results/feature_maps.csv", "results/predictions.csv"),
    tables=TABLES,
    render=render,
)
