"""What each direction of a code does, and what lies between two images."""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz.number_format import count, missing, percent, plain, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import field, figure, numbers_of, scrolling
from repviz.report.pictures import image
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "traversals": "direction engine bottleneck share reach factor r n_test",
    "interpolation": "path engine bottleneck share nearest n_train from to",
}

_DIRECTIONS = (
    field("direction", "direction", count),
    field("share of the codes’ variance", "share", percent),
    field("goes most with", "factor", text),
    field("correlation", "r", plain),
    field("n test", "n_test", count),
)
_WAYS = (
    field("mixed in", "path", text),
    field("share of the second", "share", plain),
    field("to the nearest training image", "nearest", plain),
    field("n train", "n_train", count),
)


def render(study: Study) -> Content | None:
    """Traversals of a code's directions, and one interpolation in pixels and in codes."""
    directions, ways = (
        study.result("traversals", TABLES["traversals"]),
        study.result("interpolation", TABLES["interpolation"]),
    )
    if directions.empty or ways.empty:
        return None
    first, way = records(directions)[0], records(ways)[0]
    along, between = study.array("traversals"), study.array("interpolation")
    edge = float(first["reach"])
    marks = [f"{at:+.1f}" if at else "mean" for at in np.linspace(-edge, edge, along.shape[1])]
    rows = [(_named(row), along[place]) for place, row in enumerate(records(directions))]
    by = f"{first['engine']} with {count(first['bottleneck'])} numbers"
    code = (
        f"The mean code of {by}, moved along each principal direction of the training codes, by "
        "as many standard deviations as stand above the column, and decoded. At the left: the "
        "direction's share of the codes’ variance."
    )
    mixed = (
        f"From {way['from']} to {way['to']}, two test images. Above their pixels are mixed, below "
        f"their codes, decoded ({by}). Chosen by rule: the test image nearest to the mean image, "
        "and one at the median distance from it."
    )
    shares = [percent(row["share"]) for row in records(ways[ways["path"] == "pixels"])]
    pair = [("pixels", between[0]), ("codes", between[1])]
    return Content(
        join(
            [
                figure(_pictures(marks, rows, "Traversals"), code),
                numbers_of("results/traversals.csv", directions, _DIRECTIONS),
                figure(_pictures(shares, pair, "Interpolation"), mixed),
                numbers_of("results/interpolation.csv", ways, _WAYS),
            ]
        ),
        reading="Read along a row for what a direction of the code stands for. Between two images, "
        "a mixture of pixels shows both at once, like a double exposure; a mixture of codes shows "
        "one image on the way, as far as the code has straightened the set of images. The distance "
        "to the nearest training image is a root mean square over pixels.",
        limits="Directions are ordered by variance, not by meaning, and one of them can mix "
        "several causes. One pair of images is an example. A linear code mixes exactly as pixels "
        "do, and one that starts at PCA stays near that.",
    )


def _named(row: dict[str, Any]) -> str:
    words = f"{count(row['direction'])}: {percent(row['share'])}"
    return words if missing(row["factor"]) else f"{words}, {row['factor']}"


def _pictures(marks: list[str], rows: list[tuple[str, np.ndarray]], label: str) -> Markup:
    """A row of pictures each, with its name at its left and a mark above each column."""
    head = tag("tr", tag("th", ""), [tag("th", mark, scope="col") for mark in marks])
    body = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            [
                tag("td", image(picture, alt=f"{name}, at {mark}"))
                for picture, mark in zip(pictures, marks, strict=True)
            ],
        )
        for name, pictures in rows
    ]
    whole = tag(
        "table",
        tag("thead", head),
        tag("tbody", body),
        class_="walks",
        width=98 * (1 + len(marks)),
    )
    return scrolling(whole, label)


SECTION = Section(
    title="Latent traversals and interpolation",
    short="Traversals",
    stage="walks",
    needs=(
        "results/traversals.csv",
        "results/interpolation.csv",
        "arrays/traversals.npy",
        "arrays/interpolation.npy",
    ),
    tables=TABLES,
    render=render,
)
