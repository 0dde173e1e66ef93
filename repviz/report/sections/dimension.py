"""How many degrees of freedom each representation has, with interval and alarms."""

from __future__ import annotations

import pandas as pd

from repviz.report.html import Markup, join, tag
from repviz.report.numbers import count, plain, text
from repviz.report.parts import chart, field, interval, key, numbers_of, weights_keys
from repviz.report.reading import StudyFiles
from repviz.report.sections import Content

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
    field("alarms", "alarms", text),
)


def render(study: StudyFiles) -> Content | None:
    """The estimates, a row a representation, and every alarm in words."""
    table = study.table("layers")
    table = table[table["dimension"].notna()]
    if table.empty:
        return None
    caption = (
        f"TwoNN estimate of the intrinsic dimension, n = {count(table['n'].max())} images, with "
        "95 % intervals."
    )
    keys = [*weights_keys(), key("muted", "calibrated for this n", form="cross")]
    alt = "Intrinsic dimension of each representation with its 95 % interval."
    body = join(
        [
            chart("dimension", table, caption=caption, alt=alt, keys=keys),
            _alarms(table),
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
        "high dimensions come out too low. Several images of one person are not independent, so "
        "the true uncertainty is larger than the interval. It counts directions; it does not "
        "say what they are.",
    )


def _alarms(table: pd.DataFrame) -> Markup | None:
    rows = table[table["alarms"].notna()]
    if rows.empty:
        return None
    alike = rows.groupby("alarms", sort=False)["representation"].agg(", ".join)
    lines = [tag("li", tag("b", f"{names}: "), str(alarm)) for alarm, names in alike.items()]
    return tag(
        "div", tag("p", tag("strong", "Alarms")), tag("ul", lines), class_="alarms", role="note"
    )
