"""The accuracy on images that the network was not trained on."""

from __future__ import annotations

from repviz.number_format import count, percent, text
from repviz.report.html import join
from repviz.report.parts import field, interval, table
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "evaluation": "model views accuracy low high n_correct n chance",
}

_COLUMNS = (
    field("model", "model", text),
    field("crops", "views", text),
    field("accuracy", "accuracy", percent),
    interval("95 % interval", "low", "high", percent),
    field("correct", "n_correct", count),
    field("of", "n", count),
)


def render(study: Study) -> Content | None:
    """One row per model and number of crops."""
    rows = study.result("evaluation", TABLES["evaluation"])
    if rows.empty:
        return None
    chance = records(rows)[0]["chance"]
    body = join([table(rows, _COLUMNS, label="Accuracy")])
    return Content(
        body,
        reading="“centre” is one central crop; “ten” averages the class probabilities of the four "
        "corners and the centre and of their mirror images. Always guessing the most frequent "
        f"label would score {percent(chance)}.",
        limits="The interval treats labels as the independent draws where there are 20 or more, "
        "and images elsewhere. It covers "
        "the sampling of images, not another training: one network with one seed was trained. "
        "Two accuracies on the same images are paired, so their difference is known better than "
        "their intervals suggest.",
    )


SECTION = Section(
    title="Accuracy on held-out images",
    short="Accuracy",
    stage="evaluation",
    needs=("results/evaluation.csv",),
    tables=TABLES,
    render=render,
)
