"""The accuracy on images that the network was not trained on."""

from __future__ import annotations

import pandas as pd

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
        reading=f"“centre” is one central crop; {_ten(rows)} Always guessing the most frequent "
        f"label would score {percent(chance)}.",
        limits=f"{_drawn(study)} It covers the sampling of images, not another training: "
        "one network with one seed was trained. Two accuracies on the same images are paired, "
        "so their difference is known better than their intervals suggest.",
    )


def _drawn(study: Study) -> str:
    """The independent units of the interval, in words."""
    nouns = study.nouns
    if nouns.grouped:
        return f"The interval treats {nouns.units} as the independent draws."
    return (
        f"The interval treats {nouns.units} as the independent draws where there are 20 or more, "
        f"and {nouns.images} elsewhere."
    )


def _ten(rows: pd.DataFrame) -> str:
    if "ten" in set(rows["views"]):
        return (
            "“ten” averages the class probabilities of the four corners and the centre and of "
            "their mirror images."
        )
    return (
        "ten crops are left out, since the network was trained on complete images: crops of larger "
        "ones have a scale that it never saw."
    )


SECTION = Section(
    title="Accuracy on held-out images",
    short="Accuracy",
    stage="evaluation",
    needs=("results/evaluation.csv",),
    tables=TABLES,
    render=render,
)
