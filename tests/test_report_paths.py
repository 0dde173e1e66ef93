"""The strips of paths in a report: what stands under each step, and what the title claims."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from report_pages import changed
from study_folder import build, reseal

from repviz import figures
from repviz.report.sections import Content, get_section
from repviz.study_folder import open_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("paths") / "study")


def content(folder: Path) -> Content:
    found = get_section("paths").render(open_study(folder))
    assert found is not None
    return found


def without(study: Path, to: Path, table: str, column: str, value: str) -> Path:
    """A copy of the study without the rows of a table in which a column has a value."""
    shutil.copytree(study, to)
    path = to / "results" / f"{table}.csv"
    rows = pd.read_csv(path, keep_default_na=False)
    rows[rows[column] != value].to_csv(path, index=False)
    reseal(to)
    return to


def test_every_step_has_its_distance_and_its_verdict_as_mark_word_and_frame(study: Path) -> None:
    body = content(study).body
    steps = open_study(study).result("paths")
    shown = re.findall(r"<figure( class=\"accepted\")?><img (.*?)><figcaption>(.*?)</fig", body)
    assert len(shown) == len(steps)
    for row, (frame, attributes, words) in zip(steps.to_dict("records"), shown, strict=True):
        assert bool(frame) == row["accepted"] == words.startswith("✓") != words.startswith("✕")
        assert ("accepted," in attributes) == row["accepted"] != ("refused," in attributes)
        assert f"{row['distance']:.2g}" in words
        assert f"step {row['step'] + 1} of 4" in attributes


def test_a_walk_names_its_images_and_how_much_longer_it_is(study: Path) -> None:
    body = content(study).body
    names = open_study(study).result("images")["id"]
    assert f"by graph, step 3 of 4: {names[2]}: accepted, 0.10 from the nearest known" in body
    assert "2.50 times the straight line" in body
    assert "1.05 times the straight line" in body  # what the code's path is
    assert "1.00 times" not in body


def test_the_figure_has_a_dot_per_accepted_and_a_cross_per_refused_step(study: Path) -> None:
    steps = open_study(study).result("paths")
    panels = figures.draw("paths", steps).axes
    assert len(panels) == 4
    for axes, (_, own) in zip(panels, steps.groupby("path", sort=False), strict=True):
        for marker, accepted in (("o", True), ("x", False)):
            (marks,) = [line for line in axes.lines if line.get_marker() == marker]
            assert list(marks.get_ydata()) == list(own.loc[own["accepted"] == accepted, "distance"])


# ---- edges ---------------------------------------------------------------------------------------


def test_without_a_walk_it_says_so_in_one_sentence(study: Path, tmp_path: Path) -> None:
    body = content(without(study, tmp_path / "s", "paths", "path", "graph")).body
    assert (
        "No walk through known faces joins the two: in the graph of nearest neighbours they lie in "
        "different parts."
    ) in body
    assert "all its steps are real" not in body


def test_without_codes_nothing_is_said_of_them(study: Path, tmp_path: Path) -> None:
    folder = without(study, tmp_path / "a", "path_midpoints", "kind", "code")
    folder = without(folder, tmp_path / "b", "path_midpoints", "kind", "decoded")
    found = content(folder)
    assert found.title == "Halfway between two faces 12 of 20 mixtures of pixels are accepted"
    assert "Decoding" not in str(found.reading)


def test_people_are_known_where_every_two_of_them_make_one_pair(
    study: Path, tmp_path: Path
) -> None:
    found = content(changed(study, tmp_path / "a", "path_midpoints", n=100, groups=100))
    assert "100 pairs of faces of 100 pairs of people, drawn at random" in found.body
    assert "Their intervals count each pair of people as one draw." in str(found.limits)
    found = content(changed(study, tmp_path / "b", "path_midpoints", people_known=False))
    assert "20 pairs of faces, drawn at random" in found.body
    assert "Their intervals count each pair as one draw." in str(found.limits)


def test_how_a_known_step_is_judged(study: Path, tmp_path: Path) -> None:
    assert (
        "those that the judges know are judged as if unseen: by judges fitted without a fifth of "
        "the people, theirs among them. The distance under them is to the nearest face of another "
        "person; these judges compare with the other four fifths alone."
    ) in content(study).body
    found = content(changed(study, tmp_path / "s", "path_midpoints", people_known=False))
    assert (
        "by judges fitted without a fifth of the faces, these among them. The distance under "
        "them is to the nearest other face; these judges compare with the other four fifths alone."
    ) in found.body


def test_nothing_is_called_shaded_where_the_distance_has_no_limit(
    study: Path, tmp_path: Path
) -> None:
    shaded = "known face; shaded: the distances that all judges together accept."
    assert shaded in content(study).body
    bounds = {"distance_limit_low": 0.0, "distance_limit_high": "inf"}
    body = content(changed(study, tmp_path / "s", "paths", **bounds)).body
    assert "Distance of each step to the nearest known face.<" in body
    assert "shaded" not in body


# ---- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-0.7, -0.3, "difference −50.0 points [−70.0, −30.0]"),
        (-0.9, 0.1, "no difference is shown: −50.0 points [−90.0, +10.0]"),
        ("", "", "no interval can be given for the difference"),
    ],
)
def test_the_title_claims_no_more_than_its_interval(
    low: object, high: object, words: str, study: Path, tmp_path: Path
) -> None:
    ends = {"difference_low": low, "difference_high": high}
    found = content(changed(study, tmp_path / "s", "path_midpoints", **ends))
    assert found.title == (
        f"Halfway between two faces 12 of 20 mixtures of pixels are accepted, 2 of 20 of codes "
        f"({words}); of faces merely decoded 8 of 40"
    )
