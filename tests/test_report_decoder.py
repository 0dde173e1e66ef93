"""The decoders of a sweep in a real Chromium, compared with the study's own network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browsing import settle, visit
from playwright.sync_api import Browser, Page

import repviz
from repviz.models import autoencoder, open_model
from repviz.study_folder import Study

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIZES = (2, 5, 12)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return repviz.sweep(
        "drawn-faces:80",
        size=24,
        bottlenecks=SIZES,
        engines=["linear-start"],
        setup=repviz.SweepSetup(effort=0.05),
        out=tmp_path_factory.mktemp("decoder") / "study",
    )


def opened(browser: Browser, study: Study, **options: object) -> Page:
    seen = visit(browser, study.report, ready="main", **options)
    seen.page.locator("#decode").scroll_into_view_if_needed()
    seen.page.wait_for_selector("#decode[data-ready]")
    assert seen.complaints == []
    return seen.page


def canvas(page: Page, name: str) -> np.ndarray:
    """The grey levels of a canvas, 0 to 255."""
    settle(page)
    data = page.evaluate(
        """(name) => {
            const one = document.getElementById(name);
            return [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data];
        }""",
        f"decode-{name}",
    )
    return np.array(data, dtype=float)[::4]


def said(page: Page, name: str = "said") -> str:
    settle(page)
    return page.locator(f"#decode-{name}").inner_text()


def set_size(page: Page, place: int) -> None:
    page.locator("#decode-size").fill(str(place))
    settle(page)


def test_the_page_decodes_as_the_network_does(browser: Browser, study: Study) -> None:
    page = opened(browser, study)
    shown = page.locator("#decode-image option").count()
    rows = study.array("decoder_rows")[:shown]
    X = study.array("thumbnails")[rows].reshape(shown, -1) / np.float32(255)
    for place, k in enumerate(SIZES):
        weights = str(study.folder / f"models/linear-start-{k}.safetensors")
        module = open_model("autoencoder", weights=weights).module
        expected = 255 * autoencoder.reconstruct(module, X)
        set_size(page, place)
        for image in range(shown):
            page.select_option("#decode-image", index=image)
            assert np.abs(canvas(page, "drawn") - expected[image]).max() <= 2


def test_the_pca_panel_is_the_best_linear_reconstruction(browser: Browser, study: Study) -> None:
    page = opened(browser, study)
    weights = str(study.folder / f"models/linear-start-{SIZES[-1]}.safetensors")
    module = open_model("autoencoder", weights=weights).module
    mean, basis = module.mean.numpy(), module.basis.numpy()
    row = study.array("decoder_rows")[0]
    x = study.array("thumbnails")[row].ravel() / 255 - mean
    for place, k in enumerate(SIZES):
        set_size(page, place)
        expected = np.clip(mean + x @ basis[:k].T @ basis[:k], 0, 1) * 255
        assert np.abs(canvas(page, "pca") - expected).max() <= 2
        error = np.square(expected / 255 - x - mean).mean()
        assert float(said(page, "pca-said").rpartition(" ")[2]) == pytest.approx(error, rel=0.01)


@pytest.mark.parametrize("button", ["pixels", "code"])
def test_a_random_point_has_its_nearest_image_and_verdict(
    button: str, browser: Browser, study: Study
) -> None:
    page = opened(browser, study)
    page.locator(f"#decode-{button}").click()
    point = canvas(page, "given" if button == "pixels" else "drawn") / 255
    shown = page.locator("#decode-image option").count()
    rows = study.array("decoder_rows")[shown:]
    known = study.array("thumbnails")[rows].reshape(len(rows), -1) / 255
    distances = np.sqrt(np.square(known - point).mean(axis=1))
    images = study.result("images").set_index("row")["id"]
    nearest = images[rows[distances.argmin()]]
    assert said(page, "near-said") == f"Nearest known drawn face, {nearest}"
    assert float(said(page).split()[0]) == pytest.approx(distances.min(), rel=0.02)
    if button == "pixels":
        assert "farther than a real drawn face" in said(page)
    assert page.locator("#decode-pca").is_hidden()
    before = canvas(page, "given" if button == "pixels" else "drawn")
    page.locator(f"#decode-{button}").click()
    assert (canvas(page, "given" if button == "pixels" else "drawn") != before).any()


def test_a_slider_moves_the_code_and_reset_brings_it_back(browser: Browser, study: Study) -> None:
    page = opened(browser, study)
    at_first, words = canvas(page, "drawn"), said(page, "drawn-said")
    sliders = page.locator("#decode-sliders input")
    assert sliders.count() == 6
    sliders.nth(0).focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert (canvas(page, "drawn") != at_first).any()
    assert said(page, "drawn-said") == f"Autoencoder, {SIZES[-1]} numbers, moved"
    page.locator("#decode-reset").click()
    assert (canvas(page, "drawn") == at_first).all()
    assert said(page, "drawn-said") == words


def test_sizes_are_chosen_by_key_and_named(browser: Browser, study: Study) -> None:
    page = opened(browser, study, width=390)
    page.locator("#decode-size").focus()
    page.keyboard.press("ArrowLeft")
    assert said(page, "size-said") == f"{SIZES[-2]} numbers"
    assert page.locator("#decode-size").get_attribute("aria-valuetext") == f"{SIZES[-2]} numbers"
    assert page.locator("#decode-sliders input").count() == SIZES[-2]


def test_without_scripts_a_strip_stands_there(browser: Browser, study: Study) -> None:
    page = visit(browser, study.report, java_script_enabled=False).page
    assert page.locator("#decode").is_hidden()
    assert page.locator(".still img").filter(visible=True).count() == 1 + len(SIZES)


def test_an_engine_without_a_small_decoder_is_left_out_with_the_reason(tmp_path: Path) -> None:
    made = repviz.sweep(
        "drawn-faces:60", size=16, bottlenecks=2, engines=["pca"], out=tmp_path / "study"
    )
    sentence = (
        "No decoder runs in this page: a page can hold the decoders of linear-start and prefix "
        "only, and neither is swept."
    )
    assert sentence in made.report.read_text(encoding="utf-8")
