"""The figures of a report as files: every one, with its numbers, the same bytes each time."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest
from study_folder import build

import repviz
from repviz.errors import Damaged, StoreError
from repviz.seals import card_path

pytestmark = pytest.mark.slow

FORMATS = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("figures") / "study")
    repviz.write_report(folder)
    return folder


@pytest.fixture(scope="module")
def out(study):
    path = study.parent / "out"
    repviz.write_figures(study, path)
    return path


def test_every_chart_of_the_page_is_there_in_three_formats_with_its_numbers(study, out):
    page = (study / "report.html").read_text(encoding="utf-8")
    charts = [path.stem for path in sorted(out.glob("*.svg"))]
    assert len(charts) == page.count('class="chart wide"') > 12
    for stem in charts:
        for ending, start in FORMATS.items():
            assert (out / f"{stem}{ending}").read_bytes().startswith(start)
        assert not pd.read_csv(out / f"{stem}.csv").empty
    drawn = pd.read_csv(next(out.glob("similarity-figure-*.csv"))).fillna({"warnings": ""})
    stored = repviz.open_study(study).result("similarity")
    pd.testing.assert_frame_equal(drawn, stored)


def test_figures_are_numbered_as_the_page_counts_them(study, out):
    page = (study / "report.html").read_text(encoding="utf-8")
    index = pd.read_csv(out / "figures.csv", keep_default_na=False)
    assert index["figure"].tolist() == list(range(1, len(index) + 1))
    for row in index.itertuples():
        assert row.caption
        for name in row.files.split():
            assert re.match(rf"{row.section}-figure-{row.figure:02d}\b", name)
            assert (out / name).is_file()
    listed = {name for files in index["files"] for name in files.split()}
    assert listed | {"figures.csv"} == {path.name for path in out.iterdir()}
    sections = [
        name for name in re.findall(r'<section id="(\w+)"', page) if name in set(index["section"])
    ]
    assert list(dict.fromkeys(index["section"])) == sections


def test_the_same_study_gives_the_same_bytes_and_they_are_sealed(study, out, tmp_path):
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert repviz.verify(out) == len(before)
    again = tmp_path / "out"
    shutil.copytree(out, again)
    shutil.copy(card_path(out), card_path(again))
    repviz.build_report(study, figures=again)  # over the earlier ones
    assert {path.name: path.read_bytes() for path in again.iterdir()} == before
    (again / "figures.csv").write_text("other")
    with pytest.raises(Damaged, match=r"this file of the export was changed"):
        repviz.verify(again)


def test_a_folder_that_holds_other_files_is_refused(study, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StoreError) as caught:
        repviz.write_figures(study, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: figures need a folder of their own, and this one contains other files. "
        "Choose another folder."
    )
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_folder_with_a_folder_in_it_is_refused(study, out, tmp_path):
    again = tmp_path / "figures"
    shutil.copytree(out, again)
    shutil.copy(card_path(out), card_path(again))
    (again / "empty").mkdir()
    with pytest.raises(StoreError) as caught:
        repviz.write_figures(study, again)
    assert str(caught.value) == (
        f"{again}: figures need a folder of their own, and this one contains other files. "
        "Choose another folder."
    )
    assert (again / "figures.csv").is_file()


def test_a_table_says_what_each_picture_shows(out):
    table = pd.read_csv(next(out.glob("reconstructions-figure-??.csv")))
    assert table["file"].map(lambda name: (out / name).is_file()).all()
    assert table["shows"].str.contains("original image/").any()
    drawn = table["shows"].str.contains(r"drawn by .+ from \d+ numbers, squared error")
    assert drawn.sum() > 5


@pytest.mark.browser
def test_the_page_counts_as_many_figures(browser, study, out):
    page = browser.new_page()
    page.goto((study / "report.html").as_uri())
    index = pd.read_csv(out / "figures.csv")
    counted = page.locator(".evidence > figure").count()
    assert counted == len(index)
    for row in index.itertuples():
        inside = page.locator(f"#{row.section} .evidence > figure")
        captions = inside.locator("> figcaption").all_inner_texts()
        assert any(row.caption[:40] in one.replace("\N{NO-BREAK SPACE}", " ") for one in captions)
