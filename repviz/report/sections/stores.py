"""The folders of activations of a study, and which images they share."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import field, table
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records
from repviz.weight_kinds import WEIGHT_KINDS

TABLES = {
    "stores": "store model weights weights_kind images n_stored n_readable n layers key",
    "shared_images": "store_a store_b n_a n_b n_shared paired_by",
}

_STORES = (
    field("folder", "store", text),
    field("network", "model", text),
    field("weights", "weights", text),
    field("images", "images", text),
    field("stored", "n_stored", count),
    field("readable", "n_readable", count),
    field("measured", "n", count),
    field("layers", "layers", count),
)
_SHARED = (
    field("folder", "store_a", text),
    field("and", "store_b", text),
    field("measured", "n_a", count),
    field("measured", "n_b", count),
    field("in both", "n_shared", count),
    field("paired by", "paired_by", text),
)


def render(study: Study) -> Content | None:
    """The contents of each folder, and the number of images that every two of them share."""
    stores = study.result("stores", TABLES["stores"])
    shared = study.result("shared_images", TABLES["shared_images"])
    parts: list[Markup] = [table(stores, _STORES, label="Folders of activations")]
    if len(shared):
        parts += [
            tag("h3", "Images that two folders share"),
            table(shared, _SHARED, label="Images that two folders share"),
        ]
    kinds = [WEIGHT_KINDS[kind].legend for kind in dict.fromkeys(stores["weights_kind"])]
    return Content(
        join(parts),
        reading=f"Weights, by kind: {', '.join(kinds)}. Where two folders hold the same images, "
        "similarity and differences are computed over these alone, image by image; folders that "
        "share no image are measured side by side, and nothing pairs them.",
        limits="Two folders may differ in network, weights, images, preprocessing and reduction at "
        "once: a difference between them is not due to one of these unless the others agree. Rows "
        "that are paired by id are of the same image only if whoever imported them named them so.",
        title=_headline(records(stores), records(shared), study.nouns.images),
    )


def _headline(stores: list[dict[str, Any]], shared: list[dict[str, Any]], images: str) -> str:
    if len(stores) == 1:
        return f"{count(stores[0]['n'])} of {count(stores[0]['n_stored'])} stored rows are measured"
    if all(row["n_shared"] == row["n_a"] == row["n_b"] for row in shared):
        every = "Both" if len(stores) == 2 else f"All {count(len(stores))}"
        return f"{every} folders hold the same {count(stores[0]['n'])} {images}"
    if not any(row["n_shared"] for row in shared):
        return f"The folders share no {images}: they are not compared image by image"
    return f"Some {images} are in several folders, others in one alone"


SECTION = Section(
    title="Folders of activations",
    short="Activations",
    stage="stores",
    needs=("results/stores.csv", "results/shared_images.csv"),
    tables=TABLES,
    render=render,
)
