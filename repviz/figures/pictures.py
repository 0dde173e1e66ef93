"""Figures made of pictures: rows of images, and the filters of a first layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imsave

from repviz import durable
from repviz.errors import InputError
from repviz.figures.theme import LIGHT, canvas, themed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 1  # pixels between two maps
LABEL = 110  # CSS pixels left of a row of pictures


@themed
def contact(names: Sequence[str], sheet: np.ndarray, *, width: float = 900) -> Figure:
    """Rows of pictures, each row with its name.

    Parameters
    ----------
    names : sequence of str
        One per row.
    sheet : ndarray, uint8, shape (rows, columns, c, h, w)
        Grey or colour.
    width : float
        Width in CSS pixels.
    """
    if sheet.ndim != 5 or len(sheet) != len(names):
        raise InputError(
            "figures.contact: sheet must be (rows, columns, c, h, w) with one name per row, got "
            f"{sheet.shape} and {len(names)} names."
        )
    rows, columns, _, h, w = sheet.shape
    side = (width - LABEL) / columns
    figure = canvas(width, rows * side * h / w)
    figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, hspace=0, wspace=0)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, pictures, name in zip(grid, sheet, names, strict=True):
        for place, picture in zip(axes, pictures, strict=True):
            _show(place, picture.transpose(1, 2, 0))
        axes[0].set_ylabel(
            name, rotation=0, ha="right", va="center", labelpad=6, color=LIGHT["ink"]
        )
    return figure


@themed
def filters(weights: np.ndarray, *, towers: int = 1, width: float = 900) -> Figure:
    """The filters of a first layer as pictures, tower by tower.

    Each is shown at its own contrast: grey is weight 0, the largest weight of a filter is full.

    Parameters
    ----------
    weights : ndarray, float, shape (filters, 1 or 3, h, w)
        Filters of the first tower first.
    towers : int
        Into how many equal parts they fall.
    width : float
        Width in CSS pixels.
    """
    n, channels, h, w = weights.shape
    if n % towers or channels not in (1, 3):
        raise InputError(
            "figures.filters: weights must be (filters, 1 or 3, h, w) in equal towers, got "
            f"{weights.shape} and {towers} towers."
        )
    each = n // towers
    across = next(m for m in (16, 12, 8, 10, 6, 4, 1) if each % m == 0)
    down = -(-each // across)
    side = width / across
    figure = canvas(width, towers * (down * side * h / w + 34))
    top = np.abs(weights).max(axis=(1, 2, 3), keepdims=True).clip(min=1e-12)
    shown = (weights / top + 1) / 2
    gap = 1  # weights between two pictures
    panels = figure.subplots(towers, 1, squeeze=False)[:, 0]
    for tower, panel in enumerate(panels):
        sheet = np.full((down * (h + gap) - gap, across * (w + gap) - gap, 4), 0.0)
        for place in range(each):
            picture = shown[tower * each + place].transpose(1, 2, 0)
            y, x = place // across * (h + gap), place % across * (w + gap)
            sheet[y : y + h, x : x + w, :3] = picture
            sheet[y : y + h, x : x + w, 3] = 1
        _show(panel, sheet)
        if towers > 1:
            panel.set_title(f"tower {tower + 1}: maps {tower * each} to {tower * each + each - 1}")
    return figure


def tiled(levels: np.ndarray, *, across: int, scale: int) -> np.ndarray:
    """Grey pictures side by side as one, a white line between them.

    Parameters
    ----------
    levels : ndarray, uint8, shape (n, h, w)
        Grey levels.
    across : int
        How many in a row.
    scale : int
        Pixels a value.

    Returns
    -------
    ndarray, uint8, shape (height, width)
    """
    n, h, w = levels.shape
    h, w = h * scale, w * scale
    down, columns = -(-n // across), min(across, n)
    whole = np.full((down * (h + GAP) - GAP, columns * (w + GAP) - GAP), 255, np.uint8)
    for place, picture in enumerate(levels.repeat(scale, axis=1).repeat(scale, axis=2)):
        y, x = place // across * (h + GAP), place % across * (w + GAP)
        whole[y : y + h, x : x + w] = picture
    return whole


def grey_levels(values: np.ndarray) -> np.ndarray:
    """Maps (n, h, w) as grey levels, uint8: 0 or less is 0, the largest of each map 255."""
    top = values.max(axis=(1, 2), keepdims=True).clip(min=1e-12)
    return np.rint(255 * np.clip(values, 0, None) / top).astype(np.uint8)


def save_grey(levels: np.ndarray, path: str | Path) -> Path:
    """Write grey levels (h, w), uint8, to ``path`` as a PNG, pixel for pixel, all or nothing."""
    with durable.replacing(path) as temporary:
        imsave(temporary, levels, cmap="gray", vmin=0, vmax=255, format="png")
    return Path(path)


def save_png(figure: Figure, path: str | Path, *, scale: float = 2) -> Path:
    """Write ``figure`` on the light page's colour to ``path``, all or nothing."""
    with durable.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=72 * scale, facecolor=LIGHT["paper"])
    return Path(path)


def _show(axes: Axes, picture: np.ndarray) -> None:
    flat = picture[..., 0] if picture.shape[-1] == 1 else picture
    axes.imshow(flat, cmap="grey", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
