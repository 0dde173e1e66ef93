"""The error of one training for all sizes, compared with one training per size."""

from __future__ import annotations

from repviz.number_format import count, plain, text
from repviz.report.parts import Column, field, table
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "audit": (
        "engine_label per_size_label bottleneck mse per_size_mse gap gap_low gap_high n_test"
    ),
}

_COLUMNS = (
    field("trained once", "engine_label", text),
    field("trained per size", "per_size_label", text),
    field("size", "bottleneck", count),
    field("error, once", "mse", plain),
    field("error, per size", "per_size_mse", plain),
    Column("gap", lambda row: f"{100 * row['gap']:+.1f} %"),
    Column(
        "95 % interval",
        lambda row: f"{100 * row['gap_low']:+.1f} to {100 * row['gap_high']:+.1f} %",
    ),
    field("n test", "n_test", count),
)


def render(study: Study) -> Content | None:
    """One row per audited size."""
    audit = study.result("audit", TABLES["audit"])
    return Content(
        table(audit, _COLUMNS, label="Audit"),
        reading="The gap is how much larger the error of the single training is at this size.",
        limits="Sizes between those audited are taken to be like them, and the separate trainings "
        "have the default length: longer ones would widen the gap.",
    )


SECTION = Section(
    title="One training for all sizes against one per size",
    short="One for all sizes",
    stage="sweep",
    needs=("results/audit.csv",),
    tables=TABLES,
    render=render,
)
