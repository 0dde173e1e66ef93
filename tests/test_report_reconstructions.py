"""Reconstructions in a report: one image under the error curve, the others in their section."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_pages import Page, changed, written
from study_folder import build

from repviz.report.sections import get_section
from repviz.study_folder import open_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep whose four kept test images differ, two of them of median error."""
    folder = tmp_path_factory.mktemp("reconstructions")
    plain = build(folder / "plain")
    picks = ["best", "median", "median", "worst"]
    return changed(plain, folder / "study", "reconstruction_images", pick=picks)


def section(text: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">.*?</section>', text, re.S)
    assert found is not None
    return found[0]


def test_one_image_stands_under_the_error_curve_at_every_size(study: Path) -> None:
    text = section(written(study), "sweep")
    page = Page(text)
    rows = page.tables["sweep"]
    assert [row for row in rows if row[0] == "original"] == [
        ["original", "drawn by", "2", "4", "8"]
    ]
    assert text.index("chart narrow") < text.index('class="panels"') < text.index("The numbers")
    alts = [str(named["alt"]) for tag, named in page.elements if tag == "img"]
    sizes = open_study(study).result("sweep")["bottleneck"].unique()
    assert [alt.partition(", squared error")[0] for alt in alts] == [
        "original image/18",  # the last of median error
        *[f"image/18 drawn by linear-start from {size} numbers" for size in sizes],
        *[f"image/18 drawn by pca from {size} numbers" for size in sizes],
    ]
    assert "One of the 4 test faces of people not in training, reconstructed from" in text
    ranking = "by the mean error over all sizes of the linear-start autoencoder"
    assert f"Not chosen by eye: median {ranking}; where two are, the other stands" in text
    assert f"the best, median and worst {ranking}." in section(written(study), "reconstructions")


def test_the_pictures_are_those_that_the_sweep_kept(study: Path) -> None:
    kept = open_study(study).array("reconstructions")[:, 2].astype(float)
    sources = re.findall(
        r'<img src="data:image/jpeg;base64,([^"]+)"', section(written(study), "sweep")
    )
    assert len(sources) == 7
    for source, panel in zip(sources, [0, 7, 8, 9, 1, 2, 3], strict=True):
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))), dtype=float)
        assert np.abs(shown - kept[panel]).mean() < 3  # JPEG


def test_no_image_is_shown_in_both_places_where_there_are_enough(study: Path) -> None:
    text = section(written(study), "reconstructions")
    assert re.findall(r'alt="original ([^"]+)"', text) == ["image/16", "image/17", "image/19"]


def test_a_sweep_without_pictures_has_its_curve_alone(study: Path, tmp_path: Path) -> None:
    plain = build(tmp_path / "s")
    (plain / "arrays" / "reconstructions.npy").unlink()
    content = get_section("sweep").render(open_study(plain))
    assert content is not None
    assert "<img" not in content.body
