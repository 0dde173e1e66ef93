"""Strict decoding of image files to uint8 pixels: a complete picture, or an error in one sentence.

The policy, which :data:`POLICY` counts:

- JPEG by simplejpeg in strict mode, everything else by Pillow; PNG checksums are verified. A file
  that is cut short or damaged is refused, never half decoded. The name of a file says nothing: its
  first bytes do. BMP, PPM, GIF and TIFF carry no checksum: of a changed byte in their pixels only
  a content hash can tell.
- The EXIF orientation is applied; metadata that cannot be read are ignored. Colour profiles are
  not applied.
- Grey stays one channel, colour is three (RGB). 1-bit becomes 0 and 255. A palette becomes RGB.
  CMYK becomes RGB by Pillow's formula. 16-bit keeps its high byte; where a PNG states fewer
  significant bits (sBIT) and uses no more, the high byte of those. Transparent pixels are laid on
  white, and the one transparent level or colour of a PNG (tRNS) becomes white. 32-bit and
  floating-point pixels are refused, for nothing says where their white lies.
- A file of several pictures (an animation, a multi-page TIFF) is refused; a phone's JPEG with a
  preview behind it is its first picture.
- Fewer than 8 pixels on a side, or more than 89,478,485 in all, are refused; the header is asked
  before anything is unpacked.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import simplejpeg
from PIL import Image, ImageFile

from repviz.errors import ImageError
from repviz.images.png_header import GREY_ALPHA, PngHeader, read_header

if TYPE_CHECKING:
    import torch

POLICY = 3  # counts changes after which the same bytes may give other pixels
MIN_SIDE = 8
MAX_PIXELS = 89_478_485  # 256 MiB of RGB; Pillow warns of a decompression bomb from here on

# Nothing else is opened, whatever a file is called: Pillow hands PostScript to another program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_SCALED = 100  # times the area that is asked for: the most of a scaled picture that is cropped

GREY_MODES = {"1", "L", "I;16", "I;16B", "I;16L", "I;16N"}
COLOUR_MODES = {"RGB", "RGBX", "CMYK", "YCbCr", "P"}
ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


def decode(data: bytes, where: str) -> np.ndarray:
    """The picture in ``data``, uint8 of shape (1, h, w) if grey or (3, h, w) if colour.

    Parameters
    ----------
    data : bytes
        An image file: JPEG, PNG, PGM/PPM, BMP, TIFF, WebP or GIF.
    where : str
        The file's name, for the error.

    Raises
    ------
    ImageError
        The file is empty, no image, damaged, cut short, too small, too large, or of a kind that
        the policy above refuses.
    """
    if not data:
        raise ImageError(f"{where}: the file must contain an image, got 0 bytes. Leave it out.")
    try:
        if data[:3] == b"\xff\xd8\xff":
            return _decode_jpeg(data, where)
        return _decode_other(data, where)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{where}: an image must have at most {MAX_PIXELS:,} pixels, got more than twice as "
            "many. Shrink it first."
        ) from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(
            f"{where}: the file must contain an image, got something else. Leave it out."
        ) from error
    except Exception as error:  # decoders raise what they like: zlib.error, SyntaxError, IndexError
        raise ImageError(
            f"{where}: the image must be complete, got '{_one_line(error)}'. Replace it or leave "
            "it out."
        ) from error


def is_grey(file: BinaryIO) -> bool | None:
    """Whether an image file holds one channel, by its header alone; None where it is unreadable."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            return image.mode in GREY_MODES or image.mode in ("I", "LA", "La")
    except Exception:  # whatever is wrong with it is said when it is decoded
        return None


def check_size(height: int, width: int, where: str) -> None:
    """Refuse a picture that is too small to mean anything or too large to unpack safely.

    Raises
    ------
    ImageError
        A side has fewer than 8 pixels, or the picture has more than 89,478,485.
    """
    if min(height, width) < MIN_SIDE:
        raise ImageError(
            f"{where}: an image must be at least {MIN_SIDE}x{MIN_SIDE} pixels, got "
            f"{width}x{height}. Leave it out."
        )
    if height * width > MAX_PIXELS:
        raise ImageError(
            f"{where}: an image must have at most {MAX_PIXELS:,} pixels, got {width}x{height}. "
            "Shrink it first."
        )


def from_pillow(image: Image.Image, where: str) -> np.ndarray:
    """A Pillow image as uint8 of shape (1, h, w) or (3, h, w), by the policy above.

    Raises
    ------
    ImageError
        The picture is too small, too large, or its pixels have no stated white.
    """
    check_size(image.height, image.width, where)
    return _orient(_pixels(image, None, where), _orientation(image))


