"""Where the numbers come from, and how to reproduce them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from repviz.report.html import Markup, join, tag
from repviz.report.parts import scrolling
from repviz.report.private import command_without_folders, without_folders
from repviz.report.sections import Content, Section
from repviz.study_folder import Study


def render(study: Study) -> Content | None:
    """The command, the parameters, the stages with their files and hashes, the versions."""
    manifest = study.manifest
    images = manifest["images"]
    about = {
        "images": f"{images['name']}, key {images['key'][:16]}",
        "credit": images["credit"],
        "study key": manifest["key"],
        **{f"machine, {name}": value for name, value in manifest.get("machine", {}).items()},
    }
    body = join(
        [
            *([_command(manifest)] if manifest.get("command") else []),
            _pairs(about),
            _folded("Parameters", _pairs(manifest["parameters"])),
            _folded("Stages and files", _stages(manifest.get("stages", {}))),
            _folded("Versions", _pairs(manifest.get("versions", {}))),
        ]
    )
    return Content(
        body,
        reading="The command, run again with these versions on a machine of this kind, writes the "
        "same tables. Every number of this page is in one of the files, which are listed with "
        "their SHA-256 hashes. Files that are named here lie in the study’s folder: a page that is "
        "passed on alone comes without them.",
        limits="Times stand in manifest.json alone: the page does not depend on when it was made. "
        "Other versions of the packages, or another processor, may change the last "
        "digits, and through them the result of a training.",
    )


def _command(manifest: Mapping[str, Any]) -> Markup:
    written = command_without_folders(str(manifest.get("command", "")))
    copy = tag("button", "Copy", type="button", class_="copy", data_copy="command")
    return tag("div", tag("pre", tag("code", written, id="command"), tabindex=0), copy)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _folded(title: str, content: Markup) -> Markup:
    return tag("details", tag("summary", title), content, class_="numbers")


def _pairs(values: Mapping[str, Any]) -> Markup:
    lines = [
        [
            tag("dt", name),
            tag("dd", without_folders(_written(value))),
        ]
        for name, value in values.items()
    ]
    return tag("dl", lines, class_="pairs")


def _stages(stages: Mapping[str, Any]) -> Markup:
    head = tag(
        "tr",
        [tag("th", title, scope="col") for title in ("stage", "file", "SHA-256, first 16 digits")],
    )
    rows = []
    for name, stage in stages.items():
        files = list(stage.get("files", {}).items()) or [("", "")]
        for place, (path, digest) in enumerate(files):
            stage_cell = tag("td", name if place == 0 else "")
            file_cells = [tag("td", tag("code", text)) for text in (path, digest[:16])]
            rows.append(tag("tr", stage_cell, file_cells))
    return scrolling(tag("table", tag("thead", head), tag("tbody", rows)), "Stages")


SECTION = Section(
    title="Provenance",
    short="Provenance",
    stage="provenance",
    render=render,
)
