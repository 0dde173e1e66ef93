"""How many linear directions each representation uses."""

from __future__ import annotations

from repviz.report.html import join
from repviz.report.numbers import count, plain, text
from repviz.report.parts import chart, field, numbers_of, weights_keys
from repviz.report.reading import StudyFiles, records
from repviz.report.sections import Content

_COLUMNS = (
    field("representation", "representation", text),
    field("weights", "weights", text),
    field("n", "n", count),
    field("features d", "d", count),
    field("components for 90 %", "components_90", count),
    field("participation ratio", "participation_ratio", plain),
)


def render(study: StudyFiles) -> Content | None:
    """Small multiples of the cumulative explained variance."""
    spectra, layers = study.table("spectrum"), study.table("layers")
    table = spectra.merge(layers[["representation", "model", "weights", "layer"]])
    if table.empty:
        return None
    caption = (
        "Cumulative share of the variance that the leading principal components explain, for "
        f"{count(layers['n'].max())} images. Grey: {records(table)[0]['representation']}, repeated "
        "for comparison. Dashed: 90 %."
    )
    alt = "Cumulative explained variance against the number of components, a panel a layer."
    parts = [
        chart("spectrum", table, caption=caption, alt=alt, keys=weights_keys()),
        numbers_of("results/layers.csv", layers, _COLUMNS),
    ]
    return Content(
        join(parts),
        reading="A curve that rises early means that a few linear directions say nearly "
        "everything; one that rises late, that the images spread over many. The participation "
        "ratio in the table puts the whole spectrum into one number: how many directions take "
        "part.",
        limits="PCA sees straight directions only: a thin sheet that is bent fills many of them. "
        "The number of components can never pass n − 1, so it reflects the collection as well "
        "as the network.",
    )
