"""The weights of the first layer as pictures, tower by tower."""

from __future__ import annotations

import numpy as np

from repviz.number_format import count
from repviz.report.html import Markup, join
from repviz.report.parts import figure
from repviz.report.pictures import image, signed
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "filters": "tower first last",
}

TOWERS = (
    " Both towers see the same image and start alike: which of them learns colour, if either does, "
    "is chance."
)
ACROSS, SCALE = 12, 4  # pictures per row, pixels per weight


def render(study: Study) -> Content | None:
    """One grid per tower."""
    weights, towers = study.array("filters"), records(study.result("filters", TABLES["filters"]))
    if not len(weights) or not towers:
        return None
    grids = [_tower(weights, tower, len(towers)) for tower in towers]
    return Content(
        join(grids),
        reading="Each picture is one filter: the image patch that activates it most. Stripes are "
        "oriented edges, blobs are colours. A filter that looks like noise has changed little "
        "from its random start.",
        limits="Each filter is shown at its own contrast, so a weak one looks like a strong one."
        + (TOWERS if len(towers) > 1 else ""),
    )


def _tower(weights: np.ndarray, tower: dict[str, int], towers: int) -> Markup:
    first, last = int(tower["first"]), int(tower["last"])
    name = f"Tower {tower['tower']}: maps {first} to {last}" if towers > 1 else "All maps"
    sheet = signed(weights[first : last + 1], across=ACROSS, scale=SCALE)
    alt = f"{count(last - first + 1)} filters of the first layer"
    size = "×".join(str(side) for side in weights.shape[2:])
    return figure(
        image(sheet, alt, "sheet", exact=True), f"{name}. {size} pixels each, grey is weight 0."
    )


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
