"""Many images as one: a square sheet of thumbnails."""

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
    out = io.BytesIO()
    Image.fromarray(sheet).save(out, "PNG")
    return out.getvalue()
