"""Bytes of an image file to uint8 pixels, strictly: a whole picture comes back, or one sentence.

The policy, which :data:`POLICY` counts:

- JPEG by simplejpeg in strict mode, everything else by Pillow; PNG checksums are verified. A file
  that is cut short or damaged is refused, never half decoded. The name of a file says nothing: its
  first bytes do. BMP, PPM, GIF and TIFF carry no checksum: of a changed byte in their pixels only
  a content hash can tell.
- The EXIF orientation is applied. Colour profiles are not.
- Grey stays one channel, colour is three (RGB). 1-bit becomes 0 and 255. A palette becomes RGB.
  CMYK becomes RGB by Pillow's formula. 16-bit keeps its high byte. Transparent pixels are laid on
  white. 32-bit and floating-point pixels are refused, for nothing says where their white lies.
- A file of several pictures (an animation, a multi-page TIFF) is refused; a phone's JPEG with a
  preview behind it is its first picture.
- Fewer than 8 pixels on a side, or more than 89,478,485 in all, are refused; the header is asked
  before anything is unpacked.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from repviz.errors import ImageError

if TYPE_CHECKING:
    import torch

POLICY = 1  # counts changes after which the same bytes may give other pixels
MIN_SIDE = 8
MAX_PIXELS = 89_478_485  # 256 MiB of RGB; Pillow warns of a decompression bomb from here on

GREY_MODES = {"1", "L", "I;16", "I;16B", "I;16L", "I;16N"}
COLOUR_MODES = {"RGB", "RGBX", "CMYK", "YCbCr", "P"}
ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}


def decode(data: bytes, where: str) -> np.ndarray:
    """The picture in ``data``, uint8 of shape (1, h, w) if grey or (3, h, w) if colour.

    Parameters
    ----------
    data : bytes
        A whole image file: JPEG, PNG, PGM/PPM, BMP, TIFF, WebP, GIF or what else Pillow reads.
    where : str
        The file's name, for the error.

    Raises
    ------
    ImageError
        The file is empty, no image, damaged, cut short, too small, too large, or of a kind that
        the policy above refuses.
    """
    if not data:
        raise ImageError(f"{where}: the file must hold an image, got 0 bytes. Leave it out.")
    try:
        if data[:3] == b"\xff\xd8\xff":
            return _decode_jpeg(data, where)
        return _decode_other(data, where)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{where}: an image must have at most {MAX_PIXELS:,} pixels, got more than twice as "
            "many. Make it smaller first."
        ) from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(
            f"{where}: the file must hold an image, got something else. Leave it out."
        ) from error
    except Exception as error:  # decoders raise what they like: zlib.error, SyntaxError, IndexError
        raise ImageError(
            f"{where}: the image must be whole, got '{_one_line(error)}'. Replace it or leave it "
            "out."
        ) from error


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
            "Make it smaller first."
        )


def from_pillow(image: Image.Image, where: str) -> np.ndarray:
    """A Pillow image as uint8 of shape (1, h, w) or (3, h, w), by the policy above.

    Raises
    ------
    ImageError
        The picture is too small, too large, or its pixels have no stated white.
    """
    check_size(image.height, image.width, where)
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ALPHA_MODES or "transparency" in upright.info:
        upright = _on_white(upright)
    # Pillow unpacks a 16-bit PGM, and before version 12 a 16-bit PNG, to 32 bits.
    is_16_bit = upright.mode == "I" and image.format in ("PPM", "PNG")
    if upright.mode in GREY_MODES or is_16_bit:
        pixels = np.array(upright)
        if pixels.dtype == bool:
            pixels = pixels.astype(np.uint8) * np.uint8(255)
        elif pixels.dtype != np.uint8:
            pixels = (pixels >> 8).astype(np.uint8)
        return pixels[None]
    if upright.mode in COLOUR_MODES:
        return _channels_first(np.array(upright.convert("RGB")))
    raise ImageError(
        f"{where}: pixels must be 8- or 16-bit grey or 8-bit colour, got Pillow's mode "
        f"'{upright.mode}'. Save it as an 8-bit PNG, or use array: for such data."
    )


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Pixels (c, h, w) as (1, h, w): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded."""
    if pixels.shape[0] == 1:
        return pixels
    red, green, blue = pixels.astype(np.uint32)
    # Pillow's own integer weights, so that convert("L") agrees to the last bit.
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)[None]


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
        The picture is so long and thin that it would be scaled to more than 89,478,485 pixels.
    """
    height, width = pixels.shape[1:]
    if (height, width) == size:
        return pixels
    covering = _covering((height, width), size)
    if covering[0] * covering[1] > MAX_PIXELS:
        raise ImageError(
            f"{where}: an image must not be too long and thin for size {size[1]}x{size[0]}, got "
            f"{width}x{height}, which scales to {covering[1]}x{covering[0]}. Crop it first."
        )
    import torch
    from torchvision.transforms.v2 import functional

    # channels_last is the layout in which torch resizes uint8 colour without unpacking it
    tensor: torch.Tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    scaled = functional.resize(tensor.permute(2, 0, 1), list(covering), antialias=True)
    top = round((covering[0] - size[0]) / 2)
    left = round((covering[1] - size[1]) / 2)
    return scaled[:, top : top + size[0], left : left + size[1]].numpy()


def _covering(have: tuple[int, int], want: tuple[int, int]) -> tuple[int, int]:
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
    pixels = simplejpeg.decode_jpeg(data, colorspace=wanted, strict=True)
    orientation = _exif_orientation(data) if b"Exif\0\0" in data else 1
    return _channels_first(_turned(pixels, orientation))


def _decode_other(data: bytes, where: str) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        check_size(image.height, image.width, where)
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise ImageError(
                f"{where}: a file must hold one picture, got {frames}. Save each as its own file."
            )
        if image.format == "PNG":  # load() stays silent when a chunk behind the pixels is damaged
            with Image.open(io.BytesIO(data)) as again:
                again.verify()
        image.load()
        return from_pillow(image, where)


def _exif_orientation(data: bytes) -> int:
    with Image.open(io.BytesIO(data)) as image:
        return int(image.getexif().get(0x0112, 1))


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels (h, w, c) as the camera was held; EXIF orientation 1 to 8, others mean nothing."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _on_white(image: Image.Image) -> Image.Image:
    """The image laid on white; what was grey stays grey."""
    is_grey = image.mode in ("1", "L", "LA", "La", "I;16")
    layered = image.convert("RGBA")
    white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layered).convert("L" if is_grey else "RGB")


def _channels_first(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(2, 0, 1)  # a view: resize() wants the channels last in memory


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