def _pixels(image: Image.Image, png: PngHeader | None, where: str) -> np.ndarray:
    """The pixels as they are stored, not yet upright, (1, h, w) or (3, h, w)."""
    key = image.info.get("transparency")
    # Pillow unpacks a 16-bit PGM, and before version 12 a 16-bit PNG, to 32 bits.
    is_16_bit = image.mode == "I" and image.format in ("PPM", "PNG")
    if image.mode in GREY_MODES or is_16_bit:
        return _grey(np.array(image), key, png)[None]
    if image.mode == "RGB" and key is not None:
        return _keyed_colour(np.array(image), key, png, where)
    if image.mode in ALPHA_MODES or key is not None:
        is_grey = image.mode in ("LA", "La") or (png is not None and png.colour_type == GREY_ALPHA)
        return _channels_first(_on_white(image))[: 1 if is_grey else 3]
    if image.mode in COLOUR_MODES:
        return _channels_first(np.array(image.convert("RGB")))
    raise ImageError(
        f"{where}: pixels must be 8- or 16-bit grey or 8-bit colour, got Pillow's mode "
        f"'{image.mode}'. Save it as an 8-bit PNG, or open such data with array:."
    )


def _grey(levels: np.ndarray, key: int | None, png: PngHeader | None) -> np.ndarray:
    """Grey levels (h, w) of 1, 8 or 16 bits as uint8; the level ``key`` is transparent."""
    depth = png.depth if png else 8 * levels.dtype.itemsize
    if levels.dtype == bool:
        pixels = levels.astype(np.uint8) * np.uint8(255)
    elif levels.dtype == np.uint8:
        pixels = levels
    else:
        pixels = _high_byte(levels, png)
    if isinstance(key, int):
        # Samples of less than 8 bits come spread over 0 to 255; the key counts in their own steps.
        scale = 255 // (2**depth - 1) if depth < 8 else 1
        is_key = levels == bool(key) if levels.dtype == bool else levels == key * scale
        pixels = np.where(is_key, np.uint8(255), pixels)
    return pixels


def _high_byte(levels: np.ndarray, png: PngHeader | None) -> np.ndarray:
    """16-bit levels as 8-bit ones; those of a 12-bit camera (sBIT) keep the camera's high byte."""
    top = 2**png.significant_bits - 1 if png else 65535
    if top < 65535 and levels.max() <= top:
        levels = levels.astype(np.uint32) * 65535 // top
    return (levels >> 8).astype(np.uint8)


def _keyed_colour(
    pixels: np.ndarray, key: tuple[int, ...], png: PngHeader | None, where: str
) -> np.ndarray:
    """Colour (h, w, 3) in which one colour is transparent."""
    if png is not None and png.depth == 16:
        raise ImageError(
            f"{where}: a 16-bit colour image must not have a transparent colour, got one (chunk "
            "tRNS), which would be ambiguous at 8 bits. Save it with an alpha channel."
        )
    return _channels_first(
        np.where((pixels == key).all(axis=2, keepdims=True), 255, pixels)
    ).astype(np.uint8)


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Pixels (..., c, h, w) as (..., 1, h, w): 0.299 R + 0.587 G + 0.114 B (BT.601), rounded."""
    if pixels.shape[-3] == 1:
        return pixels
    red, green, blue = np.moveaxis(pixels, -3, 0).astype(np.uint32)
    # Pillow's own integer weights, so that convert("L") agrees to the last bit.
    grey = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    return grey.astype(np.uint8)[..., None, :, :]


def to_colour(pixels: np.ndarray) -> np.ndarray:
    """Pixels (c, h, w) as (3, h, w); grey is repeated three times."""
    return pixels if pixels.shape[0] == 3 else np.repeat(pixels, 3, axis=0)


def resize(pixels: np.ndarray, size: tuple[int, int], where: str = "resize") -> np.ndarray:
    """Pixels (c, h, w), scaled to cover ``size`` and cropped to it at the centre; uint8.

    The picture is scaled, with its proportions kept, by torchvision's v2 resize (bilinear with
    antialias, on uint8) until it just covers ``size``; what stands over is cut off evenly. For
    a square this is torchvision's ``Resize(side)`` followed by ``CenterCrop(side)``.

    Parameters
    ----------
    pixels : ndarray, uint8, shape (c, h, w)
        Grey levels 0 to 255.
    size : (int, int)
        Height and width wanted, in pixels.
    where : str
        The picture's name, for the error.

    Raises
    ------
    ImageError
        The picture is so long and thin that it would be scaled to more than 100 times the area of
        ``size``, or to more than 89,478,485 pixels.
    """
    height, width = pixels.shape[1:]
    if (height, width) == size:
        return pixels
    scaled_to = covering((height, width), size)
    if scaled_to[0] * scaled_to[1] > min(MAX_PIXELS, MAX_SCALED * size[0] * size[1]):
        raise ImageError(
            f"{where}: an image must not be too long and thin for size {size[1]}x{size[0]}, got "
            f"{width}x{height}, which scales to {scaled_to[1]}x{scaled_to[0]}. Crop it first."
        )
    import torch
    from torchvision.transforms.v2 import functional

    # channels_last is the layout in which torch resizes uint8 colour without unpacking it
    tensor: torch.Tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    scaled = functional.resize(tensor.permute(2, 0, 1), list(scaled_to), antialias=True)
    cropped: torch.Tensor = centre(scaled, size)
    return cropped.numpy()


def centre(pixels: Any, size: tuple[int, int]) -> Any:
    """The middle (..., *size) of pixels (..., h, w), an array or a tensor, as a view."""
    top, left = (
        round((have - want) / 2) for have, want in zip(pixels.shape[-2:], size, strict=True)
    )
    return pixels[..., top : top + size[0], left : left + size[1]]


def covering(have: tuple[int, int], want: tuple[int, int]) -> tuple[int, int]:
    """The smallest size of ``have``'s proportions that covers ``want``, floored as torchvision."""
    if want[0] * have[1] >= want[1] * have[0]:
        return want[0], want[0] * have[1] // have[0]
    return want[1] * have[0] // have[1], want[1]


