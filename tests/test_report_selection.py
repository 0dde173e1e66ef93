"""A selection in a report's address, back in Python."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from study_folder import build

import repviz
from repviz import seals
from repviz.errors import Damaged, InputError, Mismatch
from repviz.report.blocks import block, read_block
from repviz.report.page import write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(build(tmp_path_factory.mktemp("selection") / "study"))


def key(report: Path) -> str:
    words = read_block(report.read_text(encoding="utf-8"), "map-words")
    assert words is not None
    return str(json.loads(words)["key"])


def link(report: Path, *steps: int) -> str:
    """An address whose rows are runs: a gap, a length, a gap, a length (each below 128)."""
    rows = base64.urlsafe_b64encode(bytes(steps)).decode().rstrip("=")
    return f"file:///somewhere/report.html#map?key={key(report)}&view=0&rows={rows}"


@pytest.mark.parametrize(
    ("steps", "rows"),
    [((), []), ((0, 20), list(range(20))), ((2, 3, 4, 1), [2, 3, 4, 9]), ((19, 1), [19])],
)
def test_runs_are_rows(steps: tuple[int, ...], rows: list[int], report: Path) -> None:
    address = link(report, *steps) if steps else link(report) + "AAA"  # a gap of 0, a run of 0
    chosen = repviz.selection(report, address)
    assert chosen["row"].tolist() == rows
    assert chosen["id"].tolist() == [f"image/{row}" for row in rows]
    assert chosen["label"].tolist() == [f"p{row // 4}" for row in rows]
    assert chosen.equals(repviz.selection(report.parent, address[address.index("#") :]))


def test_an_address_without_a_selection(report: Path) -> None:
    with pytest.raises(InputError) as caught:
        repviz.selection(report, "report.html#map")
    assert str(caught.value) == (
        "selection: link must be a report's address with a selection, '#map?key=...&rows=...', "
        "got 'report.html#map'. Copy it from the report's address bar."
    )


def test_the_selection_of_another_report(report: Path) -> None:
    with pytest.raises(Mismatch) as caught:
        repviz.selection(report, "#map?key=abc&rows=AAE")
    assert str(caught.value) == (
        f"selection: the link must be of this report's map {key(report)}, got one of the map abc. "
        "Give the report in which the selection was made."
    )


@pytest.mark.parametrize("rows", ["A", "AA", "ABU", "gICAgICAgICAgAE", "*"])
def test_rows_that_were_changed(rows: str, report: Path) -> None:
    with pytest.raises(InputError) as caught:
        repviz.selection(report, f"#map?key={key(report)}&rows={rows}")
    assert str(caught.value) == (
        f"selection: link must hold rows below 20, got '{rows}', which is truncated or altered. "
        "Copy the address again."
    )


def test_a_file_that_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        repviz.selection(tmp_path / "none.html", "#map?key=abc&rows=AAE")
    assert str(caught.value) == (
        f"selection: report must be a report or a study folder, got {tmp_path / 'none.html'}. "
        "Write it: repviz report."
    )
    page = tmp_path / "page.html"
    seals.write_page(page, "<p>no map</p>", "key")
    with pytest.raises(InputError) as caught:
        repviz.selection(page, "#map?key=abc&rows=AAE")
    assert str(caught.value) == (
        f"selection: report must contain a map, got none in {page}. Write the report again: "
        "repviz report."
    )


def test_a_damaged_report_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(b"<p>\xff</p>")
    with pytest.raises(Damaged) as caught:
        repviz.selection(page, "#map?key=abc&rows=AAE")
    assert str(caught.value) == (
        f"{page}: this report must end with its checksum. Write it again: repviz report."
    )
    blocks = {"words": b"{}", "ids": b"[]", "labels": b""}
    seals.write_page(page, "".join(str(block(f"map-{k}", v)) for k, v in blocks.items()), "")
    with pytest.raises(Damaged) as caught:
        repviz.selection(page, "#map?key=abc&rows=AAE")
    assert str(caught.value) == (
        f"{page}: the map in this report cannot be read. Write the report again: repviz report."
    )
