"""The images that activate single units most, layer by layer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repviz.number_format import count, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import figure, scrolling
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "top_images": "panel layer unit tower rank row id label value n",
}


def render(study: Study) -> Content | None:
    """One table per layer, one row per unit, its most activating images from left to right."""
    rows = study.result("top_images", TABLES["top_images"])
    if rows.empty:
        return None
    pictures = study.array("top_images")
    layers = [
        _layer(str(name), layer, pictures) for name, layer in rows.groupby("layer", sort=False)
    ]
    return Content(
        join(layers),
        reading="Along a row: what the images share is what activates the unit. Early units "
        "usually respond to colour and texture, deep ones to objects.",
        limits="Units are taken at equal steps through the layer, not selected. The most "
        "activating images say nothing about what else activates a unit, or what it does for the "
        "network. In a convolutional layer the strongest position counts, which the "
        "picture does not mark.",
    )


def _layer(name: str, rows: pd.DataFrame, pictures: np.ndarray) -> Markup:
    body = []
    for unit, row in rows.groupby("unit", sort=False):
        some = records(row.sort_values("rank"))
        tower = f", tower {some[0]['tower']}" if some[0]["tower"] else ""
        cells = [tag("th", f"{unit}{tower}", scope="row")]
        for one in some:
            alt = f"{text(one['id'])}: {one['value']:.3g}"
            cells.append(tag("td", image(pictures[int(one["panel"])], alt)))
        body.append(tag("tr", cells))
    n = count(records(rows)[0]["n"])
    caption = f"{name}: the most activating of {n} images for each unit, from left to right."
    return figure(scrolling(tag("table", tag("tbody", body)), f"Units of {name}"), caption)


SECTION = Section(
    title="Images that activate single units most",
    short="Units",
    stage="top_images",
    needs=(
        "results/top_images.csv",
        "arrays/top_images.npy",
    ),
    tables=TABLES,
    render=render,
)
