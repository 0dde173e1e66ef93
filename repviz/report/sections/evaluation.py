"""How often the network is right on images that it was not trained on."""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, percent, text
from repviz.report.parts import field, interval, table
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "evaluation": "model views accuracy low high right n chance",
}

_COLUMNS = (
    field("model", "model", text),
    field("views", "views", text),
    field("right", "accuracy", percent),
    interval("95 % interval", "low", "high", percent),
    field("images right", "right", count),
    field("of", "n", count),
)


def render(study: Study) -> Content | None:
    """A row a model and way of viewing."""
    rows = study.result("evaluation", TABLES["evaluation"])
    if rows.empty:
        return None
    chance = records(rows)[0]["chance"]
    body = join([table(rows, _COLUMNS, label="How often each is right")])
    return Content(
        body,
        reading="“centre” looks once, at the middle of the image; “ten” looks at the four corners "
        "and the middle, and at their mirror images, and averages what the network holds each "
        f"class for. Guessing the commonest label would be right for {percent(chance)}.",
        limits="The interval is Clopper-Pearson’s and treats the images as independent. It says "
        "how far the figure could be off for other images of this kind, not for another training: "
        "one network with one seed was trained. Two figures on the same images differ by less "
        "than their intervals suggest.",
    )


SECTION = Section(
    title="Accuracy on held-out images",
    short="Accuracy",
    stage="evaluation",
    needs=("results/evaluation.csv",),
    tables=TABLES,
    render=render,
)
