"""The report in a real Chromium, from a file, as a reader meets it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from study_folder import build

from repviz.report.page import write_report
from repviz.report.sections import SECTIONS, get_section

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = '</script><img src=x onerror="window.hacked=1">'
LONG = "a-name-without-any-place-to-break-" * 8


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(build(tmp_path_factory.mktemp("browser") / "study"))


@dataclass
class Visit:
    """An opened report, with everything that it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def visit(browser: Browser, report: Path, *, width: int = 1280, **options: Any) -> Visit:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, reduced_motion="reduce", **options
    )
    page = context.new_page()
    seen = Visit(page)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.goto(report.as_uri())
    if options.get("java_script_enabled", True):
        page.wait_for_selector("#map-canvas[data-ready]")
    return seen


def point_at_the_first_image(page: Page) -> None:
    """Move the mouse over the map until it meets an image."""
    page.locator("#map-canvas").scroll_into_view_if_needed()
    box = page.locator("#map-canvas").bounding_box()
    assert box is not None
    for row in range(4, 20):
        for column in range(2, 20):
            page.mouse.move(
                box["x"] + column * box["width"] / 20, box["y"] + row * box["height"] / 20
            )
            if page.locator("#map-card").is_visible():
                return
    pytest.fail("no image of the map answers to the mouse")


def ink(page: Page, canvas: str) -> int:
    """How many different colours a canvas holds."""
    return page.evaluate(
        """(name) => {
            const one = document.querySelector(name);
            const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }""",
        canvas,
    )


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


# ---- laws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_request_no_complaint_no_sideways_scroll(
    browser: Browser, report: Path, width: int, scheme: Any
) -> None:
    seen = visit(browser, report, width=width, color_scheme=scheme)
    point_at_the_first_image(seen.page)
    seen.page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    outside = [url for url in seen.requests if not url.startswith("data:")]
    assert outside == [report.as_uri()]
    assert seen.complaints == []
    assert overflow(seen.page) <= 0


def test_one_chart_of_each_pair_is_seen(browser: Browser, report: Path) -> None:
    for width, form in ((390, "narrow"), (1280, "wide")):
        page = visit(browser, report, width=width).page
        charts = page.locator(".chart").all()
        assert charts
        for chart in charts:
            assert chart.is_visible() == (form in (chart.get_attribute("class") or ""))


# ---- the map ------------------------------------------------------------------------------------


