"""How alike the layers of the trained and the untrained network are."""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, plain, text
from repviz.report.parts import chart, field, numbers_of
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "similarity": "one other cka null p n",
}

_COLUMNS = (
    field("one", "one", text),
    field("other", "other", text),
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
        "full colour is the same up to rotation and scale. A dot marks what shuffled images reach."
    )
    alt = "A grid of representations, coloured by how alike they are."
    body = join(
        [
            chart("similarity", table, caption=caption, alt=alt),
            numbers_of("results/similarity.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Blocks along the diagonal are stages that say much the same. A trained layer that "
        "is like its untrained self was shaped by the network’s make more than by what it learned.",
        limits="CKA follows the directions of largest variance: two layers may agree in these and "
        "differ in everything small. The usual, biased form would show 0.2 and more for unrelated "
        "layers with so few images.",
    )


SECTION = Section(
    title="Similarity of representations",
    short="Similarity",
    stage="similarity",
    needs=("results/similarity.csv",),
    tables=TABLES,
    render=render,
)
