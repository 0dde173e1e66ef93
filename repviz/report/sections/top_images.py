"""The images that activate single units most, with their receptive fields, layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz.number_format import count, text
from repviz.report.html import Child, Markup, join, tag
from repviz.report.parts import figure, scrolling
from repviz.report.pictures import captioned, framed, image
from repviz.report.sections import Claim, Content, Section
from repviz.study_folder import Study, records

SHOWN = 4  # pictures on the first screen
HEADER, CELL = 64, 92  # pixels: widths of the unit's number and of a picture
FIELD = ("field_top", "field_left", "field_bottom", "field_right")

TABLES = {
    "top_images": "panel layer unit tower rank row id label value field_top field_left "
    "field_bottom field_right input_height input_width n",
}


def render(study: Study) -> Content | None:
    """One table per layer, one row per unit, its most activating images from left to right."""
    rows = study.result("top_images", TABLES["top_images"])
    if rows.empty:
        return None
    pictures, patches = study.array("top_images"), study.array("top_patches")
    by_layer = {str(name): layer for name, layer in rows.groupby("layer", sort=False)}
    names = list(by_layer)
    unfolded = {names[0], names[len(names) // 2], names[-1]}
    layers = []
    for name, layer in by_layer.items():
        drawn = _layer(name, layer, pictures, patches)
        folded = tag("details", tag("summary", f"Units of {name}"), drawn)
        layers.append(drawn if name in unfolded else folded)
    return Content(
        join(layers),
        reading="Along a row: what the images share is what activates the unit. The bright frame "
        "is the receptive field, the part of the image on which the unit’s strongest response "
        "depends; above it the same part, enlarged.",
        limits="Units are taken at equal steps through the layer, not selected. The most "
        "activating images say nothing about what else activates a unit, or what it does for the "
        "network. Of a channel the position with the largest value is framed; the frame holds "
        "all that can change this value, the middle of it usually far more than its edges.",
    )


def _layer(name: str, rows: pd.DataFrame, pictures: np.ndarray, patches: np.ndarray) -> Markup:
    body = []
    for unit, row in rows.groupby("unit", sort=False):
        some = records(row.sort_values("rank"))
        tower = f", tower {some[0]['tower']}" if some[0]["tower"] else ""
        cells = [tag("th", f"unit {unit}{tower}", scope="row")]
        for one in some:
            panel = int(one["panel"])
            cells.append(tag("td", _response(one, pictures[panel], patches[panel])))
        body.append(tag("tr", cells))
    n = count(records(rows)[0]["n"])
    caption = (
        f"{name}: the most activating of {n} images for each unit, from left to right. "
        f"{_field_sentence(rows)}"
    )
    columns = [tag("col", width=HEADER), *[tag("col") for _ in range(int(rows["rank"].max()))]]
    width = HEADER + CELL * (len(columns) - 1)
    table = tag("table", columns, tag("tbody", body), class_="image-rows", width=width)
    return figure(scrolling(table, f"Units of {name}"), caption)


def _response(row: dict[str, Any], picture: np.ndarray, patch: np.ndarray) -> Child:
    """The receptive field enlarged, above the image in which it is framed."""
    alt = f"{text(row['id'])}: {row['value']:.3g}"
    if not _inside(row):
        return image(picture, alt)
    return [image(patch, f"{alt}, receptive field"), framed(picture, _box(row), alt)]


def _inside(row: dict[str, Any]) -> bool:
    """Whether the receptive field is known and smaller than the input."""
    whole = [0, 0, row["input_height"], row["input_width"]]
    return row["field_top"] >= 0 and [row[name] for name in FIELD] != whole


def _box(row: dict[str, Any]) -> tuple[float, float, float, float]:
    """The receptive field's top, left, bottom and right as shares of the input."""
    top, left, bottom, right = (float(row[name]) for name in FIELD)
    height, width = row["input_height"], row["input_width"]
    return top / height, left / width, bottom / height, right / width


def _field_size(rows: pd.DataFrame) -> tuple[int, int]:
    """Height and width of the largest receptive field, in pixels of the input."""
    return (
        int((rows["field_bottom"] - rows["field_top"]).max()),
        int((rows["field_right"] - rows["field_left"]).max()),
    )


def _field_sentence(rows: pd.DataFrame) -> str:
    shown = records(rows)
    known = [row for row in shown if row["field_top"] >= 0]
    if not known:
        return "Their receptive fields cannot be determined: the network replaces NaN."
    if not any(_inside(row) for row in known):
        return "Each unit depends on the complete image."
    height, width = _field_size(rows[rows["field_top"] >= 0])
    size = f"{count(known[0]['input_height'])}×{count(known[0]['input_width'])}"
    return (
        f"Framed: the receptive field, at most {count(height)}×{count(width)} of {size} pixels; "
        "above, the same enlarged (grey is no part of the image)."
    )


def claim(study: Study) -> Claim | None:
    """How much of an image the units respond to, and what activates one of them most."""
    table = study.result("top_images", TABLES["top_images"])
    known = table[table["field_top"] >= 0]
    if known.empty:
        return None
    layers = {str(layer): _field_size(rows) for layer, rows in known.groupby("layer", sort=False)}
    partial = [one for one in records(known) if _inside(one)]
    picture, shown = None, ""
    if partial:
        last = partial[-1]
        own = known[(known["layer"] == last["layer"]) & (known["unit"] == last["unit"])]
        patches = study.array("top_patches")
        strongest = records(own.sort_values("rank"))[:SHOWN]
        unit = f"unit {last['unit']} of {last['layer']}"
        named = [(patches[int(one["panel"])], text(one["label"] or one["id"])) for one in strongest]
        picture = join([tag("small", unit), captioned(named)])
        shown = f" Shown: what activates {unit} most."
    names = list(layers)
    first, deepest = ("×".join(map(count, layers[name])) for name in (names[0], names[-1]))
    value = f"{first} in {names[0]}"
    if partial and partial[-1]["layer"] != names[0]:
        shown_layer = str(partial[-1]["layer"])
        value += f", {'×'.join(map(count, layers[shown_layer]))} in {shown_layer}"
    height, width = (count(known[f"input_{side}"].iloc[0]) for side in ("height", "width"))
    size, last_shown = f"{height}×{width} pixels", ""
    if len(names) > 1:
        last_shown = f", and on {deepest} in {names[-1]}, the last"
    answer = (
        f"Of an image of {size} a unit’s strongest response depends on {first} in {names[0]}, the "
        f"first layer shown{last_shown}.{shown}"
    )
    return Claim("How much of an image does a unit respond to?", value, answer, picture, rank=5)


SECTION = Section(
    claim=claim,
    title="Images that activate single units most",
    short="Units",
    stage="top_images",
    needs=(
        "results/top_images.csv",
        "arrays/top_images.npy",
        "arrays/top_patches.npy",
    ),
    tables=TABLES,
    render=render,
)
