import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_corpus import corpus, png_bytes
from PIL import Image, ImageOps

from repviz.errors import ImageError
from repviz.images import decoding

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
GREY = RGB.convert("L")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def smooth(width: int, height: int) -> Image.Image:
    small = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def channels_last(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


# truth: Pillow and torchvision are the independent sources


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF"])
@pytest.mark.parametrize("image", [RGB, GREY])
def test_lossless_kinds_give_back_every_pixel(kind, image):
    pixels = decoding.decode(encoded(image, kind), "a")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, channels_last(image))


@pytest.mark.parametrize("image", [smooth(96, 64), smooth(96, 64).convert("L")])
def test_jpeg_is_within_one_level_of_pillow(image):
    data = encoded(image, "JPEG", quality=90)
    ours = decoding.decode(data, "a").astype(int)
    theirs = channels_last(Image.open(io.BytesIO(data)))
    assert ours.shape == theirs.shape
    assert abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_as_pillow_does(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    data = encoded(smooth(30, 20), kind, exif=exif.tobytes(), **options)
    expected = channels_last(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    pixels = decoding.decode(data, "a")
    assert pixels.shape == ((3, 20, 30) if orientation < 5 else (3, 30, 20))
    assert abs(pixels.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("width", "height"), [(500, 375), (375, 500), (64, 64), (33, 20), (227, 300)]
)
@pytest.mark.parametrize("side", [8, 64, 227])
def test_a_square_is_torchvisions_resize_and_centre_crop(width, height, side):
    import torch
    from torchvision.transforms import v2

    pixels = decoding.decode(encoded(smooth(width, height), "PNG"), "a")
    resized = decoding.resize(pixels, (side, side))
    theirs = v2.Compose([v2.Resize(side, antialias=True), v2.CenterCrop(side)])
    expected = theirs(torch.from_numpy(np.ascontiguousarray(pixels))).numpy()
    np.testing.assert_array_equal(resized, expected)


def test_grey_is_pillows_luma_to_the_last_bit():
    np.testing.assert_array_equal(decoding.to_grey(channels_last(RGB)), channels_last(GREY))


# edges: each odd kind has one stated outcome


def test_one_bit_is_black_and_white():
    image = Image.fromarray(np.tile(np.array([[True, False]]), (8, 8)))
    assert decoding.decode(encoded(image, "PNG"), "a")[0, 0].tolist() == [255, 0] * 8


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_keep_their_high_byte(kind):
    levels = np.array([[0, 255, 256, 32767, 32768, 65279, 65280, 65535]] * 8, np.uint16)
    pixels = decoding.decode(encoded(Image.fromarray(levels), kind), "a")
    assert pixels.shape == (1, 8, 8)
    assert pixels[0, 0].tolist() == [0, 0, 1, 127, 128, 254, 255, 255]


def test_a_palette_becomes_colour():
    image = RGB.quantize(16)
    pixels = decoding.decode(encoded(image, "PNG"), "a")
    np.testing.assert_array_equal(pixels, channels_last(image.convert("RGB")))


def test_transparency_is_laid_on_white():
    layer = np.zeros((8, 8, 4), np.uint8)
    layer[..., 0] = 200
    layer[:4, :, 3] = 255
    pixels = decoding.decode(encoded(Image.fromarray(layer), "PNG"), "a")
    assert pixels[:, 0, 0].tolist() == [200, 0, 0]
    assert pixels[:, 7, 0].tolist() == [255, 255, 255]


def test_grey_with_transparency_stays_grey():
    layer = np.zeros((8, 8, 2), np.uint8)
    layer[0, 0, 1] = 255
    pixels = decoding.decode(encoded(Image.fromarray(layer, "LA"), "PNG"), "a")
    assert pixels.shape == (1, 8, 8)
    assert pixels[0, 0, :2].tolist() == [0, 255]


def test_a_transparent_palette_entry_is_white():
    image = Image.fromarray(np.tile(np.array([[0, 1]], np.uint8), (8, 4)), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    pixels = decoding.decode(encoded(image, "PNG", transparency=0), "a")
    assert pixels[:, 0, :2].T.tolist() == [[255, 255, 255], [40, 50, 60]]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb_as_pillow_does(kind):
    data = encoded(smooth(32, 32).convert("CMYK"), kind)
    expected = channels_last(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(decoding.decode(data, "a"), expected)


def test_a_jpeg_with_a_preview_behind_it_is_its_first_picture():
    first, second = Image.new("L", (16, 16), 200), Image.new("L", (16, 16), 10)
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert (decoding.decode(data, "a") == 200).all()


def test_what_a_file_is_called_says_nothing():
    assert decoding.decode(encoded(RGB, "PNG"), "picture.jpg").shape == (3, 20, 30)


def test_eight_pixels_are_enough():
    assert decoding.decode(encoded(Image.new("L", (8, 9)), "PNG"), "a").shape == (1, 9, 8)


def test_grey_and_colour_change_the_channels_alone():
    grey = decoding.decode(encoded(GREY, "PNG"), "a")
    colour = decoding.to_colour(grey)
    assert colour.shape == (3, 20, 30)
    np.testing.assert_array_equal(decoding.to_grey(colour), grey)


@pytest.mark.parametrize("seed", range(4))
def test_generated_files_decode_to_their_samples_or_are_refused(seed):
    decoded, refused = 0, {}
    for case in corpus(60, seed):
        try:
            pixels = decoding.decode(case.data, "file")
        except ImageError as error:
            refused[case.kind[:31]] = str(error)
            continue
        assert pixels.shape == case.expected.shape, case.kind
        assert abs(pixels - case.expected).max() <= 1, case.kind
        decoded += 1
    assert decoded >= 54
    assert set(refused) <= {"PNG colour type 2, 16 bits, tRN"}
    assert set(refused.values()) <= {
        "file: a 16-bit colour image must not have a transparent colour, got one (chunk tRNS), "
        "which would be ambiguous at 8 bits. Save it with an alpha channel."
    }


# contracts: damage is refused, whatever the kind

INCOMPLETE = (
    "cut: the image must be complete, got fewer rows of pixels than its header states. Replace it "
    "or leave it out."
)


def png_of_rows(rows: int, height: int, *, interlaced: bool = False, level: int = 9) -> bytes:
    """A grey PNG, 16 wide, whose compressed pixels end properly after ``rows`` of its rows."""
    data = png_bytes(np.full((height, 16, 1), level), 8, 0, interlaced, [])
    start = data.index(b"IDAT")
    raw = zlib.decompress(data[start + 4 : -16])
    body = b"IDAT" + zlib.compress(raw[: len(raw) - 17 * (height - rows)])
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[: start - 4] + chunk + data[-12:]


@pytest.mark.parametrize(("rows", "interlaced"), [(31, False), (10, False), (1, False), (31, True)])
def test_a_png_whose_rows_end_early_is_refused(rows, interlaced):
    with pytest.raises(ImageError) as caught:
        decoding.decode(png_of_rows(rows, 32, interlaced=interlaced), "cut")
    assert str(caught.value) == INCOMPLETE


@pytest.mark.parametrize("level", [0, 9])
def test_black_rows_that_are_there_are_read(level):
    pixels = decoding.decode(png_of_rows(32, 32, level=level), "cut")
    np.testing.assert_array_equal(pixels, np.full((1, 32, 16), level))


def test_a_gif_whose_codes_end_early_is_refused():
    data = encoded(Image.new("L", (64, 64), 9), "GIF")
    start = data.index(b",") + 10  # behind the image descriptor: code size, then blocks
    short = data[: start + 1] + b"\x02" + data[start + 2 : start + 4] + b"\x00;"
    with pytest.raises(ImageError):
        decoding.decode(short, "cut")


def test_postscript_never_reaches_another_program(monkeypatch):
    def started(*command: object, **options: object) -> None:
        raise AssertionError(command)

    monkeypatch.setattr("subprocess.Popen.__init__", started)
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n{} loop\n"
    with pytest.raises(ImageError) as caught:
        decoding.decode(script, "face.png")
    assert str(caught.value) == (
        "face.png: the file must contain an image, got something else. Leave it out."
    )


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PCX", "SGI", "JPEG2000", "DDS"])
def test_formats_outside_the_list_are_refused(kind):
    with pytest.raises(ImageError, match="the file must contain an image, got something else"):
        decoding.decode(encoded(RGB, kind), "a")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP", "GIF"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9])
def test_a_file_cut_short_is_refused(kind, kept):
    data = encoded(smooth(64, 48), kind)
    with pytest.raises(
        ImageError, match=r"^cut: the (image must be complete|file must contain an im)"
    ):
        decoding.decode(data[: int(len(data) * kept)], "cut")


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_in_a_png_is_refused_or_changes_nothing(place, bit):
    exif = Image.Exif()
    exif[0x0112] = 3
    data = bytearray(encoded(smooth(24, 24), "PNG", exif=exif.tobytes()))
    sound = decoding.decode(bytes(data), "a")
    data[int(place * len(data))] ^= 1 << bit
    try:
        changed = decoding.decode(bytes(data), "a")
    except ImageError:
        return
    np.testing.assert_array_equal(changed, sound)


@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=400), head=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
)
def test_any_bytes_give_pixels_or_one_sentence(data, head):
    with pytest.raises(ImageError) as caught:
        decoding.decode(head + data, "noise")
    assert str(caught.value).startswith("noise: ")
    assert "\n" not in str(caught.value)


# messages


def sentence(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decoding.decode(data, "a.x")
    return str(caught.value)


def test_message_of_an_empty_file():
    assert sentence(b"") == "a.x: the file must contain an image, got 0 bytes. Leave it out."


def test_message_of_text():
    expected = "a.x: the file must contain an image, got something else. Leave it out."
    assert sentence(b"label,age\n1,2\n") == expected


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_message_of_an_image_that_is_too_small(kind):
    assert sentence(encoded(Image.new("L", (1, 1)), kind)) == (
        "a.x: an image must be at least 8x8 pixels, got 1x1. Leave it out."
    )


def test_message_of_a_damaged_jpeg():
    data = encoded(smooth(64, 48), "JPEG")
    assert sentence(data[: len(data) * 9 // 10]) == (
        "a.x: the image must be complete, got 'Premature end of JPEG file'. Replace it or leave "
        "it out."
    )


def test_message_of_an_animation():
    data = encoded(RGB, "GIF", save_all=True, append_images=[GREY.convert("RGB")])
    assert sentence(data) == (
        "a.x: a file must contain one image, got 2. Save each to its own file."
    )


def test_message_of_floating_point_pixels():
    assert sentence(encoded(GREY.convert("F"), "TIFF")) == (
        "a.x: pixels must be 8- or 16-bit grey or 8-bit colour, got Pillow's mode 'F'. Save it as "
        "an 8-bit PNG, or open such data with array:."
    )


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header promises width x height pixels and holds none."""
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_messages_of_decompression_bombs():
    assert sentence(png_of(10_000, 9_000)) == (
        "a.x: an image must have at most 89,478,485 pixels, got 10000x9000. Shrink it first."
    )
    assert sentence(png_of(50_000, 50_000)) == (
        "a.x: an image must have at most 89,478,485 pixels, got more than twice as many. Shrink "
        "it first."
    )


def test_message_of_a_ribbon():
    ribbon = np.zeros((1, 8, 200_000), np.uint8)
    with pytest.raises(ImageError) as caught:
        decoding.resize(ribbon, (512, 512), "a.x")
    assert str(caught.value) == (
        "a.x: an image must not be too long and thin for size 512x512, got 200000x8, which scales "
        "to 12800000x512. Crop it first."
    )
