"""Which representation keeps who it is: is the nearest known image of the same person?"""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, percent, text
from repviz.report.parts import chart, field, interval, numbers_of, weights_keys
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "layers": (
        "representation model weights layer n groups d dimension dimension_low dimension_high "
        "calibrated calibrated_low calibrated_high participation_ratio components_90 nearest_same "
        "nearest_low nearest_high nearest_n nearest_chance trustworthiness trustworthiness_k "
        "warnings"
    ),
}

_COLUMNS = (
    field("representation", "representation", text),
    field("weights", "weights", text),
    field("features d", "d", count),
    field("same person", "nearest_same", percent),
    interval("95 % interval", "nearest_low", "nearest_high", percent),
    field("n", "nearest_n", count),
    field("chance", "nearest_chance", percent),
)


def render(study: Study) -> Content | None:
    """The share of held-out images whose nearest known image shows the same person."""
    table = study.result("layers", TABLES["layers"])
    table = table[table["nearest_same"].notna()]
    if table.empty:
        return None
    caption = (
        f"Share of {count(table['nearest_n'].max())} held-out images whose nearest "
        "training image shows the same person, with 95 % intervals. The dashed line is chance."
    )
    alt = "Share of held-out images whose nearest training image shows the same person."
    body = join(
        [
            chart("identity", table, caption=caption, alt=alt, keys=weights_keys()),
            numbers_of("results/layers.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="Take a held-out image and find the nearest training image in this "
        "representation: does it show the same person? The untrained network is the control: "
        "the very one that training started from, random weights with each unit scaled to the "
        "images, no label seen. What it reaches, the wiring and the pixels alone can do; only "
        "what the trained one adds was learned.",
        limits="Images of one person share light, background and pose, which helps even plain "
        "pixels. It says how people lie relative to each other, not how well a trained classifier "
        "would do, and nothing about people outside of the training images.",
    )


SECTION = Section(
    title="Label agreement of nearest neighbours",
    short="Nearest neighbours",
    stage="manifold",
    needs=("results/layers.csv",),
    tables=TABLES,
    render=render,
)
