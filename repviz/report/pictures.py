"""Arrays of pixels as pictures that a page can hold."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from repviz.report.html import Markup, join, tag

_PIXELS = 4_000_000  # of a sprite sheet, at most, while its pictures keep the least edge
_GAP = 1  # weights between two pictures
_SCATTER = 600  # pixels: the side of a picture of points
_DOT = (58, 132, 190)  # seen on a light page and on a dark one
_LEAST = 16  # pixels: below this a thumbnail shows nothing


@dataclass(frozen=True)
class Grid:
    """The layout of a sprite sheet: picture i is in column i % columns, row i // columns."""

    columns: int
    width: int  # of one picture, pixels
    height: int


@dataclass(frozen=True)
class Sheet:
    """A sprite sheet: many pictures in one."""

    uri: str
    grid: Grid


def image(
    pixels: np.ndarray, alt: str, class_: str | None = None, *, exact: bool = False
) -> Markup:
    """One picture as an ``<img>``.

    Parameters
    ----------
    pixels : ndarray, shape (h, w) or (c, h, w), uint8
        Grey levels, or 1 or 3 channels.
    alt : str
        What it shows.
    exact : bool
        Whether every pixel must stay what it is (PNG); a photograph need not (JPEG).
    """
    drawn = _picture(pixels)
    source = _uri(drawn, None if exact else 82)
    return tag("img", src=source, alt=alt, width=drawn.width, height=drawn.height, class_=class_)


def captioned(pictures: Iterable[tuple[np.ndarray, str]]) -> Markup:
    """Pictures side by side, each above its caption, which is its alternative text too."""
    return join(
        [
            tag("span", image(pixels, alt=words), tag("small", words, aria_hidden="true"))
            for pixels, words in pictures
        ]
    )


def framed(pixels: np.ndarray, box: tuple[float, float, float, float], alt: str) -> Markup:
    """One picture, dimmed but for a bright frame, as an ``<svg>``.

    Parameters
    ----------
    pixels : ndarray, shape (h, w) or (c, h, w), uint8
        Grey levels, or 1 or 3 channels.
    box : (float, float, float, float)
        Top, left, bottom and right of the frame, in [0, 1] of the height and width.
    alt : str
        What it shows.
    """
    drawn = _picture(pixels)
    height, width = drawn.height, drawn.width
    top, bottom = (round(edge * height, 1) for edge in (box[0], box[2]))
    left, right = (round(edge * width, 1) for edge in (box[1], box[3]))
    inner = f"M{left} {top}H{right}V{bottom}H{left}Z"
    line = {"fill": "none", "stroke": "#fff", "stroke_width": "1.2"}
    return tag(
        "svg",
        tag("image", href=_uri(drawn, 82), width=width, height=height),
        tag("path", d=f"M0 0H{width}V{height}H0Z{inner}", fill_rule="evenodd", fill_opacity="0.4"),
        tag("path", d=inner, **line),
        viewBox=f"0 0 {width} {height}",
        width="100%",
        role="img",
        aria_label=alt,
    )


def signed(
    weights: np.ndarray, *, across: int, scale: int, limit: float | None = None
) -> np.ndarray:
    """Weights side by side as one picture; grey is 0, and black and white lie equally far from it.

    Parameters
    ----------
    weights : ndarray, float, shape (n, 1 or 3, h, w)
        Filters of a layer, or principal components.
    across : int
        How many in a row.
    scale : int
        Pixels a weight.
    limit : float, optional
        The weight that is white, above 0, and beyond which weights are cut; each picture's largest
        absolute weight, its own contrast, if left out.

    Returns
    -------
    ndarray, uint8, shape (4, height, width)
        Red, green, blue and opacity: what lies between two pictures is transparent.
    """
    n, _, h, w = weights.shape
    top = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) if limit is None else limit
    shown = np.rint((np.clip(weights / np.maximum(top, 1e-12), -1, 1) + 1) * 127.5).astype(np.uint8)
    down = -(-n // across)
    whole = np.zeros((4, down * (h + _GAP) - _GAP, across * (w + _GAP) - _GAP), np.uint8)
    for place, picture in enumerate(shown):
        y, x = place // across * (h + _GAP), place % across * (w + _GAP)
        whole[:3, y : y + h, x : x + w] = picture
        whole[3, y : y + h, x : x + w] = 255
    return whole.repeat(scale, axis=1).repeat(scale, axis=2)


def scatter(xy: np.ndarray, alt: str, class_: str) -> Markup:
    """Points as one picture of dots on a transparent square.

    Parameters
    ----------
    xy : ndarray, shape (n, 2)
        Places in [0, 1], from the left and from the top.
    alt : str
        What it shows.
    """
    shown = Image.new("P", (_SCATTER, _SCATTER))
    shown.putpalette([0, 0, 0, *_DOT])
    pen = ImageDraw.Draw(shown)
    radius = max(1.0, min(5.0, 120 / math.sqrt(max(1, len(xy)))))
    for x, y in (xy * (_SCATTER - 20) + 10).tolist():
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    buffer = io.BytesIO()
    shown.save(buffer, "png", optimize=True, transparency=0)
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return tag("img", src=source, alt=alt, width=_SCATTER, height=_SCATTER, class_=class_)


def grid(n: int, height: int, width: int, *, area: int = _PIXELS) -> Grid:
    """Where ``n`` pictures of this size stand in their sheet, smaller where there are very many.

    ``area`` is the number of pixels of the sheet, at most, unless pictures would have sides below
    16 pixels.
    """
    shrink = min(1.0, math.sqrt(area / (n * height * width)))
    shrink = min(1.0, max(shrink, _LEAST / min(height, width)))
    return Grid(math.ceil(math.sqrt(n)), round(width * shrink), round(height * shrink))


def sheet(pixels: np.ndarray, *, area: int = _PIXELS, quality: int = 78) -> Sheet:
    """All pictures (n, h, w) or (n, c, h, w) uint8 in one JPEG of this quality, laid in a grid."""
    n = len(pixels)
    place = grid(n, *pixels.shape[-2:], area=area)
    size = place.width, place.height
    mode = "RGB" if pixels.ndim == 4 and pixels.shape[1] == 3 else "L"
    whole = Image.new(mode, (place.columns * size[0], math.ceil(n / place.columns) * size[1]))
    for i in range(n):
        one = _picture(pixels[i])
        one = one if one.size == size else one.resize(size, Image.Resampling.LANCZOS)
        whole.paste(one, (i % place.columns * size[0], i // place.columns * size[1]))
    return Sheet(_uri(whole, quality), place)


def _picture(pixels: np.ndarray) -> Image.Image:
    pixels = np.asarray(pixels, dtype=np.uint8)
    if pixels.ndim == 3:
        pixels = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _uri(picture: Image.Image, quality: int | None) -> str:
    buffer, kind = io.BytesIO(), "png" if quality is None else "jpeg"
    more = {} if quality is None else {"quality": quality}
    picture.save(buffer, kind, optimize=True, **more)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()
