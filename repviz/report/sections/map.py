"""An interactive map of the images in every representation."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pandas as pd

from repviz import number_format as numbers
from repviz.report.html import Markup, join, tag
from repviz.report.parts import figure
from repviz.report.pictures import sheet
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "map": "representation row x y",
    "images": "row id label",
    "layers": ("representation model layer n trustworthiness trustworthiness_k"),
}

_SPAN = 65534  # the largest coordinate; 65535 marks an image that is not in this map
_ABSENT = 65535


def render(study: Study) -> Content | None:
    """The interactive map with its data; without JavaScript, a sentence that says so."""
    table, images = (
        study.result("map", TABLES["map"]),
        study.result("images", TABLES["images"]).sort_values("row"),
    )
    if table.empty:
        return None
    names = _names(study, table)
    points = np.stack(
        [_quantised(table[table["representation"] == name], len(images)) for name in names]
    )
    pictures = sheet(study.array("thumbnails"))
    labelled, nouns = bool(images["label"].ne("").any()), study.nouns
    words = {
        "ids": images["id"].tolist(),
        "label_noun": nouns.label,
        "labels": images["label"].tolist() if labelled else None,
        "representations": [{"name": name, "note": note} for name, note in _notes(study, names)],
        "sheet": {"columns": pictures.columns, "width": pictures.width, "height": pictures.height},
    }
    body = [
        tag(
            "div",
            _stage(labelled),
            _panel(nouns.label if labelled else None),
            tag("div", id="map-views", class_="views", role="group", aria_label="Representation"),
            class_="map-layout",
        ),
        tag("p", "The map needs JavaScript and a browser of 2024 or later.", id="map-missing"),
        tag("img", src=pictures.uri, alt="", id="map-sheet", hidden=True),
        _data("map-points", points.astype("<u2").tobytes()),
        _data("map-words", json.dumps(words, ensure_ascii=False).encode()),
    ]
    caption = (
        f"UMAP of {numbers.count(len(images))} images in {len(names)} representations. Point at "
        f"an image to see it and, in every map, the other images of the same {nouns.label}; click "
        "to pin it. With the keyboard: the arrow keys move to the next image in that direction, "
        "Escape unpins."
    )
    return Content(
        figure(join(body), caption, class_="broad"),
        reading="Each dot is an image; dots close together are neighbours in this representation. "
        f"Where the images of one {nouns.label} cluster in the trained layer but not in the "
        "untrained one, training did it.",
        limits="UMAP preserves neighbourhoods and distorts everything else: the axes have no "
        "meaning, distances between clusters and their sizes have little, and clusters can appear "
        "in noise. Trustworthiness (at most 1) says how far neighbours on the map are neighbours "
        "in the representation. The other sections, not this map, are the evidence.",
    )


def _stage(labelled: bool) -> Markup:
    return tag(
        "div",
        tag(
            "canvas",
            id="map-canvas",
            tabindex=0,
            role="img",
            aria_label="Map of the images",
            aria_describedby="map-said",
        ),
        tag(
            "div",
            tag("canvas", id="map-face"),
            tag("span", id="map-name"),
            id="map-card",
            hidden=True,
        ),
        tag(
            "div",
            tag("p", id="map-note", class_="facts"),
            tag(
                "div",
                tag("button", "Images", type="button", id="map-images", aria_pressed="false"),
                tag("button", "Colours", type="button", id="map-colours", aria_pressed="true")
                if labelled
                else None,
                tag("button", "Zoom in", type="button", id="map-closer"),
                tag("button", "Zoom out", type="button", id="map-farther"),
                tag("button", "Whole map", type="button", id="map-all"),
                tag("button", "CSV of the selection", type="button", id="map-csv"),
                class_="tools",
            ),
            class_="under",
        ),
        class_="stage",
    )


def _panel(label: str | None) -> Markup:
    none = tag("option", "none", value="")
    return tag(
        "div",
        tag(
            "div",
            tag("label", f"{label.capitalize()} ", tag("select", none, id="map-label"))
            if label
            else None,
            tag("label", "Search ", tag("input", type="search", id="map-search")),
            tag("p", "Point at an image.", id="map-said", aria_live="polite"),
            class_="under",
        ),
        tag("div", id="map-strip", class_="strip"),
        class_="panel",
    )


def _quantised(rows: pd.DataFrame, n: int) -> np.ndarray:
    """Points on a square grid of 65,535 steps, both axes to one scale, centred; (n, 2) uint16."""
    points = np.full((n, 2), _ABSENT, dtype=np.uint16)
    xy = rows[["x", "y"]].to_numpy(dtype=np.float64)
    there = np.isfinite(xy).all(axis=1)
    if not there.any():
        return points
    xy, where = xy[there], rows["row"].to_numpy()[there]
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = _SPAN / (float((high - low).max()) or 1.0)
    points[where] = np.rint((xy - (low + high) / 2) * scale + _SPAN / 2).astype(np.uint16)
    return points


def _names(study: Study, table: pd.DataFrame) -> list[str]:
    """The representations in the map, one layer's trained and untrained forms side by side."""
    names = list(dict.fromkeys(table["representation"]))
    if not study.has("results/layers.csv"):
        return names
    layers = study.result("layers", TABLES["layers"])
    order = [
        name
        for _, rows in layers.groupby(["model", "layer"], sort=False, dropna=False)
        for name in rows["representation"]
        if name in names
    ]
    return order + [name for name in names if name not in order]


def _notes(study: Study, names: list[str]) -> list[tuple[str, str]]:
    """(representation, trustworthiness of its map) for each name."""
    notes: dict[str, str] = {}
    if study.has("results/layers.csv"):
        for row in records(study.result("layers", TABLES["layers"])):
            if not numbers.missing(row["trustworthiness"]):
                k, n = numbers.count(row["trustworthiness_k"]), numbers.count(row["n"])
                trust = numbers.plain(row["trustworthiness"])
                notes[row["representation"]] = f"trustworthiness {trust} (k = {k}, n = {n})"
    return [(name, notes.get(name, "")) for name in names]


def _data(name: str, content: bytes) -> Markup:
    """A block of data: zlib in base64, whose letters cannot close the element that holds them."""
    packed = base64.b64encode(zlib.compress(content, 9)).decode()
    return tag("script", Markup(packed), type="application/octet-stream", id=name)


SECTION = Section(
    title="Map of the images in each representation",
    short="Map",
    stage="manifold",
    needs=(
        "results/map.csv",
        "results/images.csv",
        "arrays/thumbnails.npy",
    ),
    tables=TABLES,
    render=render,
)
