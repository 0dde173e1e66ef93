"""Probes of codes: the label and known factors predicted from them, and their dimension."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, missing, plain, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import Column, chart, field, interval, numbers_of, warnings
from repviz.report.sections import Content, Section
from repviz.report.sections.sweep import engine_keys
from repviz.study_folder import Study, records

TABLES = {
    "code_probes": (
        "engine engine_title engine_label colour_role bottleneck probe score low high n chance"
    ),
    "code_dimension": (
        "engine engine_label bottleneck dimension low high calibrated calibrated_low "
        "calibrated_high n groups warnings"
    ),
}

_PROBES = (
    field("probe", "probe", text),
    field("code of", "engine_label", text),
    Column("size", lambda row: _size(row)),
    field("score", "score", plain),
    interval("95 % interval", "low", "high", plain),
    field("chance", "chance", plain),
    field("n test", "n", count),
)
_DIMENSIONS = (
    field("code of", "engine_label", text),
    Column("size", lambda row: _size(row)),
    field("calibrated dimension", "calibrated", plain),
    interval("95 % interval", "calibrated_low", "calibrated_high", plain),
    field("raw", "dimension", plain),
    interval("95 % sampling interval", "low", "high", plain),
    field("n", "n", count),
)


def render(study: Study) -> Content | None:
    """Probes and dimension of the codes against their size, beside those of the images."""
    probes, dimensions = (
        study.result("code_probes", TABLES["code_probes"]),
        study.result("code_dimension", TABLES["code_dimension"]),
    )
    if probes.empty and dimensions.empty:
        return None
    grouped = len(dimensions) and (dimensions["groups"] < dimensions["n"]).any()
    parts: list[Markup | None] = []
    if len(probes):
        alt = "Score of each probe against the size of the code."
        caption = "Read off the codes of test images; the dotted line is the original images."
        parts += [
            chart("code_probes", probes, caption=caption, alt=alt, keys=engine_keys(probes)),
            numbers_of("results/code_probes.csv", probes, _PROBES),
        ]
    if len(dimensions):
        names = [
            row["engine_label"] + ("" if missing(row["bottleneck"]) else f" {_size(row)}")
            for row in records(dimensions)
        ]
        parts += [
            tag("h3", "Degrees of freedom of the codes, beside those of the images"),
            warnings(names, dimensions["warnings"]),
            numbers_of("results/code_dimension.csv", dimensions, _DIMENSIONS),
        ]
    return Content(
        join(parts),
        reading="Same label nearest: how often the nearest other test image, by code, shows the "
        "same label. A factor’s score is R², the share of its variance that a ridge fit from the "
        "training codes reads off test codes. What scores high at a small size already is among "
        "the first that the code holds.",
        limits="A linear reader may miss what a code keeps in a curved way. The dimension is "
        "TwoNN’s, over at most 4,000 rows, training rows included; of k numbers it is at most k. "
        "The interval of the raw value holds sampling error alone; that of the calibrated one "
        "also the model error, as far as twelve reference families of known dimension show it."
        + (f" Both resample {study.nouns.units}, not images." if grouped else ""),
    )


def _size(row: dict[str, Any]) -> str:
    return "image" if missing(row["bottleneck"]) else count(row["bottleneck"])


SECTION = Section(
    title="What can be decoded from the codes",
    short="Probing the codes",
    stage="code_probes",
    needs=(
        "results/code_probes.csv",
        "results/code_dimension.csv",
    ),
    tables=TABLES,
    render=render,
)
