"""Latent traversals, and an interpolation between two images."""

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
    "traversals": "direction engine engine_title bottleneck variance_share reach factor r n_test",
    "interpolation": "space engine bottleneck weight nearest_distance n_train from to",
}
NAMED_FROM = 0.5  # |r|: a factor that a direction follows less is not its name

_DIRECTIONS = (
    field("direction", "direction", count),
    field("share of the codes’ variance", "variance_share", percent),
    field("most correlated factor", "factor", text),
    field("correlation", "r", plain),
    field("n test", "n_test", count),
)
_INTERPOLATION = (
    field("mixed in", "space", text),
    field("weight of the second", "weight", plain),
    field("distance to the nearest training image", "nearest_distance", plain),
    field("n train", "n_train", count),
)


def render(study: Study) -> Content | None:
    """Traversals of a code's directions, and one interpolation in pixels and in codes."""
    directions = study.result("traversals", TABLES["traversals"])
    path = study.result("interpolation", TABLES["interpolation"])
    if directions.empty or path.empty:
        return None
    first, ends = records(directions)[0], records(path)[0]
    along, between = study.array("traversals"), study.array("interpolation")
    reach = float(first["reach"])
    steps = [_signed(at) for at in np.linspace(-reach, reach, along.shape[1])]
    rows = [(_label(row), along[place]) for place, row in enumerate(records(directions))]
    engine = f"{first['engine_title']} with {count(first['bottleneck'])} numbers"
    traversal = (
        f"The mean code of {engine}, moved along each principal direction of the training codes by "
        "as many standard deviations as stand above the column, and decoded. At the left: the "
        "direction’s share of the codes’ variance, and the known factor that it follows, where "
        f"their correlation r over the test images is at least {NAMED_FROM} or at most "
        f"−{NAMED_FROM}."
    )
    interpolation = (
        f"From {ends['from']} to {ends['to']}, two test images. Above, their pixels are mixed; "
        f"below, their codes, and decoded ({engine}). Chosen by rule: the test image nearest to "
        "the mean image, and one at the median distance from it."
    )
    weights = [percent(row["weight"]) for row in records(path[path["space"] == "pixels"])]
    pair = [("pixels", between[0]), ("codes", between[1])]
    return Content(
        join(
            [
                figure(_image_rows(steps, rows, "Traversals"), traversal),
                numbers_of("results/traversals.csv", directions, _DIRECTIONS),
                figure(_image_rows(weights, pair, "Interpolation"), interpolation),
                numbers_of("results/interpolation.csv", path, _INTERPOLATION),
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


def _signed(step: float) -> str:
    return f"{step:+.1f}".replace("-", "−") if step else "mean"


def _label(row: dict[str, Any]) -> str:
    words = f"{count(row['direction'])}: {percent(row['variance_share'])}"
    if missing(row["factor"]) or not abs(row["r"]) >= NAMED_FROM:
        return words
    return f"{words}, {row['factor']} (r = {plain(row['r'], 2)})"


def _image_rows(columns: list[str], rows: list[tuple[str, np.ndarray]], label: str) -> Markup:
    """Rows of images, each with its name at its left, under the heads of ``columns``."""
    head = tag("tr", tag("td", ""), [tag("th", column, scope="col") for column in columns])
    body = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            [
                tag("td", image(pixels, alt=f"{name}, at {column}"))
                for pixels, column in zip(images, columns, strict=True)
            ],
        )
        for name, images in rows
    ]
    whole = tag(
        "table",
        tag("thead", head),
        tag("tbody", body),
        class_="image-rows",
        width=98 * (1 + len(columns)),
    )
    return scrolling(whole, label)


SECTION = Section(
    title="Latent traversals and interpolation",
    short="Traversals",
    stage="traversals",
    needs=(
        "results/traversals.csv",
        "results/interpolation.csv",
        "arrays/traversals.npy",
        "arrays/interpolation.npy",
    ),
    tables=TABLES,
    render=render,
)
