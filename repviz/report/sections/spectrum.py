"""The PCA spectrum of each representation."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, counted, percent, plain, text
from repviz.report.html import Markup, join
from repviz.report.parts import chart, field, figure, numbers_of, reductions, weights_keys
from repviz.report.pictures import image, signed
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "components": "component ratio null_ratio_max n permutations",
    "spectrum": "representation component cumulative",
    "layers": ("representation model weights layer n d participation_ratio components_90"),
}

ACROSS, WIDTH = 6, 720  # components per row, pixels of a row at most

_COLUMNS = (
    field("representation", "representation", text),
    field("weights", "weights", text),
    field("n", "n", count),
    field("features d", "d", count),
    field("components for 90 %", "components_90", count),
    field("participation ratio", "participation_ratio", plain),
)


def _components(study: Study) -> list[Markup]:
    """The leading components of the pixels as pictures, where the study stored them."""
    if not study.has("results/components.csv", "arrays/components.npy"):
        return []
    table, weights = study.result("components", TABLES["components"]), study.array("components")
    n_shown, first = len(table), records(table)[0]
    above = (table["ratio"] > table["null_ratio_max"]).cummin()
    shares = ", ".join(percent(ratio) for ratio in table["ratio"])
    exceed = "All of them exceed" if above.all() else f"{count(above.sum())} of them exceed"
    caption = (
        f"The first {n_shown} principal components of the pixels, each at its own contrast; grey "
        f"is 0. They explain {shares} of the variance. {exceed} the "
        f"permutation null (each pixel shuffled among the {count(first['n'])} images; the largest "
        f"of {count(first['permutations'])} shuffles); later ones were not tested."
    )
    alt = f"{n_shown} principal components as pictures"
    sheet = signed(weights, across=ACROSS, scale=max(1, WIDTH // (ACROSS * weights.shape[3])))
    return [figure(image(sheet, alt, "sheet", exact=True), caption)]


def render(study: Study) -> Content | None:
    """Small multiples of the cumulative explained variance."""
    spectra, layers = (
        study.result("spectrum", TABLES["spectrum"]),
        study.result("layers", TABLES["layers"]),
    )
    table = spectra.merge(layers[["representation", "model", "weights", "layer"]])
    if table.empty:
        return None
    caption = (
        "Cumulative share of the variance that the leading principal components explain, for "
        f"{count(layers['n'].max())} images. Grey: {records(table)[0]['representation']}, repeated "
        f"for comparison. Dashed: 90 %.{reductions(study)}"
    )
    alt = "Cumulative explained variance against the number of components, one panel per layer."
    parts = [
        chart("spectrum", table, caption=caption, alt=alt, keys=weights_keys(table)),
        *_components(study),
        numbers_of("results/layers.csv", layers, _COLUMNS),
    ]
    return Content(
        join(parts),
        reading="A curve that rises early means that a few linear directions explain most of the "
        "variance; one that rises late, that it is spread over many. The participation ratio in "
        "the table is the effective number of directions.",
        limits="PCA is linear: a curved manifold of few dimensions fills many components. Their "
        "number is at most n − 1, so it depends on the collection as well as on the network.",
        title=_headline(records(layers)[0]),
    )


def _headline(row: dict[str, Any]) -> str:
    """How many directions the first representation fills."""
    name = row["representation"]
    of = "the pixels" if name == "pixels" else name
    return f"90 % of the variance of {of} takes {counted(row['components_90'], 'component')}"


SECTION = Section(
    title="PCA spectrum of each representation",
    short="PCA spectrum",
    stage="manifold",
    needs=(
        "results/spectrum.csv",
        "results/layers.csv",
    ),
    tables=TABLES,
    render=render,
)
