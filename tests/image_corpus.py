"""Image files of many kinds, each with the pixels that it must decode to, in floating point.

The PNG files are written here, sample by sample, so that the expected grey levels follow from the
specification alone; the other formats are written by Pillow, the lossy ones compared to it.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

ADAM7 = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
EXIF_GARBAGE = (b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", bytes(range(64)))


@dataclass(frozen=True)
class Case:
    """A file, what is in it in words, and its pixels (c, h, w) as floats from 0 to 255."""

    kind: str
    data: bytes
    expected: np.ndarray


def corpus(n: int, seed: int) -> Iterator[Case]:
    """``n`` files: half of them PNG, the others PGM, PPM, TIFF, WebP and JPEG."""
    for row in range(n):
        rng = np.random.default_rng([seed, row])
        maker = _png if row % 2 else (_pnm, _tiff, _webp, _jpeg)[row // 2 % 4]
        yield maker(rng)


def _png(rng: np.random.Generator) -> Case:
    colour_type = int(rng.choice(list(DEPTHS)))
    depth = int(rng.choice(DEPTHS[colour_type]))
    height, width = (int(side) for side in rng.integers(8, 40, 2))
    interlaced, orientation = bool(rng.integers(2)), int(rng.integers(0, 9))
    top = 2**depth - 1
    bits = int(rng.choice([10, 12, 14])) if depth == 16 and colour_type == 0 else depth
    if rng.integers(2):
        bits = depth
    samples = rng.integers(0, 2**bits, (height, width, CHANNELS[colour_type]))
    if bits < depth:
        samples[0, 0] = 2**bits - 1
    chunks = []
    if bits < depth or (rng.integers(3) == 0 and colour_type == 0):
        chunks.append((b"sBIT", bytes([bits])))
    palette = rng.integers(0, 256, (2**depth, 3)) if colour_type == 3 else None
    if palette is not None:
        chunks.append((b"PLTE", palette.astype(np.uint8).tobytes()))
    key = None
    if rng.integers(2) and colour_type in (0, 2, 3):
        if palette is not None:
            key = rng.integers(0, 256, len(palette))
            chunks.append((b"tRNS", key.astype(np.uint8).tobytes()))
        else:
            key = samples[height // 2, width // 2]
            chunks.append((b"tRNS", key.astype(">u2").tobytes()))
    if orientation == 0:
        chunks.append((b"eXIf", EXIF_GARBAGE[int(rng.integers(len(EXIF_GARBAGE)))]))
    elif orientation > 1:
        chunks.append((b"eXIf", _exif(orientation)))
    levels = samples / (2**bits - 1 if bits < depth else top) * 255
    if depth == 16 and colour_type in (4, 6):
        levels = samples >> 8  # the policy: high bytes are kept first, then laid on white
    expected = _composite(levels, samples, colour_type, palette, key)
    data = png_bytes(samples, depth, colour_type, interlaced, chunks)
    kind = (
        f"PNG colour type {colour_type}, {depth} bits"
        + (f", sBIT {bits}" if bits < depth else "")
        + (", tRNS" if key is not None else "")
        + (", interlaced" if interlaced else "")
        + (f", orientation {orientation}" if orientation != 1 else "")
    )
    return Case(kind, data, _upright(expected, orientation))


def _composite(
    levels: np.ndarray,
    samples: np.ndarray,
    colour_type: int,
    palette: np.ndarray | None,
    key: np.ndarray | None,
) -> np.ndarray:
    """The levels (h, w, channels) laid on white."""
    if palette is not None:
        alpha = 1.0 if key is None else key[samples[..., 0]][..., None] / 255
        return palette[samples[..., 0]] * alpha + 255 * (1 - alpha)
    if colour_type in (4, 6):
        alpha = levels[..., -1:] / 255
        return levels[..., :-1] * alpha + 255 * (1 - alpha)
    return levels if key is None else np.where((samples == key).all(-1, keepdims=True), 255, levels)


def png_bytes(
    samples: np.ndarray,
    depth: int,
    colour_type: int,
    interlaced: bool,
    chunks: list[tuple[bytes, bytes]],
) -> bytes:
    height, width = samples.shape[:2]
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    raw = b"".join(
        _rows(samples[top::down, left::right], depth) for top, left, down, right in passes
    )
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    order = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in order)


def _rows(samples: np.ndarray, depth: int) -> bytes:
    """Each row with its filter byte (none), samples of less than 8 bits packed."""
    if not samples.size:
        return b""
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8).reshape(len(rows), -1)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = (rows[..., None] >> np.arange(depth - 1, -1, -1)) & 1
        packed = np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1)
    return np.hstack([np.zeros((len(rows), 1), np.uint8), packed]).tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _exif(orientation: int) -> bytes:
    return b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHHI", 0x0112, 3, 1, orientation, 0, 0)


def _upright(levels: np.ndarray, orientation: int) -> np.ndarray:
    """Levels (h, w, c) as (c, h, w), the EXIF orientation applied as the standard words it."""
    turn = {
        2: lambda x: x[:, ::-1],
        3: lambda x: np.rot90(x, 2),
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, -1),
        7: lambda x: np.rot90(x.swapaxes(0, 1), 2),
        8: lambda x: np.rot90(x, 1),
    }
    upright = turn[orientation](levels) if orientation in turn else levels
    return upright.transpose(2, 0, 1).astype(float)


def _pnm(rng: np.random.Generator) -> Case:
    height, width = (int(side) for side in rng.integers(8, 40, 2))
    channels, top = int(rng.choice([1, 3])), int(rng.choice([15, 255, 1023, 4095, 65535]))
    if channels == 3:
        top = min(top, 255)
    samples = rng.integers(0, top + 1, (height, width, channels))
    kind = b"P5" if channels == 1 else b"P6"
    body = samples.astype(">u2" if top > 255 else np.uint8).tobytes()
    data = kind + f"\n{width} {height}\n{top}\n".encode() + body
    return Case(f"{kind.decode()} maximum {top}", data, _upright(samples / top * 255, 1))


def _picture(rng: np.random.Generator, channels: int) -> np.ndarray:
    height, width = (int(side) for side in rng.integers(8, 40, 2))
    return rng.integers(0, 256, (height, width, channels)).astype(np.uint8)


def _save(pixels: np.ndarray, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(out, form, **options)
    return out.getvalue()


def _tiff(rng: np.random.Generator) -> Case:
    channels, orientation = int(rng.choice([1, 3, 4])), int(rng.integers(1, 9))
    compression = str(rng.choice(["raw", "tiff_deflate", "tiff_lzw", "packbits"]))
    deep = channels == 1 and bool(rng.integers(2))
    pixels = _picture(rng, channels)
    if deep:
        pixels = pixels.astype(np.uint16) * 256 + rng.integers(0, 256, pixels.shape).astype(
            np.uint16
        )
    data = _save(pixels, "TIFF", compression=compression, tiffinfo={274: orientation})
    levels = pixels / (65535 if deep else 255) * 255
    if channels == 4:
        levels = _composite(levels, pixels, 6, None, None)
    kind = f"TIFF {channels} x {16 if deep else 8} bits, {compression}, orientation {orientation}"
    return Case(kind, data, _upright(levels, orientation))


def _webp(rng: np.random.Generator) -> Case:
    channels = int(rng.choice([3, 4]))
    pixels = _picture(rng, channels)
    data = _save(pixels, "WEBP", lossless=True, exact=True)
    levels = pixels.astype(float)
    levels = _composite(levels, pixels, 6, None, None) if channels == 4 else levels
    return Case(f"WebP {channels} x 8 bits", data, _upright(levels, 1))


def _jpeg(rng: np.random.Generator) -> Case:
    channels, orientation = int(rng.choice([1, 3])), int(rng.integers(0, 9))
    exif = b"Exif\0\0" + (_exif(orientation) if orientation else EXIF_GARBAGE[3])
    options = {"quality": int(rng.integers(50, 100)), "progressive": bool(rng.integers(2))}
    data = _save(_picture(rng, channels), "JPEG", exif=exif, subsampling=0, **options)
    with Image.open(io.BytesIO(data)) as image:
        levels = np.asarray(image).reshape(image.height, image.width, channels)
    kind = f"JPEG {channels} channels, orientation {orientation}, {options}"
    return Case(kind, data, _upright(levels, orientation))
