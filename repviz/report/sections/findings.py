"""The study's findings, one sentence each."""

from __future__ import annotations

from repviz.report.html import Markup, tag
from repviz.report.sections import SECTIONS, Content, Section, get_section
from repviz.study_folder import Study, records

TABLES = {
    "findings": "order section sentence",
}


def render(study: Study) -> Content | None:
    """One list entry per finding, with a link to the section that shows it."""
    findings = study.result("findings", TABLES["findings"]).sort_values("order")
    if findings.empty:
        return None
    entries = [tag("li", row["sentence"], " ", _link(row["section"])) for row in records(findings)]
    has_brackets = findings["sentence"].str.contains("[", regex=False).any()
    reading = "Numbers in square brackets are 95 % intervals." if has_brackets else ""
    return Content(tag("ol", entries, class_="sentences"), reading)


def _link(section: str) -> Markup | None:
    if section not in SECTIONS or section == "findings":
        return None
    return tag("a", get_section(section).short, href=f"#{section}", class_="more")


SECTION = Section(
    title="Main findings",
    short="Findings",
    stage="findings",
    needs=("results/findings.csv",),
    tables=TABLES,
    render=render,
)
