"""Sentences of a report that depend on what its study has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from study_folder import build

from repviz.nouns import DIGITS, FACES, IMAGES, indefinite
from repviz.number_format import LOWER_LIMIT, exponent_above, exponent_below
from repviz.report.html import tag
from repviz.report.page import _breakable, write_report
from repviz.report.sections import get_section
from repviz.report.sections.criteria import _elbow
from repviz.report.sections.images import SECTION
from repviz.studies.layer_findings import change
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


def test_sections_speak_of_groups_where_groups_are_the_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study_folder.FACES", replace(FACES, grouped=True))
    study = open_study(build(tmp_path / "s"))
    said = {name: get_section(name).render(study) for name in ("images", "evaluation", "capacity")}
    assert said["images"].reading == (
        "Every score uses held-out images. Compression is tested on images of groups that were "
        "not in training. Classification is tested on further images of the same people."
    )
    assert said["evaluation"].limits.startswith(
        "The interval treats groups as the independent draws. It covers the sampling of images, "
    )
    assert "pairs of different groups" in str(said["capacity"].body)
    assert "pairs of one group accepted" in str(said["capacity"].body)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        # Zou and Donner's interval of 2, whose logarithm is 0.693: it reaches down by
        # sqrt(2) log 1.5 = 0.573, and up by as much.
        ((4.0, 4 / 1.5, 6.0), (8.0, 8 / 1.5, 12.0), " (2.0 times [1.1, 3.5])"),
        ((8.0, 8 / 1.5, 12.0), (4.0, 4 / 1.5, 6.0), " (0.50 times [0.28, 0.89])"),
        ((80.0, 80 / 1.5, 120.0), (4.0, 4 / 1.5, 6.0), " (0.050 times [0.028, 0.089])"),
        ((4.0, 2.0, 8.0), (8.0, 4.0, 16.0), " (2.0 times [0.75, 5.3]: no change is shown)"),
        ((4.0, 0.0, 8.0), (8.0, 4.0, 16.0), ""),
        ((4.0, 2.0, 8.0), (np.nan, np.nan, np.nan), ""),
    ],
)
def test_a_change_of_the_dimension_is_a_ratio_with_its_interval(first, last, words) -> None:
    names = [f"dimension_calibrated{end}" for end in ("", "_low", "_high")]
    none = {"dimension_warnings": ""}
    rows = [pd.Series(dict(zip(names, one, strict=True)) | none) for one in (first, last)]
    assert change(*rows) == words


def test_a_lower_limit_of_the_dimension_has_no_multiple() -> None:
    names = [f"dimension_calibrated{end}" for end in ("", "_low", "_high")]
    row = dict(zip(names, (8.0, 6.0, 12.0), strict=True)) | {"dimension_warnings": ""}
    limit = row | {"dimension_warnings": f"so {LOWER_LIMIT}."}
    assert change(pd.Series(row), pd.Series(limit)) == ""


@pytest.mark.parametrize(("noun", "words"), [("face", "a face"), ("image", "an image")])
def test_a_noun_gets_its_article(noun, words):
    assert indefinite(noun) == words


def test_nouns_fill_a_sentence():
    assert DIGITS.fill("{one}: the mean {image} of all {images}") == (
        "a digit: the mean digit of all digits"
    )
    assert IMAGES.fill("{one} and other {images}") == "an image like these and other images"


@pytest.mark.parametrize(
    ("ranges", "stable", "words"),
    [(0, False, "too few sizes to tell"), (3, False, "no elbow"), (3, True, "an elbow")],
)
def test_of_too_few_sizes_no_elbow_is_denied(ranges, stable, words) -> None:
    assert _elbow({"ranges": ranges, "stable": stable}) == words


@pytest.mark.parametrize(
    ("value", "below", "above"),
    [
        (-1206.96, "−1,207.0", "−1,206.9"),
        (-1191.8, "−1,191.8", "−1,191.8"),
        (-0.5, "−0.5", "−0.5"),
        (-np.inf, "−∞", "−∞"),
    ],
)
def test_a_bound_is_rounded_to_the_side_on_which_it_holds(value, below, above):
    assert (exponent_below(value), exponent_above(value)) == (below, above)
