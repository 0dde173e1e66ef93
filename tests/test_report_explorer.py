"""The explorer in a real Chromium: each thing a reader does, by what is on the page afterwards."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browsing import ink, overflow, painted, picture, point_at_the_first_image, settle, visit
from playwright.sync_api import Browser, Page
from study_folder import build, drawn

import repviz
from repviz.report.page import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'say "hi"', "a,b", "ends\r\nhere"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(build(tmp_path_factory.mktemp("explorer") / "study"))


def text(page: Page, name: str) -> str:
    settle(page)
    return page.locator(name).inner_text()


def exported(page: Page) -> list[list[str]]:
    with page.expect_download() as waiting:
        page.locator("#map-csv").click()
    content = waiting.value.path().read_bytes().decode("utf-8")
    return list(csv.reader(io.StringIO(content, newline="")))


def box(page: Page) -> Any:
    page.locator("#map-canvas").scroll_into_view_if_needed()
    return page.locator("#map-canvas").bounding_box()


def lasso_everything(page: Page) -> None:
    """Draw around the whole map."""
    at = box(page)
    page.locator("#map-lasso").click()
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)]
    for place, (x, y) in enumerate(corners):
        page.mouse.move(at["x"] + x * at["width"], at["y"] + y * at["height"], steps=3)
        if place == 0:
            page.mouse.down()
    page.mouse.up()
    page.locator("#map-lasso").click()


# ---- pointing ------------------------------------------------------------------------------------


def test_pointing_shows_the_image_and_its_neighbours(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    assert page.locator("#map-card").is_hidden()
    point_at_the_first_image(page)
    name = text(page, "#map-name")
    row = int(name.removeprefix("image/"))
    assert ink(page, "#map-face") > 20
    assert text(page, "#map-said") == f"Image {name}, person p{row // 4}"
    true = [f"Image image/{(row + step) % 20}" for step in range(1, 6)]
    assert labels(page, "#map-true") == true
    near = labels(page, "#map-near")
    assert len(near) == 5
    wrong = [one for one in near if one.endswith(", not a true neighbour")]
    assert [one for one in near if one not in wrong] == [one for one in near if one in true]
    words = f"Nearest on the map: {5 - len(wrong)} of 5 are true, the others crossed"
    assert text(page, "#map-near-said") == words


def labels(page: Page, strip: str) -> list[str]:
    settle(page)
    buttons = page.locator(f"{strip} button").all()
    return [str(one.get_attribute("aria-label")) for one in buttons if one.is_visible()]


def test_pointing_marks_the_image_in_every_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    assert painted(page, "#map-marks") == 0
    before = picture(page)
    point_at_the_first_image(page)
    settle(page)
    filled = page.evaluate(
        """() => {
            const marks = document.getElementById("map-marks");
            const outer = marks.getBoundingClientRect();
            return [...document.querySelectorAll("#map-views button canvas")].map((one) => {
                const inner = one.getBoundingClientRect();
                const { data } = marks.getContext("2d").getImageData(
                    inner.left - outer.left, inner.top - outer.top, inner.width, inner.height);
                return data.some((value) => value);
            });
        }"""
    )
    assert filled == [True] * 12
    assert picture(page) == before  # the points themselves are not drawn again


def test_a_click_pins_and_the_mouse_goes_on(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    point_at_the_first_image(page)
    page.mouse.down()
    page.mouse.up()
    pinned = text(page, "#map-name")
    assert "pinned" in text(page, "#map-said")
    at = box(page)
    others = set()
    for step in range(20):
        x, y = 0.1 + 0.2 * (step % 5), 0.3 + 0.1 * (step // 5)
        page.mouse.move(at["x"] + x * at["width"], at["y"] + y * at["height"])
        others.add(text(page, "#map-name"))
    assert len(others) > 1
    page.locator("h2").first.hover()
    assert text(page, "#map-name") == pinned
    page.keyboard.press("Escape")
    settle(page)
    assert page.locator("#map-card").is_hidden()


def test_a_neighbour_in_the_list_can_be_pinned(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.fill("#map-search", "image/13")
    settle(page)
    page.locator("#map-true button").nth(1).click()
    assert text(page, "#map-name") == "image/15"


def test_the_keys_move_pin_and_select(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.locator("#map-canvas").focus()
    visited = set()
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
        visited.add(text(page, "#map-name"))
    assert len(visited) >= 2
    page.keyboard.press("Enter")
    assert "pinned" in text(page, "#map-said")
    page.keyboard.press("Space")
    assert text(page, "#map-count") == "1 of 20 images are selected."
    whole = picture(page)
    page.keyboard.press("+")
    assert picture(page) != whole
    page.keyboard.press("0")
    assert picture(page) == whole
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert text(page, "#map-count") == "No image is selected."


# ---- zoom and touch ------------------------------------------------------------------------------


def test_wheel_and_drag_move_the_map_and_whole_map_brings_it_back(
    browser: Browser, report: Path
) -> None:
    page = visit(browser, report).page
    at = box(page)
    whole = picture(page)
    page.locator("#map-canvas").focus()
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
    page.mouse.wheel(0, -400)
    close = picture(page)
    assert close != whole
    page.mouse.down()
    page.mouse.move(at["x"] + at["width"] / 2 - 60, at["y"] + at["height"] / 2, steps=4)
    page.mouse.up()
    assert picture(page) not in (whole, close)
    assert page.locator("#map-card").is_hidden()  # a drag pins nothing
    page.locator("#map-all").click()
    assert picture(page) == whole


def test_the_wheel_scrolls_the_page_until_the_map_is_taken(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    at = box(page)
    whole = picture(page)
    page.mouse.move(at["x"] + 20, at["y"] + 20)
    page.mouse.wheel(0, 200)
    assert picture(page) == whole


def test_two_fingers_zoom_and_a_tap_pins(browser: Browser, report: Path) -> None:
    page = visit(browser, report, width=390, has_touch=True).page
    at = box(page)
    whole = picture(page)
    touch = page.context.new_cdp_session(page)
    middle = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2

    def fingers(kind: str, apart: float) -> None:
        points = [{"x": middle[0] + side * apart, "y": middle[1], "id": side} for side in (-1, 1)]
        points = [] if kind == "touchEnd" else points
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 30)
    for apart in (40, 60, 90):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    assert picture(page) != whole
    page.locator("#map-all").click()
    assert picture(page) == whole
    at = box(page)
    for step in range(40):
        x, y = 0.1 + 0.2 * (step % 5), 0.1 + 0.1 * (step // 5)
        page.touchscreen.tap(at["x"] + x * at["width"], at["y"] + y * at["height"])
        settle(page)
        if page.locator("#map-card").is_visible():
            break
    assert "pinned" in text(page, "#map-said")


# ---- selecting -----------------------------------------------------------------------------------


def test_a_lasso_selects_in_every_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    small = picture(page, "#map-views button:nth-of-type(3) canvas")
    points = painted(page, "#map-canvas")
    lasso_everything(page)
    assert text(page, "#map-count") == "20 of 20 images are selected."
    at = box(page)
    page.keyboard.down("Shift")
    page.mouse.move(at["x"] + 5, at["y"] + 5)
    page.mouse.down()
    for x, y in ((0.99, 0.01), (0.99, 0.5), (0.01, 0.5)):
        page.mouse.move(at["x"] + x * at["width"], at["y"] + y * at["height"], steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    few = int(text(page, "#map-count").split()[0])
    assert 0 < few < 20
    assert picture(page, "#map-views button:nth-of-type(3) canvas") != small
    assert painted(page, "#map-canvas") > 0.9 * points  # grey, never gone
    assert page.locator("#map-mix li").count() > 0


def test_a_label_is_selected_with_its_mix(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.select_option("#map-label", label="p2")
    assert text(page, "#map-count") == "4 of 20 images are selected."
    assert text(page, "#map-mix").split() == ["p2", "4", "of", "4"]
    page.locator("#map-tables summary").nth(2).click()
    table = text(page, "#map-tables details:nth-of-type(3)")
    assert "trained fc7" in table
    page.select_option("#map-label", label="none")
    assert text(page, "#map-count") == "No image is selected."


@pytest.mark.parametrize(
    ("sought", "rows"),
    [
        ("image/13", [13]),
        ("P3", [12, 13, 14, 15]),
        ("turn > 8.4", [17, 18, 19]),
        ("turn<=1", [0, 1, 2]),
        ("turn = 4", [8]),
    ],
)
def test_search_finds_ids_labels_and_factors(
    sought: str, rows: list[int], browser: Browser, report: Path
) -> None:
    page = visit(browser, report).page
    page.fill("#map-search", sought)
    assert text(page, "#map-name") == f"image/{rows[0]}"
    page.locator("#map-search").press("Enter")
    noun = f"{len(rows)} of 20 images are selected."
    assert text(page, "#map-count") == noun
    assert [line[0] for line in exported(page)[1:]] == [str(row) for row in rows]


def test_a_search_without_result_says_so(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.fill("#map-search", "no such image")
    assert text(page, "#map-said") == "No image has this in its id, label or numbers."
    assert page.locator("#map-card").is_hidden()


def test_the_address_brings_the_selection_back(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.fill("#map-search", "turn > 8.4")
    page.locator("#map-search").press("Enter")
    page.locator("#map-views button").nth(2).click()
    page.wait_for_url(re.compile("view=2"))
    fragment = page.evaluate("location.hash")
    chosen = repviz.selection(report, page.url)
    assert chosen["id"].tolist() == ["image/17", "image/18", "image/19"]
    assert chosen["label"].tolist() == ["p4"] * 3
    seen = visit(browser, report, fragment=fragment)
    assert text(seen.page, "#map-count") == "3 of 20 images are selected."
    assert text(seen.page, "#map-name") == "image/17"
    assert text(seen.page, "#map-note").startswith("untrained pool1")
    assert seen.complaints == []
    seen.page.keyboard.press("Escape")
    seen.page.keyboard.press("Escape")
    seen.page.wait_for_url(re.compile("#map$"))


@pytest.mark.parametrize(
    "fragment", ["#map?key=000000000000&view=0&rows=AAU", "#map?key=&rows=%%%", "#map?"]
)
def test_a_strange_address_is_refused(fragment: str, browser: Browser, report: Path) -> None:
    seen = visit(browser, report, fragment=fragment)
    assert text(seen.page, "#map-count") == "No image is selected."
    assert seen.complaints == []


def test_no_cell_of_the_csv_is_a_formula(browser: Browser, tmp_path: Path) -> None:
    ids = FORMULAS + [f"image/{i}" for i in range(20 - len(FORMULAS))]
    labels = ["=HYPERLINK(1)" if i % 2 else "plain" for i in range(20)]
    folder = build(tmp_path / "s", ids=ids, labels=labels)
    page = visit(browser, write_report(folder)).page
    rows = exported(page)
    assert rows[0][:4] == ["row", "id", "label", "x trained fc7"]
    assert [row[1].removeprefix("'") for row in rows[1:]] == ids
    assert not [cell for row in rows for cell in row[1:3] if cell[:1] in tuple("=+-@\t\r")]


# ---- views and colours ---------------------------------------------------------------------------


def test_every_representation_has_its_own_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    buttons = page.locator("#map-views button")
    assert buttons.count() == 12
    maps = set()
    for i in range(12):
        buttons.nth(i).click()
        assert page.locator("#map-views button[aria-pressed=true]").count() == 1
        maps.add(picture(page))
    assert len(maps) == 12
    assert text(page, "#map-note").startswith("trained fc7: trustworthiness 0.987")


def test_maps_morph_unless_motion_is_unwelcome(browser: Browser, report: Path) -> None:
    def on_the_way(motion: str) -> bool:
        page = visit(browser, report, reduced_motion=motion).page
        page.locator("#map-canvas").scroll_into_view_if_needed()
        page.locator("#map-views button").first.click()
        early = picture(page)
        page.wait_for_timeout(1200)
        return early != picture(page)

    assert on_the_way("no-preference")
    assert not on_the_way("reduce")


def test_colours_follow_label_factor_and_quality(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    options = page.locator("#map-colour option").all_inner_texts()
    assert options[:2] == ["person", "turn"]
    assert options[-3:] == ["trustworthiness of the map here", "local dimension (MLE)", "none"]
    assert any(one.startswith("reconstruction error (conv") for one in options)
    pictures = set()
    for place in range(len(options)):
        page.select_option("#map-colour", index=place)
        pictures.add(picture(page))
        if options[place] == "turn":
            assert text(page, "#map-scale").split()[:2] == ["0", "9.5"]
    assert len(pictures) >= 4
    assert page.locator("#map-scale").is_hidden()  # the last is none


def test_names_and_images_stand_in_the_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    named = picture(page)
    page.locator("#map-names").click()
    bare = picture(page)
    assert named != bare
    page.locator("#map-images").click()
    assert page.locator("#map-images").get_attribute("aria-pressed") == "true"
    assert ink(page, "#map-canvas") > 100
    page.locator("#map-images").click()
    assert picture(page) == bare


def test_more_labels_than_twenty_are_not_named(browser: Browser, tmp_path: Path) -> None:
    folder = build(tmp_path / "s", faces=drawn(21, 2, 16), labels=[f"p{i // 2}" for i in range(42)])
    page = visit(browser, write_report(folder)).page
    assert page.locator("#map-names").is_hidden()


# ---- edges ---------------------------------------------------------------------------------------


def test_a_study_of_the_last_release_has_a_map_without_neighbours(
    browser: Browser, tmp_path: Path
) -> None:
    from study_folder import reseal

    folder = build(tmp_path / "s")
    (folder / "arrays" / "map_neighbors.npy").unlink()
    (folder / "arrays" / "thumbnails.npy").unlink()
    path = folder / "results" / "map.csv"
    pd.read_csv(path).drop(columns=["trustworthiness", "local_dimension"]).to_csv(path, index=False)
    reseal(folder)
    for width in (390, 1280):
        seen = visit(browser, write_report(folder), width=width)
        point_at_the_first_image(seen.page)
        assert text(seen.page, "#map-said").startswith("Image image/")
        assert seen.page.locator("#map-neighbours").is_hidden()
        assert seen.page.locator("#map-images").is_hidden()
        assert seen.complaints == []
        assert overflow(seen.page) <= 0


def test_images_that_a_map_lacks_stay_out_of_it(browser: Browser, tmp_path: Path) -> None:
    from study_folder import reseal

    folder = build(tmp_path / "s")
    path = folder / "results" / "map.csv"
    table = pd.read_csv(path)
    table.loc[table["row"] == 3, ["x", "y"]] = np.nan
    table.to_csv(path, index=False)
    reseal(folder)
    page = visit(browser, write_report(folder)).page
    lasso_everything(page)
    assert text(page, "#map-count") == "19 of 20 images are selected."
    page.fill("#map-search", "image/3")
    settle(page)
    assert text(page, "#map-said").startswith("Image image/3, person p0")
    assert page.locator("#map-card").is_hidden()
