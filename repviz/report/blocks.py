"""Blocks of binary data in a page, as zlib in base64, which cannot contain HTML markup."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

from repviz.report.html import Markup, tag


def block(name: str, content: bytes) -> Markup:
    """The element ``name`` with compressed ``content``, which a script of the page unpacks."""
    packed = base64.b64encode(zlib.compress(content, 9)).decode()
    return tag("script", Markup(packed), type="application/octet-stream", id=name)


def as_json(value: Any) -> bytes:
    """``value`` as JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def read_block(page: str, name: str) -> bytes | None:
    """The content of a block of a page; None where it has no such block."""
    start = page.find(f'id="{name}">')
    if start < 0:
        return None
    packed = page[start : page.find("</script>", start)].partition(">")[2]
    return zlib.decompress(base64.b64decode(packed))
