"""Similarity of the layers of a network and of the same network untrained."""

from __future__ import annotations

from repviz.number_format import count, plain, text
from repviz.report.html import join
from repviz.report.parts import chart, field, numbers_of, reductions, warnings
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "similarity": "representation_a representation_b cka null p n warnings",
}

_COLUMNS = (
    field("one", "representation_a", text),
    field("other", "representation_b", text),
    field("n", "n", count),
    field("CKA", "cka", plain),
    field("95 % of shuffles below", "null", plain),
    field("p", "p", plain),
)


def render(study: Study) -> Content | None:
    """The grid, and the table."""
    table = study.result("similarity", TABLES["similarity"])
    caption = (
        f"Debiased linear CKA of every two representations, n = {count(table['n'].max())} images: "
        "full colour means equal up to rotation and scale. A dot marks pairs no more similar than "
        f"with shuffled images.{reductions(study)}"
    )
    alt = "Debiased linear CKA of every two representations, as a grid."
    pairs = table["representation_a"] + " and " + table["representation_b"]
    body = join(
        [
            warnings(pairs, table["warnings"]),
            chart("similarity", table, caption=caption, alt=alt),
            numbers_of("results/similarity.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Blocks along the diagonal are layers with similar representations. A layer "
        "that is similar to its untrained counterpart owes much to the architecture.",
        limits="CKA is dominated by the directions of largest variance: two layers may agree in "
        "these and differ in all others. The usual, biased estimate would show 0.2 and more for "
        "unrelated layers with so few images.",
    )


SECTION = Section(
    title="Similarity of representations",
    short="Similarity",
    stage="similarity",
    needs=("results/similarity.csv",),
    tables=TABLES,
    render=render,
)
