"""How many linear directions each representation uses."""

from __future__ import annotations

from repviz.report.html import Markup, join
from repviz.report.numbers import count, percent, plain, text
from repviz.report.parts import chart, field, figure, numbers_of, weights_keys
from repviz.report.pictures import image, signed
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "components": "component ratio null n repeats",
    "spectrum": "representation component cumulative",
    "layers": (
        "representation model weights layer n groups d dimension dimension_low dimension_high "
        "calibrated calibrated_low calibrated_high participation_ratio components_90 nearest_same "
        "nearest_low nearest_high nearest_n nearest_chance trustworthiness trustworthiness_k "
        "warnings"
    ),
}

ACROSS, WIDTH = 6, 720  # components in a row, pixels of it at most

_COLUMNS = (
    field("representation", "representation", text),
    field("weights", "weights", text),
    field("n", "n", count),
    field("features d", "d", count),
    field("components for 90 %", "components_90", count),
    field("participation ratio", "participation_ratio", plain),
)


def _components(study: Study) -> list[Markup]:
    """The leading components of the pixels as pictures, where the study drew them."""
    if not study.has("results/components.csv", "arrays/components.npy"):
        return []
    table, weights = study.result("components", TABLES["components"]), study.array("components")
    told, first = len(table), records(table)[0]
    above = (table["ratio"] > table["null"]).cummin()
    shares = ", ".join(percent(ratio) for ratio in table["ratio"])
    caption = (
        f"The first {told} principal components of the pixels, each at its own contrast; grey is "
        f"no change. Of the variance they hold {shares}. {count(above.sum())} of them lie above "
        f"what the same pixels give when each is shuffled among the {count(first['n'])} images by "
        f"itself (the largest of {count(first['repeats'])} shuffles)."
    )
    sheet = signed(weights, across=ACROSS, scale=max(1, WIDTH // (ACROSS * weights.shape[3])))
    return [figure(image(sheet, f"{told} principal components as pictures", exact=True), caption)]


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
        "for comparison. Dashed: 90 %."
    )
    alt = "Cumulative explained variance against the number of components, a panel a layer."
    parts = [
        chart("spectrum", table, caption=caption, alt=alt, keys=weights_keys()),
        *_components(study),
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
