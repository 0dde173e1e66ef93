"""How often the nearest training image has the same label, in each representation."""

from __future__ import annotations

from repviz.number_format import count, percent, text
from repviz.report.html import join
from repviz.report.parts import chart, field, interval, numbers_of, weights_keys
from repviz.report.sections import Content, Section
from repviz.study_folder import Study

TABLES = {
    "layers": (
        "representation model weights layer d nearest_same nearest_low nearest_high nearest_n "
        "nearest_chance"
    ),
}

_COLUMNS = (
    field("representation", "representation", text),
    field("weights", "weights", text),
    field("features d", "d", count),
    field("same label", "nearest_same", percent),
    interval("95 % interval", "nearest_low", "nearest_high", percent),
    field("n", "nearest_n", count),
    field("chance", "nearest_chance", percent),
)


def render(study: Study) -> Content | None:
    """The share of held-out images whose nearest training image has the same label."""
    table = study.result("layers", TABLES["layers"])
    table = table[table["nearest_same"].notna()]
    if table.empty:
        return None
    nouns = study.nouns
    caption = (
        f"Share of {count(table['nearest_n'].max())} held-out {nouns.images} whose nearest "
        f"training image shows the same {nouns.label}, with 95 % intervals. The dashed line is "
        "chance."
    )
    alt = f"Share of held-out images whose nearest training image shows the same {nouns.label}."
    body = join(
        [
            chart("identity", table, caption=caption, alt=alt, keys=weights_keys()),
            numbers_of("results/layers.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading=f"For each held-out image: does its nearest training image in this representation "
        f"show the same {nouns.label}? The untrained network is the control: the random weights "
        "that training started from, with each unit scaled to the images. What it reaches is due "
        "to the architecture and the pixels; only what the trained network adds was learned.",
        limits=f"Images of one {nouns.label} may share light, background and pose, which helps "
        "even raw pixels. This measures distances between images, not what a trained classifier "
        f"would reach, and nothing about {nouns.labels} outside of the training images.",
    )


SECTION = Section(
    title="Label agreement of nearest neighbours",
    short="Nearest neighbours",
    stage="manifold",
    needs=("results/layers.csv",),
    tables=TABLES,
    render=render,
)
