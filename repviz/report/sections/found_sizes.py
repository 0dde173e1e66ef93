"""The sizes that engines found in training, and the sizes that others need for the same error."""

from __future__ import annotations

from repviz.number_format import count, plain, text
from repviz.report.html import join, tag
from repviz.report.parts import field, table
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "found_sizes": (
        "engine engine_title engine_label seed size longest rule mse compared compared_title "
        "needed n_validation n_test"
    ),
}

_COLUMNS = (
    field("engine", "engine_label", text),
    field("seed", "seed", count),
    field("size found", "size", count),
    field("of", "longest", count),
    field("mean squared error", "mse", plain),
    field("for the same error", "compared_title", text),
    field("needs", "needed", count),
    field("n test", "n_test", count),
)


def render(study: Study) -> Content | None:
    """One row per training that found a size and method that it is compared with."""
    found = study.result("found_sizes", TABLES["found_sizes"])
    if found.empty:
        return None
    rules = [
        tag("p", f"{row['engine_label']}: {row['rule']}.")
        for row in records(found.drop_duplicates("engine"))
        if row["rule"]
    ]
    return Content(
        join([table(found, _COLUMNS, label="Sizes found"), *rules]),
        reading="The size is found on the validation images "
        f"({count(found['n_validation'].iloc[0])}), by the rule below the table; the error is that "
        "of the test images with so many numbers, and “needs” is the shortest code with which the "
        "other method leaves no larger error.",
        limits="The size depends on the tolerance of the rule, on the length of the training and, "
        "for least-volume, on the weight of its penalty. It is the size at which this network, "
        "trained like this, still reconstructs well, and not the intrinsic dimension of the "
        "images. What a row needs is read off one test set, without an interval.",
    )


SECTION = Section(
    title="Sizes found without a sweep",
    short="Sizes found",
    stage="sweep",
    needs=("results/found_sizes.csv",),
    tables=TABLES,
    render=render,
)
