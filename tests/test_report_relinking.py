"""What follows a selection in the explorer: tables, reconstructions, groups, the map's place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browsing import overflow, painted, picture, settle, visit
from playwright.sync_api import Browser, Page
from report_pages import HOSTILE, changed
from study_folder import build

from repviz.report.page import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]

GROUPS = [f"g{i // 5}" for i in range(19)] + [""]  # the last of 20 images has none


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("relinking") / "study")


@pytest.fixture(scope="module")
def report(study: Path) -> Path:
    return write_report(study)


@pytest.fixture(scope="module")
def grouped(study: Path) -> Path:
    """A report whose images have groups that their labels do not tell."""
    return write_report(changed(study, study.parent / "grouped", "images", group=GROUPS))


def text(page: Page, name: str) -> str:
    settle(page)
    return page.locator(name).inner_text()


def select(page: Page, sought: str) -> None:
    page.fill("#map-search", sought)
    page.locator("#map-search").press("Enter")
    settle(page)


def pixels(page: Page, canvas: str) -> np.ndarray:
    """The grey levels of a canvas, (height, width)."""
    settle(page)
    levels, width = page.evaluate(
        """(name) => {
            const one = document.querySelector(name);
            const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
            return [[...data].filter((_, i) => i % 4 === 0), one.width];
        }""",
        canvas,
    )
    return np.reshape(levels, (-1, width))


# ---- reconstructions ----------------------------------------------------------------------------


def test_a_selection_shows_its_images_reconstructed(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    page, drawn = seen.page, seen.page.locator("#map-drawn figure")
    assert page.locator("#map-drawn").is_hidden()
    select(page, "image/2")
    drawn.first.wait_for()
    assert drawn.all_inner_texts() == ["image/2: MSE 0.01, PCA 0.01"]
    assert seen.complaints == []
    page.select_option("#decode-image", label="image/2")
    for size in ("8", "4"):
        page.select_option("#map-drawn-size select", label=size)
        assert text(page, "#decode-size-said") == f"{size} numbers"
        shown = pixels(page, "#map-drawn canvas")
        for place, panel in enumerate(("given", "drawn", "pca")):
            part = shown[:, place * 26 : place * 26 + 24]
            assert (part == pixels(page, f"#decode-{panel}")).all()
    page.locator("#decode-size").fill("0")
    assert page.locator("#map-drawn-size select").input_value() == "0"
    assert (pixels(page, "#map-drawn canvas") != shown).any()
    page.locator("#map-clear").click()
    settle(page)
    assert page.locator("#map-drawn").is_hidden()


def test_the_first_six_are_drawn_and_the_others_counted(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    select(page, "image/")
    page.locator("#map-drawn figure").first.wait_for()
    names = [one.split(":")[0] for one in page.locator("#map-drawn figure").all_inner_texts()]
    assert names == [f"image/{i}" for i in range(6)]
    words = (
        "the selection holds 8 of the 8 test faces with codes in the page, 2 more than are shown"
    )
    assert text(page, "#map-drawn-said") == f"Original, autoencoder, PCA: {words}."
    select(page, "p4")
    words = "the selection holds 0 of the 8 test faces with codes in the page"
    assert text(page, "#map-drawn-said") == f"Original, autoencoder, PCA: {words}."
    assert page.locator("#map-drawn figure").count() == 0


def test_without_decoders_the_pictures_of_the_page_are_shown(
    browser: Browser, tmp_path: Path
) -> None:
    folder = build(tmp_path / "s", skipped={"decoders": "no decoder fits"})
    seen = visit(browser, write_report(folder), width=390)
    page, copied = seen.page, seen.page.locator("#map-drawn tbody")
    select(page, "image/17")
    words = "Of the 4 images listed as reconstructed, the selection holds 1."
    assert text(page, "#map-drawn-said") == words
    own = page.locator("#reconstructions tbody[data-row='17']")
    assert copied.evaluate("one => one.outerHTML") == own.evaluate("one => one.outerHTML")
    assert overflow(page) <= 0
    select(page, "image/3")
    assert copied.count() == 0
    assert seen.complaints == []


# ---- groups -------------------------------------------------------------------------------------


def test_groups_colour_the_map_and_are_counted(browser: Browser, grouped: Path) -> None:
    seen = visit(browser, grouped)
    page = seen.page
    assert page.locator("#map-colour option").all_inner_texts()[:3] == ["person", "group", "turn"]
    people = picture(page)
    page.select_option("#map-colour", label="group")
    assert picture(page) != people
    assert page.locator("#map-scale").is_hidden()
    select(page, "g1")
    assert text(page, "#map-said").startswith("Image image/5, person p1, group g1")
    assert text(page, "#map-mix").split() == ["g1", "5", "of", "5"]
    page.select_option("#map-colour", label="person")
    assert text(page, "#map-mix").split() == ["p1", "3", "of", "4", "p2", "2", "of", "4"]
    page.select_option("#map-colour", label="group")
    select(page, "image/19")
    assert "group –" in text(page, "#map-said")
    assert text(page, "#map-mix") == ""
    with page.expect_download() as waiting:
        page.locator("#map-csv").click()
    lines = waiting.value.path().read_text().split("\n")
    assert lines[0].split(",")[5] == '"group"'
    assert lines[1].split(",")[5] == '""'
    assert seen.complaints == []


def test_a_study_without_groups_offers_none(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    assert "group" not in page.locator("#map-colour option").all_inner_texts()


def test_groups_that_are_markup_do_nothing(browser: Browser, study: Path, tmp_path: Path) -> None:
    groups = [f"{HOSTILE}{name}" for name in GROUPS]
    seen = visit(browser, write_report(changed(study, tmp_path / "s", "images", group=groups)))
    seen.page.select_option("#map-colour", label="group")
    select(seen.page, "image/7")
    assert HOSTILE in text(seen.page, "#map-said")
    assert HOSTILE in text(seen.page, "#map-mix")
    assert seen.page.evaluate("window.hacked") is None
    assert seen.complaints == []


# ---- tables -------------------------------------------------------------------------------------


def test_tables_stay_unfolded_and_follow_selection_and_view(
    browser: Browser, study: Path, tmp_path: Path
) -> None:
    dimension = np.linspace(2, 9, 12 * 20)  # another in each of 12 views
    page = visit(
        browser, write_report(changed(study, tmp_path / "s", "map", local_dimension=dimension))
    ).page
    tables = page.locator("#map-tables details")
    select(page, "p2")
    for place in (0, 1):
        tables.nth(place).locator("summary").click()
    assert column(page, 0) == [f"image/{i}" for i in range(8, 12)]
    values, medians = column(page, -1), text(page, "#map-tables details:nth-of-type(2)")
    page.locator("#map-views button").first.click()
    assert column(page, -1) != values
    select(page, "p0")
    assert column(page, 0) == [f"image/{i}" for i in range(4)]
    assert text(page, "#map-tables details:nth-of-type(2)") != medians
    page.locator("#map-clear").click()
    settle(page)
    assert page.locator("#map-tables").is_hidden()


def column(page: Page, place: int) -> list[str]:
    """A column of the table of the selected images."""
    settle(page)
    rows = page.locator("#map-tables details").first.locator("tbody tr").all()
    return [row.locator("th, td").all_inner_texts()[place] for row in rows]


def test_the_table_lists_twenty_and_says_how_many_are_left(
    browser: Browser, tmp_path: Path
) -> None:
    from study_folder import drawn

    folder = build(tmp_path / "s", faces=drawn(6, 4, 16))
    page = visit(browser, write_report(folder)).page
    select(page, "image/")
    page.locator("#map-tables summary").first.click()
    assert len(column(page, 0)) == 20
    assert text(page, "#map-tables details:first-of-type p") == "and 4 more, all in the CSV"


# ---- neighbours ---------------------------------------------------------------------------------


def test_each_neighbour_is_drawn_under_its_button(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.fill("#map-search", "image/3")
    settle(page)
    boxes = [one.bounding_box() for one in page.locator("#map-true button").all()]
    assert len(boxes) == 5
    whole = page.locator("#map-true canvas").bounding_box()
    assert whole is not None
    shown = pixels(page, "#map-true canvas")
    painted_columns = np.flatnonzero(shown.any(axis=0)) * whole["width"] / shown.shape[1]
    for place, box in enumerate(boxes):
        assert box is not None
        left = box["x"] - whole["x"]
        inside = (painted_columns >= left) & (painted_columns < left + box["width"])
        assert inside.sum() > 30, place
        assert box["width"] == pytest.approx(box["height"], abs=1)
    assert painted_columns.max() < left + box["width"]


# ---- the map's place ----------------------------------------------------------------------------


def test_what_is_found_beyond_the_edge_comes_into_view(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.locator("#map-canvas").focus()
    for _ in range(6):
        page.keyboard.press("+")
    for i in range(20):
        page.fill("#map-search", f"image/{i}")
        settle(page)
        assert painted(page, "#map-overlay") > 50
    page.keyboard.press("Escape")
    assert painted(page, "#map-overlay") == 0


def test_the_right_button_leaves_pointing_as_it_was(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.locator("#map-canvas").scroll_into_view_if_needed()
    at = page.locator("#map-canvas").bounding_box()
    assert at is not None
    page.mouse.move(at["x"] + 4, at["y"] + 4)
    page.mouse.down(button="right")
    for step in range(100):
        x, y = 0.05 + 0.1 * (step % 10), 0.05 + 0.1 * (step // 10)
        page.mouse.move(at["x"] + x * at["width"], at["y"] + y * at["height"])
        settle(page)
        if page.locator("#map-card").is_visible():
            return
    raise AssertionError("no image answers after a press of the right button")


# ---- the grid that finds points by place ---------------------------------------------------------


def test_a_lasso_holds_what_the_even_odd_rule_says(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    rng = np.random.default_rng(0)
    points = rng.integers(0, 65535, (4000, 2))
    for corners in (3, 8, 60):
        polygon = rng.integers(-5000, 70000, (corners, 2)) + 0.5  # no point lies on an edge
        found = page.evaluate(
            """([points, polygon]) => {
                const mask = new Uint8Array(points.length);
                const axis = (k) => Uint16Array.from(points, (point) => point[k]);
                new Grid({ x: axis(0), y: axis(1) }).inside(polygon, mask);
                return [...mask];
            }""",
            [points.tolist(), polygon.tolist()],
        )
        (px, py), (ax, ay), (bx, by) = points.T, polygon.T, np.roll(polygon, -1, axis=0).T
        crossed = (ay > py[:, None]) != (by > py[:, None])
        at = ax + (py[:, None] - ay) / np.where(ay == by, 1, by - ay) * (bx - ax)
        inside = (crossed & (px[:, None] < at)).sum(axis=1) % 2
        assert found == inside.tolist()
        assert 0 < sum(found) < len(points)


def test_the_nearest_points_are_those_of_all(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    rng = np.random.default_rng(1)
    points = np.clip(rng.normal(30000, 9000, (3000, 2)), 0, 65534).astype(int)
    places = rng.integers(0, 65535, (20, 2))
    found = page.evaluate(
        """([points, places]) => {
            const axis = (k) => Uint16Array.from(points, (point) => point[k]);
            const grid = new Grid({ x: axis(0), y: axis(1) });
            return places.map(([x, y]) => grid.near(x, y, 10));
        }""",
        [points.tolist(), places.tolist()],
    )
    for place, rows in zip(places, found, strict=True):
        far = np.square(points - place).sum(axis=1)
        assert far[rows].tolist() == np.sort(far)[:10].tolist()
