"""The small parts of the report: markup, numbers, pictures, the map's data."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from repviz import number_format as numbers
from repviz.report import pictures
from repviz.report.html import Markup, join, tag
from repviz.report.map_data import quantised
from repviz.report.parts import warnings
from repviz.report.private import command_without_folders, without_folders
from repviz.report.sections.sweep import engine_keys
from repviz.report.sections.traversals import _label


class Reader(HTMLParser):
    """The tags, attributes and text that a browser's parser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


words = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))

# ---- html: truth and laws -----------------------------------------------------------------------


@given(words, words)
def test_any_text_comes_back_as_the_same_text_and_no_tag(content: str, attribute: str) -> None:
    read = Reader(tag("p", content, title=attribute))
    assert read.tags == ["p"]
    assert read.text == content.replace(" %", "\N{NO-BREAK SPACE}%")
    assert read.attributes == [("title", attribute)]


def test_markup_stands_as_it_is_and_text_does_not() -> None:
    assert tag("p", tag("b", "1 < 2"), " & ", None, ["a", "b"]) == (
        "<p><b>1 &lt; 2</b> &amp; ab</p>"
    )


def test_attributes_are_written_by_their_html_names() -> None:
    written = tag("a", class_="x", aria_label="y", hidden=True, open=False, title=None, tabindex=0)
    assert written == '<a class="x" aria-label="y" hidden tabindex="0"></a>'


def test_an_element_without_content_has_no_end() -> None:
    assert tag("img", src="a", alt="") == '<img src="a" alt="">'


def test_joined_markup_is_not_escaped_again() -> None:
    assert isinstance(join(["<"]), Markup)
    assert join([join(["<"])]) == "&lt;"


# ---- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        (numbers.plain, 0.0041234, "0.00412"),
        (numbers.plain, 7.91, "7.91"),
        (numbers.plain, 1234.5, "1,234"),
        (numbers.plain, 0.0, "0"),
        (numbers.plain, 0.0000000599, "5.99 × 10⁻⁸"),
        (numbers.plain, -2e-12, "-2.00 × 10⁻¹²"),
        (numbers.power_of_ten, -1258, "10⁻¹²⁵⁸"),
        (numbers.plain, float("nan"), "–"),
        (numbers.count, 60_965_224, "60,965,224"),
        (numbers.count, 400.0, "400"),
        (numbers.count, float("nan"), "–"),
        (numbers.percent, 0.8533, "85.3 %"),
        (numbers.percent, 0.0002995, "0.030 %"),
        (numbers.percent, 0.99998, "99.998 %"),
        (numbers.percent, 1.0, "100 %"),
        (numbers.percent, 0, "0 %"),
        (numbers.percent, 1.5e-9, "0 %"),
        (numbers.percent, 1 - 1.5e-9, "100 %"),
        (numbers.percent, None, "–"),
        (numbers.text, "NA", "NA"),
        (numbers.text, float("nan"), "–"),
    ],
)
def test_numbers_are_written(form: object, value: object, written: str) -> None:
    assert form(value) == written  # type: ignore[operator]


@given(st.floats(1e-6, 1e9))
def test_three_digits_are_within_half_a_step(value: float) -> None:
    assert float(numbers.plain(value).replace(",", "")) == pytest.approx(value, rel=0.00501)


# ---- pictures -----------------------------------------------------------------------------------


