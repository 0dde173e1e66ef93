"""How many degrees of freedom each representation has, with interval and warnings."""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, plain, text
from repviz.report.parts import chart, field, interval, key, numbers_of, warnings, weights_keys
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
    field("n", "n", count),
    field("features d", "d", count),
    field("dimension", "dimension", plain),
    interval("95 % interval", "dimension_low", "dimension_high", plain),
    field("calibrated", "calibrated", plain),
    interval("95 % interval", "calibrated_low", "calibrated_high", plain),
    field("participation ratio", "participation_ratio", plain),
    field("components for 90 %", "components_90", count),
)


def render(study: Study) -> Content | None:
    """The estimates, a row a representation, and every warning in words."""
    table = study.result("layers", TABLES["layers"])
    table = table[table["dimension"].notna()]
    if table.empty:
        return None
    n, groups = table["n"].max(), table["groups"].max()
    whole = f" of {count(groups)} {study.whose}, taken whole for" if groups < n else ", with"
    caption = (
        f"TwoNN estimate of the intrinsic dimension, n = {count(n)} images{whole} the 95 % "
        "intervals."
    )
    keys = [*weights_keys(), key("muted", "calibrated for this n", form="cross")]
    alt = "Intrinsic dimension of each representation with its 95 % interval."
    body = join(
        [
            chart("dimension", table, caption=caption, alt=alt, keys=keys),
            warnings(table["representation"], table["warnings"]),
            numbers_of("results/layers.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="A representation may have thousands of features and yet its images lie on a "
        "thin sheet in it. TwoNN compares each image’s distances to its two nearest others; how "
        "fast they part tells how many directions there are to move in. The cross is what a "
        "uniform ball of that dimension, with as many points, says the raw value stands for.",
        limits="With few images the estimate is the dimension at the scale of their spacing, and "
        "high dimensions come out too low. The interval is what another draw of images would do "
        "to the estimate, not how far they are from a uniform ball. It counts directions; it does "
        "not say what they are.",
    )


SECTION = Section(
    title="Intrinsic dimension of each representation",
    short="Dimension",
    stage="manifold",
    needs=("results/layers.csv",),
    tables=TABLES,
    render=render,
)
