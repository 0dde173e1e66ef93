"""A few photographs through a network: the strongest maps of each layer, trained and untrained.

Where the study has a map of its images, the nearest training images in each layer stand below.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz.figures.pictures import grey_levels, tiled
from repviz.nouns import Nouns
from repviz.number_format import count, percent, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import figure, scrolling
from repviz.report.pictures import Grid, image
from repviz.report.sections import Content, Section
from repviz.report.thumbnails import thumbnail, thumbnail_grid
from repviz.study_folder import Study, records

TABLES = {
    "feature_maps": "state layer image id tower rank channel height width maximum mean",
    "predictions": "state image id rank label probability",
    "nearest_images": "image row id label representation layer rank neighbor_row neighbor_id "
    "same_label",
}
ACROSS, SIDE = 8, 24  # maps per row, least pixels of a map's side; the page enlarges them further
SEEN = 96  # pixels: the side of a photograph that is shown as its thumbnail
PICTURE, GAP, MARK = 44, 6, 18  # pixels: a nearest image, between two, and below for its mark

STATES = {
    "given": "the network",
    "trained": "the trained network",
    "untrained": "the same untrained",
}


def render(study: Study) -> Content | None:
    """One photograph after the other, the first unfolded."""
    table = study.result("feature_maps", TABLES["feature_maps"])
    if table.empty:
        return None
    scores = study.result("predictions", TABLES["predictions"])
    photographs = study.array("photographs") if study.has("arrays/photographs.npy") else None
    nearest = None
    if study.has("results/nearest_images.csv"):
        nearest = study.result("nearest_images", TABLES["nearest_images"])
    parts = []
    for number, own in table.groupby("image", sort=True):
        row = int(str(number))
        near = None if nearest is None else nearest[nearest["image"] == row]
        parts.append(
            tag(
                "details",
                tag("summary", records(own)[0]["id"]),
                _photograph(study, row, own, _seen(study, row, photographs, near)),
                _predictions(scores[scores["image"] == row]),
                _nearest(study, near) if near is not None and len(near) else None,
                open="" if row == 0 else None,
            )
        )
    nouns = study.nouns
    drawn = f" The {nouns.images} are held out, drawn with the seed, each of another {nouns.label}."
    return Content(
        join(parts),
        reading="Each small picture is one channel of a layer: white where it responds most, black "
        "where it does not. Deeper layers have fewer positions and respond to larger parts of the "
        "picture; pooling keeps the largest response of each neighbourhood. What the untrained "
        "network shows is due to the architecture; only what differs was learned.",
        limits="The strongest channels of each image are shown, at their own contrast: a weak "
        "response may look like a strong one. A map says where a channel responds, not why, and "
        "nothing about what the network makes of it."
        f"{_other_weights(table)}{'' if nearest is None else drawn}",
    )


def _other_weights(table: pd.DataFrame) -> str:
    """That the control need not be where a given network started; "" where it is."""
    if set(table["state"]) != {"given", "untrained"}:
        return ""
    return (
        " The untrained network need not be where this one’s training started: channels of one "
        "number need have nothing in common."
    )


def _choice(own: pd.DataFrame) -> str:
    """Which channels a picture shows, and of which network."""
    by_state = {
        str(state): rows.sort_values(["layer", "rank"])["channel"].tolist()
        for state, rows in own.groupby("state")
    }
    strongest, also = "with the largest activation in each layer", ""
    if len(by_state) > 1:
        same = by_state.get("trained") == by_state["untrained"]
        strongest += " of the trained network" if same else " of each network"
        also = ", and the same channels before training" if same else ""
    towers = ", tower by tower" if (own["tower"] > 1).any() else ""
    return f"the channels {strongest}, strongest first{towers}{also}. Below: their numbers."


def _seen(
    study: Study, row: int, photographs: np.ndarray | None, near: pd.DataFrame | None
) -> Markup | None:
    """The photograph: as the network sees it, or its thumbnail, which the page holds anyway."""
    if photographs is not None:
        return image(photographs[row], alt="the photograph as the network sees it")
    place = thumbnail_grid(study)
    if near is None or near.empty or place is None:
        return None
    first = records(near)[0]
    return thumbnail(place, first["row"], text(first["id"]), width=SEEN, height=SEEN)


def _photograph(study: Study, row: int, own: pd.DataFrame, pixels: Markup | None) -> Markup:
    states = [state for state in STATES if state in set(own["state"])]
    body = []
    for layer, rows in own.groupby("layer", sort=False):
        cells = [tag("th", _words(str(layer), records(rows)[0]), scope="row")]
        for state in states:
            shown = rows[rows["state"] == state].sort_values("rank")
            cells.append(tag("td", _sheet(study, state, str(layer), row, records(shown))))
        body.append(tag("tr", cells))
    grid = tag("table", tag("thead", tag("tr", _head(states))), tag("tbody", body), class_="maps")
    name = records(own)[0]["id"]
    caption = f"{name}: {_choice(own)}"
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
        alt = f"{layer} of {STATES[state]}: {name}"
        parts += [image(sheet, alt, exact=scale > 1), tag("div", tag("small", name))]
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
    return join([tag("h3", "Most probable labels (softmax)"), tag("ul", lines)])


def _nearest(study: Study, rows: pd.DataFrame) -> Markup:
    """The nearest training images: in the pixels and codes, then in each layer, state by state."""
    nouns, first, place = study.nouns, records(rows)[0], thumbnail_grid(study)
    states = [s for s in STATES if any(rows["representation"].str.startswith(f"{s} "))]
    apart, layers = [], []
    for layer, own in rows.groupby("layer", sort=False):
        by_name = {name: records(some) for name, some in own.groupby("representation", sort=False)}
        of_states = [by_name.pop(f"{state} {layer}", []) for state in states]
        for name, shown in by_name.items():
            cell = tag("td", _pictures(shown, place, nouns), colspan=len(states))
            apart.append(tag("tr", tag("th", tag("b", str(name)), scope="row"), cell))
        if any(of_states):
            cells = [tag("td", _pictures(shown, place, nouns)) for shown in of_states]
            layers.append(tag("tr", tag("th", tag("b", str(layer)), scope="row"), cells))
    head = tag("tr", _head(states))
    grid = tag("table", tag("tbody", apart), tag("tbody", head, layers), class_="maps")
    caption = (
        f"The nearest training images of this {nouns.image}, nearest first: as many as are among "
        f"its ten nearest of all images measured, training or held-out, at most five. ✓: the same "
        f"{nouns.label}, {text(first['label'])}; ✕: another."
    )
    name = f"Nearest training images of {text(first['id'])}"
    return join(
        [
            tag("h3", "Nearest training images in each representation"),
            figure(scrolling(grid, name), caption),
        ]
    )


def _head(states: list[str]) -> list[Markup]:
    return [tag("th", words, scope="col") for words in ("layer", *(STATES[s] for s in states))]


def _pictures(shown: list[dict[str, Any]], place: Grid | None, nouns: Nouns) -> Markup:
    """The nearest images side by side, each with its mark; their names where there are none."""
    marks = ["✓" if one["same_label"] else "✕" for one in shown]
    if place is None:
        return join(
            [f"{mark} {text(one['neighbor_id'])} " for mark, one in zip(marks, shown, strict=True)]
        )
    parts: list[Markup] = []
    for i, (mark, one) in enumerate(zip(marks, shown, strict=True)):
        left = i * (PICTURE + GAP)
        words = f"the same {nouns.label}" if one["same_label"] else f"another {nouns.label}"
        alt = f"{one['rank']}: {text(one['neighbor_id'])}, {words}"
        drawn = thumbnail(
            place, int(one["neighbor_row"]), alt, x=left, width=PICTURE, height=PICTURE
        )
        parts += [drawn, tag("text", mark, x=left + PICTURE // 2, y=PICTURE + 16)]
    width, height = len(shown) * (PICTURE + GAP), PICTURE + MARK
    middle = {"text_anchor": "middle", "fill": "currentColor"}
    label = {"role": "group", "aria_label": "The nearest training images, nearest first"}
    return tag("svg", parts, width=width, height=height, **label, **middle)


SECTION = Section(
    title="Feature maps, layer by layer",
    short="Feature maps",
    stage="feature_maps",
    needs=("results/feature_maps.csv", "results/predictions.csv"),
    tables=TABLES,
    render=render,
)
