"""How well known factors are decoded from each layer."""

from __future__ import annotations

from repviz.number_format import count, plain, text
from repviz.report.html import join
from repviz.report.parts import (
    chart,
    field,
    interval,
    numbers_of,
    resampled,
    series_keys,
    warnings,
)
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "factors": (
        "representation factor model weights layer depth n groups r2 r2_low r2_high warnings"
    ),
}

_COLUMNS = (
    field("representation", "representation", text),
    field("factor", "factor", text),
    field("n", "n", count),
    field("groups", "groups", count),
    field("R²", "r2", plain),
    interval("95 % interval", "r2_low", "r2_high", plain),
)


def render(study: Study) -> Content | None:
    """R² of each factor over depth, and the table."""
    table = study.result("factors", TABLES["factors"])
    most = records(table.sort_values("n"))[-1]
    caption = (
        f"R² of a linear map on held-out images (n = {count(most['n'])}; cross-validated in up to "
        f"five folds over {resampled(study, most['n'], most['groups'])}), with 95 % intervals over "
        "folds: 1 predicts the factor exactly, 0 no better than its mean."
    )
    alt = "R² of each known factor, decoded linearly from each layer."
    body = join(
        [
            chart("factors", table, caption=caption, alt=alt, keys=series_keys(table)),
            warnings(table["representation"], table["warnings"]),
            numbers_of("results/factors.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Where R² is high, the factor is linearly decodable from the layer. Where it falls "
        "with depth, later layers discard it.",
        limits="The probe is linear: a layer may encode a factor in a form that it does not find.",
    )


SECTION = Section(
    title="Known factors decoded from each layer",
    short="Factors",
    stage="profile",
    needs=("results/factors.csv",),
    tables=TABLES,
    render=render,
)
