"""Every section of a report: what it needs and says, and what happens to damaged files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import shown, written
from study_folder import build, reseal

from repviz import study_folder as reading
from repviz.errors import Damaged, InputError, Mismatch
from repviz.report.map_data import map_data
from repviz.report.page import write_report
from repviz.report.sections import SECTIONS, get_section


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("page") / "study")


# ---- contract over the family -------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SECTIONS if name != "findings"])
def test_every_section_says_how_to_read_it_and_what_it_cannot_show(name: str, study: Path) -> None:
    content = get_section(name).render(reading.open_study(study))
    assert content is not None
    for words in (content.reading, content.limits):
        assert isinstance(words, str)
        assert 60 < len(words) < 600
        assert words.endswith(".")


@pytest.mark.parametrize(
    ("name", "table"), [(name, table) for name in SECTIONS for table in get_section(name).tables]
)
def test_every_section_needs_each_column_that_it_declares(
    name: str, table: str, study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "s"
    shutil.copytree(study, folder)
    path = folder / "results" / f"{table}.csv"
    section = get_section(name)
    lost = section.tables[table].split()[-1]
    pd.read_csv(path).drop(columns=lost).to_csv(path, index=False)
    reseal(folder)
    with pytest.raises(Damaged) as caught:
        section.render(reading.open_study(folder))
    assert str(caught.value) == (
        f"{path}: this table lacks the column {lost}. Run the study again in a new folder."
    )


@pytest.mark.slow
def test_a_section_is_one_file_and_one_line(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text("")
    (tmp_path / "toy" / "count.py").write_text(
        "from repviz.report.html import tag\n"
        "from repviz.report.sections import Content, Section\n"
        "def render(study):\n"
        "    table = study.result('images', 'row')\n"
        "    return Content(tag('p', f'{len(table)} toys'))\n"
        "SECTION = Section('Toys', 'Toys', 'images', render, tables={'images': 'row'})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(SECTIONS, "toys", "toy.count:SECTION")
    read = written(study)
    assert shown(read)[-1] == "toys"
    assert "<p>20 toys</p>" in read
    assert '<li><a href="#toys">Toys</a></li>' in read


# ---- messages -----------------------------------------------------------------------------------


def test_a_folder_that_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_report(tmp_path)
    assert str(caught.value) == (
        f"open_study: {tmp_path} must be a study folder, got no manifest.json in it. Create one: "
        "repviz study."
    )


def test_a_manifest_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": "repviz study", "version": 9}')
    with pytest.raises(Mismatch) as caught:
        write_report(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: a study must have format version 3, got 9. Use the release that wrote it."
    )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{'descr'"])
def test_an_array_that_cannot_be_read(content: bytes, study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    shutil.copytree(study, folder)
    path = folder / "arrays" / "ladder.npy"
    path.write_bytes(content)
    reseal(folder)
    with pytest.raises(Damaged) as caught:
        reading.open_study(folder).array("ladder")
    assert str(caught.value) == (
        f"{path}: this array cannot be read. Run the study again in a new folder."
    )


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"1'])
def test_a_table_that_cannot_be_read(content: bytes, study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    shutil.copytree(study, folder)
    path = folder / "results" / "sweep.csv"
    path.write_bytes(content)
    reseal(folder)
    with pytest.raises(Damaged) as caught:
        reading.open_study(folder).result("sweep")
    assert str(caught.value) == (
        f"{path}: this table cannot be read. Run the study again in a new folder."
    )


def test_of_many_neighbours_a_page_holds_the_nearest(study, monkeypatch):
    opened = reading.open_study(study)
    whole = map_data(opened).neighbors
    views, n, _ = whole.shape
    monkeypatch.setattr("repviz.report.map_data.MOST_NEIGHBORS", views * n * 4)
    assert np.array_equal(map_data(opened).neighbors, whole[:, :, :4])
    monkeypatch.setattr("repviz.report.map_data.MOST_NEIGHBORS", views * n * 3 - 1)
    assert map_data(opened).neighbors.shape == (views, n, 0)
    content = get_section("map").render(opened)
    assert "The page lists no nearest neighbours" in str(content.body)
