"""The HTML that shows a set of images in a notebook: a description, and the first images."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

from repviz.images.sprite import sprite

if TYPE_CHECKING:
    from repviz.images.collection import Images

SHOWN, SIDE = 9, 64  # pictures; pixels


def page(images: Images) -> str:
    """HTML: a table that describes ``images``, and thumbnails of the first nine."""
    rows = {
        "images": f"{len(images):,}",
        "size": "each its own" if images.size is None else f"{images.size[1]}x{images.size[0]}",
        "colour": {True: "grey", False: "RGB", None: "each its own"}[images.grey],
        "labels": f"{len(images.classes):,}" if images.labels is not None else "none",
        "factors": ", ".join(images.factors) or "none",
        "credit": images.credit,
    }
    body = "".join(
        f"<tr><th>{key}</th><td>{html.escape(value)}</td></tr>" for key, value in rows.items()
    )
    first = images.take(range(min(SHOWN, len(images))))
    sheet = base64.b64encode(sprite(first, SIDE)).decode()
    return (
        f"<table><caption>{html.escape(images.name)}</caption>{body}</table>"
        f'<img alt="the first {len(first)} images" src="data:image/png;base64,{sheet}">'
    )
