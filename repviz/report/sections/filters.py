"""The weights of the first layer as pictures, tower by tower."""

from __future__ import annotations

import numpy as np

from repviz.report.html import Markup, join
from repviz.report.numbers import count
from repviz.report.parts import figure
from repviz.report.pictures import image, signed
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "filters": "tower first last",
}

ACROSS, SCALE = 12, 4  # pictures in a row, pixels a weight


def render(study: Study) -> Content | None:
    """A grid a tower."""
    weights, towers = study.array("filters"), records(study.result("filters", TABLES["filters"]))
    if not len(weights) or not towers:
        return None
    grids = [_tower(weights, tower, len(towers)) for tower in towers]
    return Content(
        join(grids),
        reading="Each small picture is one filter: the patch of the image that it answers to "
        "most. Stripes are edges of one direction and width, blobs are colours. A smooth filter "
        "has learned; one that still looks like noise has not had to, or has not yet.",
        limits="Each filter is shown at its own contrast, so a weak one looks like a strong one. "
        "What the towers see is the same, and nothing tells them apart beforehand: which of them "
        "takes up colour is chance, where either does.",
    )


def _tower(weights: np.ndarray, tower: dict[str, int], towers: int) -> Markup:
    first, last = int(tower["first"]), int(tower["last"])
    name = f"Tower {tower['tower']}: maps {first} to {last}" if towers > 1 else "All maps"
    sheet = signed(weights[first : last + 1], across=ACROSS, scale=SCALE)
    alt = f"{count(last - first + 1)} filters of the first layer"
    size = "×".join(str(side) for side in weights.shape[2:])
    return figure(image(sheet, alt, exact=True), f"{name}. {size} pixels each, grey is weight 0.")


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
