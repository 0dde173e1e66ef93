"""The images that single units answer to most, layer by layer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from repviz.report.html import Markup, join, tag
from repviz.report.numbers import count, text
from repviz.report.parts import figure, scrolling
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "top_images": "panel layer unit tower rank row id label value n",
}


def render(study: Study) -> Content | None:
    """A table a layer: a row a unit, its strongest images from left to right."""
    rows = study.result("top_images", TABLES["top_images"])
    if rows.empty:
        return None
    pictures = study.array("top_images")
    layers = [_layer(str(name), of, pictures) for name, of in rows.groupby("layer", sort=False)]
    return Content(
        join(layers),
        reading="Read along a row: what the images share is what the unit answers to. Early units "
        "answer to colour and texture anywhere in the image, deep ones to whole things.",
        limits="Units are taken at equal steps through the layer, not for their looks. A unit is "
        "shown by its strongest images alone: what else it answers to, and what it does for the "
        "network, stays open. For a map the strongest place counts, which the picture does not "
        "mark.",
    )


def _layer(name: str, of: pd.DataFrame, pictures: np.ndarray) -> Markup:
    body = []
    for unit, row in of.groupby("unit", sort=False):
        some = records(row.sort_values("rank"))
        tower = f", tower {some[0]['tower']}" if some[0]["tower"] else ""
        cells = [tag("th", f"{unit}{tower}", scope="row")]
        for one in some:
            alt = f"{text(one['id'])}: {one['value']:.3g}"
            cells.append(tag("td", image(pictures[int(one["panel"])], alt)))
        body.append(tag("tr", cells))
    n = count(records(of)[0]["n"])
    caption = f"{name}: the strongest of {n} images, from left to right, for each unit shown."
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
