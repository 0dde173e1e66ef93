"""The explorer in a notebook: one frame that holds all, and a selection that comes back."""

from __future__ import annotations

from html import unescape

import numpy as np
import pytest
from study_folder import build

import repviz
from repviz.errors import InputError, Mismatch
from repviz.report.notebook import Explorer


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return repviz.open_study(build(tmp_path_factory.mktemp("notebook") / "study"))


@pytest.fixture(scope="module")
def shown(study):
    return study.show(height=700)


def test_the_frame_holds_the_page_and_may_not_reach_the_notebook(shown):
    frame = shown._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert frame.count("<") == frame.count("</") + 1  # nothing of the page breaks out
    assert 'sandbox="allow-scripts allow-downloads"' in frame
    assert "height: 700px" in frame
    page = unescape(frame.split('srcdoc="')[1].split('" title=')[0])
    assert page == shown.page
    assert "default-src &#x27;none&#x27;" in page
    assert 'id="map"' in page
    assert 'id="ladder"' not in page


def test_the_same_study_gives_the_same_page(study, shown):
    assert study.show(height=700) == shown


def test_a_study_without_a_map_and_a_frame_too_low_are_refused(study, tmp_path):
    bare = repviz.open_study(build(tmp_path / "s", skipped={"manifold": "there is nothing"}))
    with pytest.raises(InputError) as caught:
        bare.show()
    assert str(caught.value) == (
        f"show: the study must have a map of its images, got none in {bare.folder}. Open its "
        "report instead: study.report."
    )
    with pytest.raises(InputError, match="show: height must be a whole number at least 200"):
        study.show(height=20)


@pytest.mark.slow
def test_activations_are_mapped_where_they_lie(tmp_path):
    rng = np.random.default_rng(0)
    labels = ["odd" if row % 2 else "even" for row in range(60)]
    X = rng.normal(size=(60, 5)) + 9 * (np.arange(60) % 2)[:, None]
    acts = repviz.import_matrix(X, tmp_path / "acts", labels=labels)
    before = sorted(tmp_path.rglob("*"))
    view = acts.map(height=500)
    assert isinstance(view, Explorer)
    assert "UMAP of 60 images in 1 representations" in view.page
    assert sorted(tmp_path.rglob("*")) == before
    with pytest.raises(InputError, match="selection: link must be a report's address"):
        view.selection("nothing")
    with pytest.raises(Mismatch):
        view.selection("#map?key=000000000000&rows=AAE")
    with pytest.raises(TypeError):
        acts.map(sampel=50)


@pytest.mark.slow
@pytest.mark.browser
def test_in_a_notebook_it_is_drawn_and_its_selection_comes_back(browser, study, shown):
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.set_content(f"<!doctype html><body><p>In [1]</p>{shown._repr_html_()}</body>")
    frame = page.frame_locator("iframe")
    frame.locator("#map-canvas[data-ready]").wait_for()
    frame.locator("#map-label").select_option(label="p2")
    frame.locator("#map-link").click()
    frame.locator("#map-link", has_text="It is written above").wait_for()
    link = frame.locator("#map-said").inner_text()
    chosen = repviz.selection(study.show(), link)
    assert chosen["label"].tolist() == ["p2"] * 4
    assert shown.selection(link).equals(chosen)
    assert complaints == []
    assert [url for url in requests if url.startswith("http")] == []
