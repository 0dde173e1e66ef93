"""The images that activate single units most, each with the receptive field that responded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz.activations.receptive_fields import UNKNOWN, receptive_fields
from repviz.images import decoding
from repviz.images.collection import Images
from repviz.models.anatomy import towers
from repviz.models.depth import ENOUGH, layers_over_depth
from repviz.models.model import Model
from repviz.studies.unit_activations import as_seen, peaks
from repviz.study_folder import Draft, records

STRONGEST = 8  # images per unit
SIDE = 64  # pixels of a picture
FIELD = ["field_top", "field_left", "field_bottom", "field_right"]
BEYOND = 128  # grey level of what lies beyond the edge of the image


def top_images(draft: Draft, model: Model, images: Images, units: int) -> None:
    """For units at equal steps through each layer, the images with the largest activation."""
    names = model.layers if len(model.layers) >= ENOUGH else layers_over_depth(model.module)
    found: list[dict[str, Any]] = []
    for layer, peak in peaks(model, images, list(names)).items():
        n_units = peak.values.shape[1]
        split = towers(model) if layer.startswith("conv") else 1
        for unit in np.unique(np.linspace(0, n_units - 1, units).round().astype(int)):
            best = np.argsort(-peak.values[:, unit], kind="stable")[:STRONGEST]
            tower = 1 + unit * split // n_units if split > 1 else 0
            found += [
                {"panel": len(found) + rank - 1, "layer": layer, "unit": unit, "tower": tower}
                | {"rank": rank, "row": row, "id": images.ids[row]}
                | {"label": "" if images.labels is None else images.labels[row]}
                | {"value": peak.values[row, unit], "place": peak.places[row, unit]}
                | {"n": len(images)}
                for rank, row in enumerate(best, 1)
            ]
    table = _with_fields(pd.DataFrame(found), model)
    seen = {row: as_seen(model.preprocessing, images[row]) for row in table["row"].unique()}
    draft.table("top_images", table.drop(columns="place"))
    draft.array("top_images", np.stack([thumbnail(seen[row]) for row in table["row"]]))
    patches = []
    for _, rows in table.groupby(["layer", "unit"], sort=False):
        boxes = rows[FIELD].to_numpy()
        side = int((boxes[:, 2:] - boxes[:, :2]).max())
        patches += [
            _nearest(_patch(seen[row["row"]], box, side))
            for row, box in zip(records(rows), boxes, strict=True)
        ]
    draft.array("top_patches", np.stack(patches))


def _with_fields(table: pd.DataFrame, model: Model) -> pd.DataFrame:
    """The table with the receptive field of the position that responded, in pixels of the input."""
    height, width = model.preprocessing.size
    groups = {str(name): rows for name, rows in table.groupby("layer", sort=False)}
    fields = receptive_fields(
        model, {name: rows["place"].to_numpy() for name, rows in groups.items()}
    )
    boxes = pd.DataFrame(np.concatenate([fields[name] for name in groups]), columns=FIELD)
    return table.join(boxes).assign(input_height=height, input_width=width)


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """``pixels`` (c, h, w) at a height of ``SIDE``."""
    height, width = pixels.shape[1:]
    return decoding.resize(pixels, (SIDE, max(1, round(SIDE * width / height))))


def _patch(pixels: np.ndarray, box: np.ndarray, side: int) -> np.ndarray:
    """The ``box`` of ``pixels`` (c, h, w) as a square of ``side``, grey beyond the edge.

    All of ``pixels`` where the box is unknown.
    """
    if box[0] == UNKNOWN:
        return pixels
    square = np.full((len(pixels), side, side), BEYOND, np.uint8)
    (top, left), sizes = box[:2], box[2:] - box[:2]
    starts = [
        _start(first, size, side, length)
        for first, size, length in zip((top, left), sizes, pixels.shape[1:], strict=True)
    ]
    y, x = starts
    inside = pixels[:, top : box[2], left : box[3]]
    square[:, y : y + sizes[0], x : x + sizes[1]] = inside
    return square


def _start(first: int, size: int, side: int, length: int) -> int:
    """Where a field of ``size`` begins in ``side``: at the end where the near edge cuts it off."""
    at_near_edge, at_far_edge = first == 0, first + size == length
    if at_near_edge == at_far_edge:
        return (side - size) // 2
    return side - size if at_near_edge else 0


def _nearest(pixels: np.ndarray) -> np.ndarray:
    """A small square (c, h, w) enlarged to ``SIDE`` pixel by pixel; a large one reduced."""
    height, width = pixels.shape[1:]
    if height >= SIDE or height != width:
        return decoding.resize(pixels, (SIDE, SIDE))
    index = np.arange(SIDE) * height // SIDE
    return pixels[:, index][:, :, index]