def decoded(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize("shape", [(7, 16, 24), (7, 1, 16, 24)])
def test_every_picture_stands_at_its_place_in_the_sheet(shape: tuple[int, ...]) -> None:
    pixels = np.zeros(shape, dtype=np.uint8)
    pixels[:] = np.linspace(0, 255, 7).astype(np.uint8).reshape(7, *[1] * (len(shape) - 1))
    sheet = pictures.sheet(pixels)
    whole = decoded(sheet.uri)
    assert sheet.grid == pictures.Grid(3, 24, 16)
    for i in range(7):
        y, x = i // 3 * 16, i % 3 * 24
        assert abs(int(whole[y + 8, x + 12]) - int(pixels[i].flat[0])) <= 3


def test_colour_pictures_stay_in_colour() -> None:
    pixels = np.zeros((2, 3, 16, 16), dtype=np.uint8)
    pixels[1, 0] = 255
    red = decoded(pictures.sheet(pixels).uri)[8, 24]
    assert red[0] > 240
    assert max(red[1:]) < 15


def test_very_many_pictures_are_made_smaller() -> None:
    sheet = pictures.sheet(np.zeros((4_000, 64, 64), dtype=np.uint8))
    assert sheet.grid.width == sheet.grid.height == 32


@pytest.mark.slow
def test_a_picture_never_gets_smaller_than_sixteen_pixels() -> None:
    assert pictures.sheet(np.zeros((40_000, 32, 32), dtype=np.uint8)).grid.width == 16


# ---- the map's points ---------------------------------------------------------------------------


def test_both_axes_of_the_map_have_one_scale() -> None:
    rows = pd.DataFrame({"row": [0, 1, 2], "x": [0.0, 4.0, 2.0], "y": [0.0, 2.0, 1.0]})
    points = quantised(rows, 4)
    assert points[:, :3].T.tolist() == [[0, 16384], [65534, 49150], [32767, 32767]]
    assert points[:, 3].tolist() == [65535, 65535]  # not in this map


def test_a_map_of_one_point_is_in_the_middle() -> None:
    rows = pd.DataFrame({"row": [0, 1], "x": [3.0, np.nan], "y": [5.0, 1.0]})
    assert quantised(rows, 2).T.tolist() == [[32767, 32767], [65535, 65535]]


# ---- words without folders ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("What 4 images of /home/ada/my faces/orl look like", "What 4 images of orl look like"),
        ("folder:/home/ada/orl", "folder:orl"),
        ("~/pictures/orl", "orl"),
        (r"C:\Users\ada\orl", "orl"),
        ("data/orl and 1/2", "data/orl and 1/2"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("hf:org/name", "hf:org/name"),
    ],
)
def test_absolute_paths_are_cut_to_their_last_component(text: str, written: str) -> None:
    assert without_folders(text) == written


def test_a_command_keeps_its_arguments() -> None:
    command = "repviz study faces --images '/home/ada/my faces/orl' --out /tmp/a/b --seed 0"
    assert command_without_folders(command) == ("repviz study faces --images orl --out b --seed 0")


def test_warnings_that_differ_in_numbers_alone_are_one_with_their_range():
    rises = "it rises from {} to {} at the 32 nearest rows."
    cells = [rises.format(3.4, "1,024") + " | 4 rows are copies.", rises.format(14.8, 9), ""]
    box = warnings(["pixels", "fc7", "fc6"], pd.Series(cells))
    assert box is not None
    words = " ".join(re.sub("<[^>]+>", " ", str(box)).split())
    assert words == (
        "Warnings pixels, fc7: it rises from 3.4\N{EN DASH}14.8 to 9\N{EN DASH}1,024 at the 32 "
        "nearest rows. pixels: 4 rows are copies."
    )


def test_a_warning_of_every_row_names_their_number():
    box = warnings([f"layer {i}" for i in range(12)], pd.Series(["it is curved."] * 12))
    assert "all 12: </b>it is curved." in str(box)
    some = warnings([f"layer {i}" for i in range(12)], pd.Series(["it is curved."] * 11 + [""]))
    assert "layer 0, layer 1, layer 2 and 8 more: </b>" in str(some)


# ---- names in captions and legends --------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "r", "label"),
    [
        ("nod", -0.93, "2: 20.8 %, nod (r = −0.93)"),
        ("turn", -0.3, "2: 20.8 %"),
        ("turn", float("nan"), "2: 20.8 %"),
        ("", float("nan"), "2: 20.8 %"),
    ],
)
def test_a_direction_has_the_name_of_a_factor_that_it_follows(
    factor: str, r: float, label: str
) -> None:
    row = {"direction": 2, "variance_share": 0.208, "factor": factor or None, "r": r}
    assert _label(row).replace("\xa0", " ").replace("-", "−") == label


def test_a_legend_says_each_engine_once() -> None:
    titles = {
        "PCA": "PCA",
        "linear-start": "the linear-start autoencoder",
        "conv": "the plain convolutional autoencoder",
    }
    table = pd.DataFrame(
        {"engine": list(titles), "engine_label": list(titles), "engine_title": titles.values()}
    ).assign(colour_role="first")
    shown = [Reader(one).text for one in engine_keys(table)]
    assert shown == [
        "PCA",
        "the linear-start autoencoder",
        "conv: the plain convolutional autoencoder",
    ]
