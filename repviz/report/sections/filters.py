"""The weights of the first layer as pictures, tower by tower, trained beside untrained."""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz.number_format import count, missing, plain, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import figure, scrolling
from repviz.report.pictures import image, signed
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records
from repviz.weight_kinds import WEIGHT_KINDS

TABLES = {
    "filters": "state weights origin tower first last rms limit control_correlation",
}

TOWERS = (
    " Both towers see the same image and start alike: which of them learns colour, if either does, "
    "is chance."
)
GREY = (
    " These pictures are grey: only the sum of a filter’s three colours acts on them, so that they "
    "show nothing of its colours."
)
UNCHANGED = 0.95  # median correlation with the untrained filters from which they hardly changed
ALONE, BESIDE = 12, 8  # pictures per row: of one network, of two
WIDTH = 480  # pixels of a row, about


def render(study: Study) -> Content | None:
    """One grid per tower; where there is an untrained control, its grid beside it."""
    weights, rows = study.array("filters"), records(study.result("filters", TABLES["filters"]))
    if not len(weights) or not rows:
        return None
    towers = max(row["tower"] for row in rows)
    states = {row["state"]: row for row in rows}
    scale = (
        f"Grey is weight 0, white {plain(rows[0]['limit'])}, black as much below 0, in each "
        "colour; the 1 % that lie beyond are cut."
    )
    alike = rows[0]["control_correlation"]
    correlation = (
        ""
        if missing(alike)
        else " Median correlation of a filter’s weights with those of the same number in the "
        f"untrained network: {alike:.2f}."
    )
    grey = bool(study.manifest["images"].get("grey"))
    kinds = [f"{_legend(row).capitalize()}: {text(row['origin'])}." for row in states.values()]
    size = "×".join(str(side) for side in weights.shape[3:])
    shown = _beside(weights, rows, towers) if len(states) > 1 else _alone(weights, rows, towers)
    lacking = study.manifest["skipped"].get("untrained filters")
    no_control = f" No untrained control: {lacking}." if lacking else ""
    control = ""
    if len(states) > 1 and not missing(alike):
        control = " The random weights are those before training: only what differs was learned."
    elif len(states) > 1:
        control = " The random weights are another draw than those before training."
    return Content(
        figure(shown, f"{size} pixels each. {' '.join(kinds)} {scale}{correlation}{no_control}"),
        reading="Each picture is one filter: the image patch that activates it most. Stripes are "
        f"oriented edges{'' if grey else ', coloured blobs respond to colour'}. A filter that "
        f"looks like noise has changed little from its random start.{GREY if grey else ''}"
        f"{control}",
        limits="All filters share one contrast: a grey one is weak, not empty. That filters have "
        "structure says that training shaped them, not what the network makes of them."
        + (TOWERS if towers > 1 and not grey else ""),
        title=_headline(rows),
    )


def _headline(rows: list[dict[str, Any]]) -> str:
    """That training left the filters nearly as they were, where it did."""
    alike = rows[0]["control_correlation"]
    if rows[0]["weights"] != "trained" or missing(alike) or alike < UNCHANGED:
        return ""
    return (
        "The first-layer filters have hardly changed in training: their median correlation with "
        f"the untrained ones is {alike:.2f}"
    )


def _beside(weights: np.ndarray, rows: list[dict[str, Any]], towers: int) -> Markup:
    """One row per tower, one column per network."""
    states = {row["state"]: row for row in rows}
    head = [tag("th", _legend(row), scope="col", width="50%") for row in states.values()]
    body = []
    for tower in dict.fromkeys(row["tower"] for row in rows):
        own = [row for row in rows if row["tower"] == tower]
        name = tag("tr", tag("th", _name(own[0], towers), colspan=len(own), scope="rowgroup"))
        cells = [tag("td", _sheet(weights, row, BESIDE)) for row in own]
        body.append(tag("tbody", name, tag("tr", cells)))
    grid = tag("table", tag("thead", tag("tr", head)), body, width="100%")
    return scrolling(grid, "First-layer filters")


def _alone(weights: np.ndarray, rows: list[dict[str, Any]], towers: int) -> Markup:
    return join(
        [tag("p", tag("b", _name(row, towers)), _sheet(weights, row, ALONE)) for row in rows]
    )


def _sheet(weights: np.ndarray, row: dict[str, Any], across: int) -> Markup:
    own = weights[int(row["state"]), int(row["first"]) : int(row["last"]) + 1]
    alt = (
        f"{count(len(own))} filters of the first layer, {_legend(row)}: root mean square weight "
        f"{plain(row['rms'])}"
    )
    scale = max(1, round(WIDTH / (across * (own.shape[3] + 1))))
    sheet = signed(own, across=across, scale=scale, limit=float(row["limit"]))
    return image(sheet, alt, "sheet", exact=True)


def _legend(row: dict[str, Any]) -> str:
    return WEIGHT_KINDS[row["weights"]].legend


def _name(row: dict[str, Any], towers: int) -> str:
    if towers == 1:
        return "All maps"
    return f"Tower {row['tower']}: maps {count(row['first'])} to {count(row['last'])}"


SECTION = Section(
    title="First-layer filters",
    short="Filters",
    stage="filters",
    needs=(
        "arrays/filters.npy",
        "results/filters.csv",
    ),
    tables=TABLES,
    render=render,
)
