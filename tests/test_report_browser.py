"""The report in a real Chromium, from a file, as a reader meets it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from browsing import overflow, picture, point_at_the_first_image, visit
from playwright.sync_api import Browser
from study_folder import build, reseal

from repviz import study_folder, study_manifest
from repviz.report.page import write_report
from repviz.report.sections import SECTIONS, get_section

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXAMPLE = Path(__file__).parents[1] / "reports" / "example-faces" / "report.html"
HOSTILE = '</script><img src=x onerror="window.hacked=1">'
LONG = "a-name-without-any-place-to-break-" * 8
GIVEN = {  # columns of names that a user gives, beside ids and labels
    "factors": ["factor"],
    "anatomy": ["layer"],
    "confusion": ["label", "predicted"],
    "top_images": ["layer", "label"],
    "invariance": ["layer"],
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(build(tmp_path_factory.mktemp("browser") / "study"))


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


def test_on_a_phone_four_samples_stand_in_a_row_without_names(
    browser: Browser, report: Path
) -> None:
    page = visit(browser, report, width=390).page
    rows = page.evaluate(
        """() => [...document.querySelectorAll(".rungs .samples")]
            .map((one) => getComputedStyle(one).gridTemplateColumns.split(" ").length)"""
    )
    assert rows
    assert set(rows) == {4}
    assert page.locator(".samples small").filter(visible=True).count() == 0


def test_no_unfolded_table_of_long_cells_is_cut_on_a_wide_page(
    browser: Browser,
) -> None:
    page = visit(browser, EXAMPLE).page
    tables = page.evaluate(
        """() => [...document.querySelectorAll(".scroll:has(.long):not(details *)")]
            .map((one) => [one.scrollWidth, one.clientWidth])"""
    )
    assert tables
    assert all(width <= room for width, room in tables)


# ---- light and dark -----------------------------------------------------------------------------


def test_the_switch_turns_page_figures_and_map(browser: Browser, report: Path) -> None:
    page = visit(browser, report, color_scheme="light").page

    def colours() -> list[str]:
        styles = page.evaluate(
            """() => [
                getComputedStyle(document.body).backgroundColor,
                getComputedStyle(document.querySelector(".chart.wide text")).fill,
            ]"""
        )
        return [*styles, picture(page)]

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


# ---- paper --------------------------------------------------------------------------------------


def test_paper_is_black_on_white_and_the_screen_comes_back(browser: Browser, report: Path) -> None:
    page = visit(browser, report, color_scheme="dark").page
    dark = picture(page)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    colours = page.evaluate(
        "() => { const { backgroundColor, color } = getComputedStyle(document.body);"
        " return [backgroundColor, color]; }"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert picture(page) != dark
    buttons = page.locator("button, select, input").filter(visible=True)
    assert buttons.count() == 0
    assert page.locator(".still").is_visible()
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") is None
    assert picture(page) == dark


def test_on_paper_nothing_runs_out_of_its_column_and_text_is_of_one_size(
    browser: Browser, report: Path
) -> None:
    page = visit(browser, report, width=706).page  # an A4 page between its margins
    page.emulate_media(media="print")
    outside = page.evaluate(
        """() => [...document.querySelectorAll(".still, .samples figcaption, .chart.wide svg")]
            .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
    )
    assert outside == []
    sizes = page.evaluate(
        """() => [...document.querySelectorAll(".notes, .notes p, figcaption")]
            .map((one) => getComputedStyle(one).fontSize)"""
    )
    in_samples = "8px"  # 6pt, under a picture
    assert set(sizes) <= {"10.6667px", in_samples}
    assert page.locator(".samples small").filter(visible=True).count() == 0


def test_the_default_study_prints_on_twelve_pages(browser: Browser) -> None:
    page = visit(browser, EXAMPLE).page
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", printed)
    assert 4 < len(pages) <= 12


# ---- for every reader ---------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_axe_finds_no_violation(browser: Browser, report: Path, width: int, scheme: Any) -> None:
    axe = pytest.importorskip("axe_core_python")
    page = visit(browser, report, width=width, color_scheme=scheme).page
    page.fill("#map-search", "image/")
    page.locator("#map-search").press("Enter")
    page.locator("#map-drawn figure").first.wait_for()
    page.locator("#decode").scroll_into_view_if_needed()
    page.wait_for_selector("#decode[data-ready]")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []


# ---- edges --------------------------------------------------------------------------------------


def test_labels_that_are_markup_do_nothing(browser: Browser, tmp_path: Path) -> None:
    labels = [HOSTILE if i < 10 else LONG for i in range(20)]
    ids = [f"{HOSTILE}{LONG}{i}" for i in range(20)]
    folder = build(tmp_path / "s", labels=labels, ids=ids, skipped={"training": HOSTILE})
    for table, columns in GIVEN.items():
        given = study_folder.open_study(folder).result(table)
        values = {name: [f"{HOSTILE}{cell}" for cell in given[name]] for name in columns}
        path = folder / "results" / f"{table}.csv"
        given.assign(**values).to_csv(path, index=False)
    reseal(folder)
    study_manifest.rename(folder, HOSTILE)
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
    assert seen.complaints == []


def test_without_scripts_the_page_is_still_read(browser: Browser, report: Path) -> None:
    page = visit(browser, report, java_script_enabled=False).page
    assert page.locator(".static-map").is_visible()
    assert page.locator("#map-canvas, #map-search, #theme").filter(visible=True).count() == 0
    shown = [
        name
        for name in SECTIONS
        if all((report.parent / f).is_file() for f in get_section(name).needs)
    ]
    assert page.locator("main > section").count() == len(shown)
    assert page.locator(".chart.wide").first.is_visible()
