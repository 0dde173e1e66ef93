"""Random images in a report: on the explorer's map, in a figure, and their distances in a table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browsing import picture, visit
from playwright.sync_api import Browser
from study_folder import build

from repviz.figures import draw
from repviz.report.blocks import read_block
from repviz.report.map_data import SPAN
from repviz.report.page import write_report
from repviz.report.sections import get_section
from repviz.study_folder import open_study

pytestmark = pytest.mark.slow

REPORT_BYTES = 90_000  # of the page's style sheet and scripts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build(tmp_path_factory.mktemp("random") / "study")
    write_report(folder)
    return folder


def test_a_mark_stands_where_a_dot_with_its_coordinates_would(folder: Path) -> None:
    study = open_study(folder)
    page = study.report.read_text(encoding="utf-8")
    words, points = (read_block(page, f"map-{name}") for name in ("words", "points"))
    assert words is not None
    assert points is not None
    about = json.loads(words)
    names = [one["name"] for one in about["representations"]]
    low, high = np.frombuffer(points, np.uint8).reshape(2, -1).astype(int)
    places = (low | high << 8).reshape(len(names), 2, -1)
    table, random = study.result("map"), study.result("random_map")
    for view, name in enumerate(names):
        own = random[random["representation"] == name]
        marks = np.array(about["random"][view]).reshape(-1, 3)
        assert len(marks) == len(own)
        if not len(own):
            continue
        assert marks[:, 2].tolist() == own["accepted"].astype(int).tolist()
        dots = table[table["representation"] == name]
        for axis, column in enumerate("xy"):  # one scale and shift for dots and marks
            scale, shift = np.polyfit(dots[column], places[view, axis], 1)
            wanted = (scale * own[column].to_numpy() + shift).clip(0, SPAN)
            np.testing.assert_allclose(marks[:, axis], wanted, atol=2)
    assert {name for name, marks in zip(names, about["random"], strict=True) if marks} == set(
        random["representation"]
    )


def test_the_figure_draws_every_image_and_every_mark(folder: Path) -> None:
    study = open_study(folder)
    random = study.result("random_map")
    kinds = np.where(random["accepted"], "random, accepted", "random, refused")
    dots = study.result("map").assign(kind="image")
    rows = dots[dots["representation"] == "pixels"]
    figure = draw(
        "random_map", random.assign(kind=kinds).pipe(lambda random: pd.concat([rows, random]))
    )
    for axes in figure.axes:
        drawn = sum(len(line.get_xdata()) for line in axes.lines)
        own = (random["representation"] == axes.get_title(loc="left")).sum()
        assert drawn == own + (len(rows) if axes.get_title(loc="left") == "pixels" else 0)


def test_the_section_says_that_places_are_interpolated_and_how_far_away_they_are(
    folder: Path,
) -> None:
    content = get_section("random_map").render(open_study(folder))
    assert content is not None
    assert (
        "in pixels, “uniform pixels” lie at 5.25 times that distance (median of 12 images)"
    ) in str(content.reading)
    assert "always drawn between faces, however far from all of them it lies" in str(content.limits)


@pytest.mark.browser
@pytest.mark.slow
def test_the_marks_are_on_the_maps_that_have_them_alone(browser: Browser, folder: Path) -> None:
    page = visit(browser, folder / "report.html").page
    views = page.locator("#map-views button")
    names = views.all_inner_texts()

    def colours(name: str) -> set[int]:
        views.nth(names.index(name)).click()
        picture(page)
        return set(
            page.evaluate(
                """() => {
                    const one = document.getElementById("map-canvas");
                    const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
                    return [...new Set(new Uint32Array(data.buffer))];
                }"""
            )
        )

    page.get_by_role("button", name="Names").click()
    ink = 0xFF1E2123  # of the page's ink, #23211e, as the canvas holds it
    assert ink in colours("pixels")
    assert "✕ random image that the judges refuse" in page.locator("#map-note").inner_text()
    assert ink not in colours("trained fc7")
    assert "random" not in page.locator("#map-note").inner_text()


def test_style_sheet_and_scripts_stay_small() -> None:
    assets = Path(__file__).parents[1] / "repviz" / "report" / "assets"
    assert sum(path.stat().st_size for path in assets.iterdir()) <= REPORT_BYTES
