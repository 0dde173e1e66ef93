"""The SVG that a strict page can hold, and a palette that can be read."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from repviz.figures import theme


def drawn() -> Figure:
    @theme.themed
    def draw() -> Figure:
        figure = theme.canvas(300, 200)
        axes = figure.subplots()
        axes.plot([0, 1, 2], [1, 3, 2], color=theme.LIGHT["first"], marker="o")
        axes.fill_between([0, 1, 2], [0, 2, 1], [2, 4, 3], color=theme.LIGHT["second"], alpha=0.2)
        axes.set_title("A title & its <sign>")
        return figure

    return draw()


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


# ---- truth ---------------------------------------------------------------------------------------


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("role", ["ink", "muted", "first", "second", "third"])
@pytest.mark.parametrize("ground", ["paper", "wash"])
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_every_text_colour_reaches_contrast_aa(role: str, ground: str, mode: int) -> None:
    assert contrast(theme.PALETTE[role][mode], theme.PALETTE[ground][mode]) >= 4.5


@pytest.mark.parametrize("role", theme.MARKERS)
@pytest.mark.parametrize(("ground", "least"), [("paper", 4.5), ("wash", 3)])
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_every_series_is_seen_and_its_label_on_the_page_is_read(
    role: str, ground: str, least: float, mode: int
) -> None:
    """WCAG 2.2: 3 for graphics, 4.5 for text; labels of series stand on the page alone."""
    assert contrast(theme.PALETTE[role][mode], theme.PALETTE[ground][mode]) >= least


def test_every_series_has_a_marker_of_its_own() -> None:
    assert len(set(theme.MARKERS.values())) == len(theme.MARKERS)


def test_the_light_palette_has_no_colour_twice() -> None:
    assert len(set(theme.LIGHT.values())) == len(theme.LIGHT)


def test_css_variables_give_each_role_both_colours() -> None:
    assert "--ink: light-dark(#23211e, #e9e6e0);" in theme.css_variables()


@pytest.mark.parametrize(
    ("start", "end", "labels"),
    [
        (0.8, 1.0, ["80 %", "85 %", "90 %", "95 %", "100 %"]),
        (0.0, 1.0, ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        (0.99, 1.0, ["99 %", "99.2 %", "99.4 %", "99.6 %", "99.8 %", "100 %"]),
    ],
)
def test_a_tick_of_shares_is_labelled_with_its_own_round_value(start, end, labels):
    figure = theme.canvas(720, 200)
    axes = figure.subplots()
    axes.set_xlim(start, end)
    theme.percent_ticks(axes.xaxis)
    figure.draw_without_rendering()
    ticks = axes.get_xticks()
    shown = zip(ticks, axes.xaxis.get_major_formatter().format_ticks(ticks), strict=True)
    assert [label for tick, label in shown if start - 1e-9 <= tick <= end + 1e-9] == labels


# ---- laws ----------------------------------------------------------------------------------------


def test_the_same_figure_gives_the_same_text() -> None:
    assert theme.svg(drawn(), "one") == theme.svg(drawn(), "one")


def test_a_strict_policy_has_nothing_to_refuse() -> None:
    text = theme.svg(drawn(), "one")
    assert "style" not in text
    assert "<script" not in text
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


@pytest.mark.parametrize("name", ["figure", "rarity", "learning_curves"])
def test_every_mark_that_is_used_is_there_whatever_the_figures_name(name: str) -> None:
    drawing = theme.svg(drawn(), name)
    used = re.findall(r'href="#([^"]+)"', drawing)
    assert used
    assert set(used) <= set(re.findall(r' id="([^"]+)"', drawing))


def test_text_stays_text_and_the_pages_font_is_used() -> None:
    root = ElementTree.fromstring(theme.svg(drawn(), "one"))
    words = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]
    assert "A title & its <sign>" in words
    assert not any("font-family" in element.attrib for element in root.iter())


def test_every_colour_is_bound_to_a_variable() -> None:
    root = ElementTree.fromstring(theme.svg(drawn(), "one"))
    colours = {
        element.attrib[key]
        for element in root.iter()
        for key in ("fill", "stroke")
        if key in element.attrib
    }
    assert colours - {"none"}
    assert all(re.fullmatch(r"var\(--\w+, #[0-9a-f]{6}\)", colour) for colour in colours - {"none"})


@pytest.mark.parametrize("name", ["one", "ladder", "url", "random_map"])
def test_every_reference_is_to_an_id_of_the_same_figure(name: str) -> None:
    text = theme.svg(drawn(), name)
    ids = set(re.findall(r' id="([^"]+)"', text))
    references = set(re.findall(r'href="#([^"]+)"', text)) | set(
        re.findall(r"url\(#([^)]+)\)", text)
    )
    assert references
    assert references <= ids
    assert all(one.startswith(f"{name}-") for one in ids)


def test_two_figures_in_one_page_share_no_id() -> None:
    ids = [set(re.findall(r' id="([^"]+)"', theme.svg(drawn(), name))) for name in ("one", "two")]
    assert all(not a & b for a, b in itertools.combinations(ids, 2))


def test_the_figure_scales_with_its_box_and_says_what_it_shows() -> None:
    root = ElementTree.fromstring(theme.svg(drawn(), "one", alt="Three points"))
    assert root.attrib["viewBox"] == "0 0 300 200"
    assert "width" not in root.attrib
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Three points"


@pytest.mark.parametrize(
    ("text", "letters", "folded"),
    [
        ("short", 10, "short"),
        ("parted at its middle", 10, "parted at\nits middle"),
        ("unbreakable", 5, "unbreakable"),
    ],
)
def test_fold_parts_a_long_text_at_its_middle(text: str, letters: float, folded: str) -> None:
    assert theme.fold(text, letters) == folded
