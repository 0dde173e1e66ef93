"""A report as its elements, tables and texts, and a study with a table changed."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
from study_folder import reseal

from repviz.report.page import write_report

HOSTILE = '</script><img src=x onerror="window.hacked=1">'


class Page(HTMLParser):
    """What stands in a page: its elements, its tables, the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[str] = []
        self._open: list[str] = []
        self._section = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.elements.append((tag, named))
        self._open.append(tag)
        if tag == "section":
            self._section = str(named["id"])
        elif tag == "script":
            self.scripts.append("")
        elif tag == "style":
            self.styles.append("")
        elif tag == "h2" and self._section:
            self.headings.append("")
        elif tag == "tr":
            self.tables.setdefault(self._section, []).append([])
        elif tag in ("td", "th") and self._section in self.tables:
            self.tables[self._section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "script":
            self.scripts[-1] += data
        elif inside == "style":
            self.styles[-1] += data
        if "h2" in self._open and self._section:
            self.headings[-1] += data
        if {"td", "th"} & set(self._open):
            self.tables[self._section][-1][-1] += data


def written(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


def shown(text: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', text)


def changed(study: Path, to: Path, table: str, **columns: object) -> Path:
    """A copy of the study in which columns of one table have other values."""
    shutil.copytree(study, to)
    path = to / "results" / f"{table}.csv"
    pd.read_csv(path, keep_default_na=False).assign(**columns).to_csv(path, index=False)
    reseal(to)
    return to
