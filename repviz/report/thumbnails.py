"""The thumbnails of a study's images: one sheet in the page, of which sections show parts."""

from __future__ import annotations

import numpy as np

from repviz.report.html import Markup, tag
from repviz.report.pictures import Grid, grid, sheet
from repviz.study_folder import Study

ARRAY = "thumbnails"
PICTURED = 20_000  # images up to which the page holds a thumbnail of each
ID = "thumbnails"  # of the sheet in the page


def thumbnail_grid(study: Study) -> Grid | None:
    """The layout of the page's sheet of thumbnails; None where the page has none."""
    pixels = _pixels(study)
    return None if pixels is None else grid(len(pixels), *pixels.shape[-2:])


def thumbnail_sheet(study: Study) -> Markup | None:
    """The sheet of thumbnails as a hidden element; None where the study has no pictures."""
    pixels = _pixels(study)
    if pixels is None:
        return None
    drawn = tag("image", href=sheet(pixels).uri, id=ID)
    return tag("svg", drawn, hidden=True)


def thumbnail(place: Grid, row: int, alt: str, **box: int) -> Markup:
    """The thumbnail of the image in row ``row`` of ``images.csv``, which needs no script.

    ``box`` is its x, y, width and height inside another drawing.
    """
    x, y = row % place.columns * place.width, row // place.columns * place.height
    part = f"{x} {y} {place.width} {place.height}"
    return tag("svg", tag("use", href=f"#{ID}"), viewBox=part, role="img", aria_label=alt, **box)


def _pixels(study: Study) -> np.ndarray | None:
    if not study.has(f"arrays/{ARRAY}.npy"):
        return None
    pixels = study.array(ARRAY)
    return pixels if len(pixels) <= PICTURED else None
