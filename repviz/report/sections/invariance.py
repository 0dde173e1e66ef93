"""How far a perturbation of the image moves each layer's activations."""

from __future__ import annotations

from repviz.number_format import count, percent, plain, text
from repviz.report.html import join
from repviz.report.parts import (
    chart,
    field,
    interval,
    numbers_of,
    reductions,
    warnings,
    weights_keys,
)
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "invariance": (
        "change title weights layer depth relative_displacement relative_displacement_low "
        "relative_displacement_high top1_retrieval n warnings"
    ),
}

_COLUMNS = (
    field("perturbation", "title", text),
    field("weights", "weights", text),
    field("layer", "layer", text),
    field("n", "n", count),
    field("relative displacement", "relative_displacement", plain),
    interval("95 % interval", "relative_displacement_low", "relative_displacement_high", plain),
    field("top-1 retrieval", "top1_retrieval", percent),
)


def render(study: Study) -> Content | None:
    """One panel per perturbation, and the table."""
    table = study.result("invariance", TABLES["invariance"])
    caption = (
        f"RMS distance between the activations of an image before and after the perturbation, "
        "relative to that between two different images (dashed line), for "
        f"{count(table['n'].max())} images, with 95 % intervals.{reductions(study)}"
    )
    alt = "Relative displacement of each layer under each perturbation, by kind of weights."
    names = table["title"] + ", " + table["weights"] + " " + table["layer"]
    body = join(
        [
            warnings(names, table["warnings"]),
            chart("invariance", table, caption=caption, alt=alt, keys=weights_keys(table)),
            numbers_of("results/invariance.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Near 0: the layer ignores the change. Near 1: it moves as far as to another "
        "image, not necessarily towards one. Top-1 retrieval tells the two apart: the share of "
        "changed images whose nearest original is their own.",
        limits="Each perturbation has one strength, given in its title. A small displacement can "
        "also mean that a few directions of large variance hide it; top-1 retrieval would show "
        "that.",
    )


SECTION = Section(
    title="Invariance of each layer to perturbations",
    short="Invariance",
    stage="invariance",
    needs=("results/invariance.csv",),
    tables=TABLES,
    render=render,
)
