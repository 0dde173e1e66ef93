"""Thumbnails: of many images as one square sheet, or of each image as a file of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from repviz.errors import ImageError

if TYPE_CHECKING:
    from repviz.images.collection import Images


def sprite(images: Images, side: int) -> bytes:
    """A PNG with every image at ``side`` x ``side`` pixels, row by row; unreadable ones are grey.

    The sheet has as many columns as rows of thumbnails, the last ones empty, as the Embedding
    Projector wants it.
    """
    small = images.at(size=side, grey=False)
    columns = int(np.ceil(np.sqrt(len(small))))
    sheet = np.full((columns * side, columns * side, 3), 255, np.uint8)
    for place in range(len(small)):
        top, left = place // columns * side, place % columns * side
        try:
            sheet[top : top + side, left : left + side] = small.read(place).transpose(1, 2, 0)
        except ImageError:
            sheet[top : top + side, left : left + side] = 128
    return _png(sheet)


def thumbnails(images: Images, side: int) -> list[bytes | None]:
    """A PNG of every image at ``side`` x ``side`` pixels; None for those that cannot be read."""
    small = images.at(size=side, grey=False)
    files: list[bytes | None] = []
    for row in range(len(small)):
        try:
            files.append(_png(small.read(row).transpose(1, 2, 0)))
        except ImageError:
            files.append(None)
    return files


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
