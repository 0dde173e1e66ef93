"""The figures of a report as files: SVG, PDF and PNG, and the numbers that each draws as CSV."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from repviz import checks, durable, figures, seals
from repviz.errors import StoreError
from repviz.figures.files import save_files
from repviz.report.html import Markup
from repviz.report.parts import Chart, charts_drawn
from repviz.report.sections import SECTIONS, get_section
from repviz.spreadsheets import without_formulas
from repviz.study_folder import Study, open_study

INDEX = "figures.csv"
VOID = ("img", "input", "meta", "br", "hr", "col")


def write_figures(study_folder: str | Path, out: str | Path) -> list[Path]:
    """The paths of the files that hold every figure of a study's report.

    Each chart is written as ``SECTION-figure-NN`` with the endings ``.svg``, ``.pdf``, ``.png`` and
    ``.csv``, the table that it draws; NN is its number in the report. Of a figure that is made of
    pictures, each picture is written as the report holds it (PNG or JPEG), and the ``.csv`` says
    what each shows: file, shows. ``figures.csv`` lists all with their captions. The same results
    give the same bytes; ``repviz.verify(out)`` checks them.

    Parameters
    ----------
    study_folder : path
        A study.
    out : path
        A new folder, or one that an earlier call wrote.

    Raises
    ------
    InputError
        ``study_folder`` is no study folder.
    StoreError
        ``out`` holds other files.
    """
    study = open_study(study_folder)
    out = checks.path("write_figures", "out", out)
    _clear(out)
    out.mkdir(parents=True, exist_ok=True)
    written, rows, number = [], [], 0
    for name in SECTIONS:
        section = get_section(name)
        if not study.has(*section.needs) or name in study.manifest["skipped"]:
            continue
        for one in _figures_of(name, study):
            number += 1
            files = _write(one, out / f"{name}-figure-{number:02d}")
            written += files
            rows.append(
                {
                    "figure": number,
                    "section": name,
                    "files": " ".join(path.name for path in files),
                    "caption": one.caption,
                }
            )
    index = pd.DataFrame(rows, columns=["figure", "section", "files", "caption"])
    _write_csv(index, out / INDEX)
    seals.write_card(out, {"study": study.manifest["study"], "results": study.results_key})
    return [*written, out / INDEX]


@dataclass
class _Figure:
    """A figure of a section, as it is found in its markup."""

    caption: str = ""
    chart: Chart | None = None
    pictures: list[tuple[str, str]] = field(default_factory=list)  # data URI, what it shows


class _Reader(HTMLParser):
    """The figures at the top of a section, which are those that the report counts."""

    def __init__(self, body: Markup, charts: list[Chart]) -> None:
        super().__init__()
        self.figures: list[_Figure] = []
        self._charts, self._open = iter(charts), list[str]()
        self.feed(body)
        self.close()

    @property
    def _inside(self) -> bool:
        return bool(self._open) and self._open[0] == "figure"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "figure" and not self._open:
            self.figures.append(_Figure())
        elif self._inside and named.get("class") == "chart wide":
            self.figures[-1].chart = next(self._charts)
        elif self._inside and tag == "img" and str(named.get("src")).startswith("data:image/"):
            self.figures[-1].pictures.append((str(named["src"]), named.get("alt") or ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open[:2] == ["figure", "figcaption"]:
            self.figures[-1].caption += data.replace("\N{NO-BREAK SPACE}", " ")


def _figures_of(name: str, study: Study) -> list[_Figure]:
    with charts_drawn() as charts:
        content = get_section(name).render(study)
    return [] if content is None else _Reader(content.body, charts).figures


def _write(figure: _Figure, stem: Path) -> list[Path]:
    if figure.chart is not None:
        drawn = figures.draw(figure.chart.kind, figure.chart.rows)
        table = stem.with_name(f"{stem.name}.csv")
        _write_csv(figure.chart.rows, table)
        return [*save_files(drawn, stem), table]
    files, shows = [], []
    for place, (picture, words) in enumerate(figure.pictures, 1):
        about, _, content = picture.partition(",")
        ending = about.removeprefix("data:image/").partition(";")[0].replace("jpeg", "jpg")
        path = stem.with_name(f"{stem.name}-picture-{place:02d}.{ending}")
        durable.write_bytes(path, base64.b64decode(content))
        files.append(path)
        shows.append({"file": path.name, "shows": words})
    if not files:
        return []
    table = stem.with_name(f"{stem.name}.csv")
    _write_csv(pd.DataFrame(shows), table)
    return [*files, table]


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    text = without_formulas(table).to_csv(index=False, float_format="%.8g", lineterminator="\n")
    durable.write_text(path, text)


def _clear(out: Path) -> None:
    """Remove what an earlier call wrote; refuse a folder that holds anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not seals.card_path(out).is_file() or any(path.is_dir() for path in out.iterdir()):
        raise StoreError(
            f"{out}: figures need a folder of their own, and this one contains other files. Choose "
            "another folder."
        )
    seals.check_card(out)
    for path in out.iterdir():
        path.unlink()