def _decode_jpeg(data: bytes, where: str) -> np.ndarray:
    height, width, colourspace, _ = simplejpeg.decode_jpeg_header(data)
    check_size(height, width, where)
    if colourspace in ("CMYK", "YCCK"):
        return _decode_other(data, where)
    wanted = "GRAY" if colourspace.lower() == "gray" else "RGB"
    pixels = _channels_first(simplejpeg.decode_jpeg(data, colorspace=wanted, strict=True))
    if b"Exif\0\0" not in data:
        return pixels
    with _open(data) as image:
        return _orient(pixels, _orientation(image))


def _open(data: bytes) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(data), formats=FORMATS)


def _decode_other(data: bytes, where: str) -> np.ndarray:
    with _open(data) as image:
        check_size(image.height, image.width, where)
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise ImageError(
                f"{where}: a file must contain one image, got {frames}. Save each to its own file."
            )
        png = None
        if image.format == "PNG":  # load() stays silent when a chunk behind the pixels is damaged
            with _open(data) as again:
                again.verify()
            png = read_header(data)
        image.load()
        _check_complete(image, data, where)
        return _orient(_pixels(image, png, where), _orientation(image))


def _check_complete(image: ImageFile.ImageFile, data: bytes, where: str) -> None:
    """Refuse a picture of which the decoder wrote only a part.

    Pillow decodes onto zeros and stays silent where the pixels end early. So where a row (or, in a
    file that is stored sideways, a column) is all zeros, the file is decoded again onto another
    ground: what was not written differs.
    """
    pixels = np.array(image)
    written: np.ndarray = np.any(pixels.reshape(*pixels.shape[:2], -1), axis=2)
    if written.any(axis=1).all() and written.any(axis=0).all():
        return
    with _open(data) as again:
        size = getattr(again, "_tile_size", again.size)
        bands = len(again.getbands())
        again.im = Image.new(again.mode, size, 1 if bands == 1 else (1,) * bands).im
        again.load()
        if np.array_equal(np.array(again), pixels):
            return
    raise ImageError(
        f"{where}: the image must be complete, got fewer rows of pixels than its header states. "
        "Replace it or leave it out."
    )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) where it is missing or unreadable."""
    try:
        orientation = int(image.getexif().get(0x0112, 1))
    except Exception:  # the parser raises what it likes; odd metadata say nothing of the pixels
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (c, h, w) as the camera was held; EXIF orientation 1 to 8."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(0, 2, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, :, ::-1]
    return pixels


def _on_white(image: Image.Image) -> np.ndarray:
    """The image laid on white, (h, w, 3)."""
    layered = image.convert("RGBA")
    white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return np.array(Image.alpha_composite(white, layered).convert("RGB"))


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)  # a view: resize() wants the channels last in memory


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
