"""The PNG header fields about samples that Pillow does not expose: bit depth, sBIT, tRNS."""

from __future__ import annotations

from dataclasses import dataclass

GREY, GREY_ALPHA = 0, 4  # colour types


@dataclass(frozen=True)
class PngHeader:
    """The samples of a PNG file.

    Attributes
    ----------
    depth : int
        Bits per sample: 1, 2, 4, 8 or 16.
    colour_type : int
        0 grey, 2 colour, 3 palette, 4 grey with alpha, 6 colour with alpha.
    significant_bits : int
        Of the first channel (chunk sBIT); ``depth`` where the file does not say.
    """

    depth: int
    colour_type: int
    significant_bits: int


def read_header(data: bytes) -> PngHeader:
    """The header of the PNG file ``data``, whose chunks Pillow has found sound."""
    depth, colour_type = data[24], data[25]
    significant = depth
    start = 8
    while start + 8 <= len(data):
        length, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        if kind == b"IDAT":
            break
        if kind == b"sBIT" and length and 1 <= data[start + 8] <= depth:
            significant = data[start + 8]
        start += length + 12
    return PngHeader(depth, colour_type, significant)
