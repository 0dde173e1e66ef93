"""How far each layer moves when an image is changed."""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, percent, plain, text
from repviz.report.parts import chart, field, interval, numbers_of, weights_keys
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "invariance": (
        "change title weights layer depth relative_displacement relative_displacement_low "
        "relative_displacement_high top1_retrieval n"
    ),
}

_COLUMNS = (
    field("change", "title", text),
    field("weights", "weights", text),
    field("layer", "layer", text),
    field("n", "n", count),
    field("relative_displacement", "relative_displacement", plain),
    interval("95 % interval", "relative_displacement_low", "relative_displacement_high", plain),
    field("top1_retrieval", "top1_retrieval", percent),
)


def render(study: Study) -> Content | None:
    """A panel a change, and the table."""
    table = study.result("invariance", TABLES["invariance"])
    caption = (
        f"Root mean square distance that a layer moves, as a share of that between two different "
        f"images, n = {count(table['n'].max())} images, with 95 % intervals; the dashed line is as "
        "far as another image."
    )
    alt = "How far each layer moves under each change, trained beside untrained."
    body = join(
        [
            chart("invariance", table, caption=caption, alt=alt, keys=weights_keys()[:2]),
            numbers_of("results/invariance.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Low and falling: the layer lets go of the change. Near the dashed line: to the "
        "layer the changed image is another image. Recognised is the share of changed images whose "
        "nearest original is their own.",
        limits="Each change has one strength, given in its title. Little movement can also mean "
        "that a few large directions hide it, which the recognised share would show.",
    )


SECTION = Section(
    title="Invariance of each layer to perturbations",
    short="Invariance",
    stage="invariance",
    needs=("results/invariance.csv",),
    tables=TABLES,
    render=render,
)
