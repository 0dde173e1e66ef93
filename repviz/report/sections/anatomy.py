"""The parameters and the computation of each layer."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, percent, text
from repviz.report.html import join
from repviz.report.parts import chart, field, numbers_of
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "anatomy": (
        "layer kind kernel stride input output formula towers parameters_formula parameters "
        "neurons multiply_adds "
        "share_parameters share_multiply_adds"
    ),
}

PAPER = 60_965_224  # parameters of AlexNet with the 1,000 classes of Krizhevsky et al. (2012)
BELOW_CLASSES = PAPER - 4097 * 1000  # without its last layer

_COLUMNS = (
    field("layer", "layer", text),
    field("kind", "kind", text),
    field("kernel", "kernel", text),
    field("stride", "stride", text),
    field("input", "input", text),
    field("output", "output", text),
    field("towers: maps that see inputs", "towers", text),
    field("parameters", "parameters", count),
    field("as outputs × inputs × kernel + biases", "parameters_formula", text),
    field("share", "share_parameters", percent),
    field("neurons", "neurons", count),
    field("multiply-adds", "multiply_adds", count),
    field("share", "share_multiply_adds", percent),
    field("size formula", "formula", text),
)


def render(study: Study) -> Content | None:
    """The two shares, layer by layer, and the full table."""
    table = study.result("anatomy", TABLES["anatomy"])
    weighted = table[table["parameters"] > 0]
    if weighted.empty:
        return None
    alt = "Share of parameters and of multiply-adds in each layer with weights."
    caption = (
        "Each layer’s share of all parameters (left) and of the multiply-adds that one image "
        "costs (right)."
    )
    body = join(
        [
            chart("anatomy", weighted, caption=caption, alt=alt),
            numbers_of("results/anatomy.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Left: what is learned and stored. Right: what is computed for every image. Fully "
        "connected layers usually hold most parameters; convolutions do most of the computation, "
        "since each of their weights is used at every position of the image."
        f"{_paper(records(weighted))}",
        limits="A count of multiply-adds is not a time: memory traffic and hardware decide "
        "how long a layer takes. Biases, normalisation and pooling are not counted as "
        "multiply-adds.",
        title=_headline(records(weighted)),
    )


def _paper(rows: list[dict[str, Any]]) -> str:
    """That it is the network of the paper, where its parameters say so; else ""."""
    if sum(row["parameters"] for row in rows[:-1]) != BELOW_CLASSES:
        return ""
    last = rows[-1]
    return (
        " This is the architecture of Krizhevsky et al. (2012), with two towers: maps that see "
        "only half of the layer below. It has "
        f"{count(BELOW_CLASSES)} parameters below {last['layer']} and, with the paper’s 1,000 "
        f"classes, {count(PAPER)}; here "
        f"{count(BELOW_CLASSES + last['parameters'])}."
    )


def _headline(rows: list[dict[str, Any]]) -> str:
    """Which layer stores most and which computes most."""
    stored, computed = (
        max(rows, key=lambda row: row[share])
        for share in ("share_parameters", "share_multiply_adds")
    )
    return (
        f"{stored['layer']} holds {percent(stored['share_parameters'], 0)} of the parameters, "
        f"{computed['layer']} takes {percent(computed['share_multiply_adds'], 0)} of the "
        "computation"
    )


SECTION = Section(
    title="Parameters and computation by layer",
    short="Architecture",
    stage="anatomy",
    needs=("results/anatomy.csv",),
    tables=TABLES,
    render=render,
)