def test_pointing_at_the_map_shows_the_image(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    assert page.locator("#map-card").is_hidden()
    point_at_the_first_image(page)
    name = page.locator("#map-name").inner_text()
    row = int(name.removeprefix("image/"))
    assert ink(page, "#map-face") > 20
    assert page.locator("#map-said").inner_text() == f"Image {name}, person p{row // 4}"
    assert page.locator("#map-strip button").count() == 4
    assert page.locator("#map-strip button[aria-current]").get_attribute("data-image") == str(row)


def test_a_click_pins_the_image_and_escape_unpins_it(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    point_at_the_first_image(page)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(2, 2)
    assert page.locator("#map-card").is_visible()
    assert "pinned" in page.locator("#map-said").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#map-card").is_hidden()


def test_the_arrow_keys_move_over_the_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.locator("#map-canvas").focus()
    visited = set()
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
        visited.add(page.locator("#map-name").inner_text())
    assert len(visited) >= 2
    assert page.locator("#map-card").is_visible()


def test_a_tap_shows_the_image(browser: Browser, report: Path) -> None:
    page = visit(browser, report, width=390, has_touch=True).page
    canvas = page.locator("#map-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    for step in range(2, 19):
        page.touchscreen.tap(box["x"] + step * box["width"] / 20, box["y"] + box["height"] / 2)
        if page.locator("#map-card").is_visible():
            break
    assert page.locator("#map-card").is_visible()


def test_every_representation_has_its_own_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    buttons = page.locator("#map-views button")
    assert buttons.count() == 12
    drawn = set()
    for i in range(12):
        buttons.nth(i).click()
        assert page.locator("#map-views button[aria-pressed=true]").count() == 1
        drawn.add(page.evaluate("document.getElementById('map-canvas').toDataURL()"))
    assert len(drawn) == 12
    assert page.locator("#map-note").inner_text().startswith("trained fc7: trustworthiness 0.987")


def test_choosing_a_label_and_showing_images_changes_the_map(
    browser: Browser, report: Path
) -> None:
    page = visit(browser, report).page
    plain = ink(page, "#map-canvas")
    page.select_option("#map-label", label="p2")
    assert page.locator("#map-strip button").count() == 4
    assert page.locator("#map-said").inner_text() == "All images of p2"
    page.select_option("#map-label", label="none")
    page.locator("#map-images").click()
    assert page.locator("#map-images").get_attribute("aria-pressed") == "true"
    assert ink(page, "#map-canvas") != plain


def test_zoom_changes_the_map_and_the_whole_map_comes_back(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    whole = page.evaluate("document.getElementById('map-canvas').toDataURL()")
    page.locator("#map-closer").click()
    close = page.evaluate("document.getElementById('map-canvas').toDataURL()")
    assert close != whole
    page.locator("#map-all").click()
    assert page.evaluate("document.getElementById('map-canvas').toDataURL()") == whole


def test_search_pins_the_image_with_that_id(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.fill("#map-search", "image/13")
    assert page.locator("#map-name").inner_text() == "image/13"
    assert "pinned" in page.locator("#map-said").inner_text()
    page.fill("#map-search", "no such image")
    assert page.locator("#map-said").inner_text() == "No image has this in its id or label."
    assert page.locator("#map-card").is_hidden()


def test_the_selection_is_exported_as_csv(browser: Browser, report: Path) -> None:
    page = visit(browser, report).page
    page.select_option("#map-label", label="p2")
    with page.expect_download() as waiting:
        page.locator("#map-csv").click()
    lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,label,x,y"
    assert [line.split(",")[0] for line in lines[1:]] == [f'"image/{i}"' for i in range(8, 12)]


# ---- light and dark -----------------------------------------------------------------------------


def test_the_switch_turns_page_figures_and_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report, color_scheme="light").page

    def colours() -> list[str]:
        return page.evaluate(
            """() => [
                getComputedStyle(document.body).backgroundColor,
                getComputedStyle(document.querySelector(".chart.wide text")).fill,
                document.getElementById("map-canvas").toDataURL(),
            ]"""
        )

    light = colours()
    assert light[0] == "rgb(253, 252, 250)"
    page.get_by_role("button", name="Dark").click()
    dark = colours()
    assert dark[0] == "rgb(22, 24, 27)"
    assert all(one != other for one, other in zip(light, dark, strict=True))
    page.get_by_role("button", name="Light").click()
    assert colours() == light


def test_without_a_choice_the_page_follows_the_system(browser: Browser, report: Path) -> None:
    page = visit(browser, report, color_scheme="dark").page
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"
    assert page.locator("#theme").inner_text() == "Light"


# ---- edges --------------------------------------------------------------------------------------


def test_labels_that_are_markup_do_nothing(browser: Browser, tmp_path: Path) -> None:
    labels = [HOSTILE if i < 10 else LONG for i in range(20)]
    ids = [f"{HOSTILE}{LONG}{i}" for i in range(20)]
    folder = build(tmp_path / "s", labels=labels, ids=ids, skipped={"training": HOSTILE})
    for width in (390, 1280):
        seen = visit(browser, write_report(folder), width=width)
        point_at_the_first_image(seen.page)
        seen.page.evaluate(
            "document.querySelectorAll('details').forEach((one) => (one.open = true))"
        )
        assert HOSTILE in seen.page.locator("#map-name").inner_text()
        assert HOSTILE in seen.page.locator("#map-label").inner_text()
        assert seen.page.evaluate("window.hacked") is None
        assert seen.complaints == []
        assert overflow(seen.page) <= 0


def test_the_policy_holds_against_what_gets_in_anyway(browser: Browser, report: Path) -> None:
    seen = visit(browser, report)
    intruder = '<img src="data:," onerror="window.hacked=1"><p style="color:red">x</p>'
    seen.page.evaluate("(html) => document.body.insertAdjacentHTML('beforeend', html)", intruder)
    seen.page.wait_for_timeout(100)
    assert seen.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in one for one in seen.complaints)


def test_a_study_without_labels_has_a_map_without_them(browser: Browser, tmp_path: Path) -> None:
    reason = "the images carry no labels"
    folder = build(tmp_path / "s", labels=[], skipped={"training": reason})
    seen = visit(browser, write_report(folder), width=390)
    point_at_the_first_image(seen.page)
    assert seen.page.locator("#map-label").count() == 0
    assert seen.page.locator("#map-strip button").count() == 0
    assert seen.complaints == []


def test_without_scripts_the_page_is_still_read(browser: Browser, report: Path) -> None:
    page = visit(browser, report, java_script_enabled=False).page
    assert page.get_by_text("The map needs JavaScript").is_visible()
    shown = [
        name
        for name in SECTIONS
        if all((report.parent / f).is_file() for f in get_section(name).needs)
    ]
    assert page.locator("main > section").count() == len(shown)
    assert page.locator(".chart.wide").first.is_visible()
