"""Sentences of a report that depend on what its study has."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from study_folder import build

from repviz.nouns import indefinite
from repviz.report.html import tag
from repviz.report.page import _breakable, write_report
from repviz.report.sections.images import SECTION
from repviz.studies.layer_findings import unchanged
from repviz.study_folder import open_study


def test_a_title_may_break_after_the_colon_of_a_name_and_nowhere_else() -> None:
    assert tag("h1", _breakable("What torchvision:resnet18 holds: 3 <b>")) == (
        "<h1>What torchvision:<wbr>resnet18 holds: 3 &lt;b&gt;</h1>"
    )


def test_the_splits_name_only_the_scores_that_the_study_has(tmp_path: Path) -> None:
    folder = build(tmp_path / "s")
    rendered = SECTION.render(open_study(folder))
    assert rendered is not None
    assert rendered.reading == (
        "Every score uses held-out images. Compression is tested on images, and where there are "
        "enough people on people, that were not in training. Classification is tested on further "
        "images of the same people."
    )
    bare = build(tmp_path / "bare", skipped={"training": "no labels", "sweep": "left out"})
    rendered = SECTION.render(open_study(bare))
    assert rendered is not None
    assert rendered.reading == "Every score uses held-out images."
    assert "no labels" in write_report(bare).read_text(encoding="utf-8").lower()


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(4.0, 6.0, ""), (4.0, 6.1, " (the intervals overlap: no change is shown)")],
)
def test_a_dimension_whose_intervals_overlap_is_said_not_to_change(low, high, words) -> None:
    columns = ["dimension_calibrated_low", "dimension_calibrated_high"]
    rows = pd.DataFrame([[low, high], [6.05, 9.0]], columns=columns)
    assert unchanged(rows.iloc[0], rows.iloc[1]) == words


@pytest.mark.parametrize(("noun", "words"), [("face", "a face"), ("image", "an image")])
def test_a_noun_gets_its_article(noun, words):
    assert indefinite(noun) == words
