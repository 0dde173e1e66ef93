"""The explorer: linked maps of the images in every representation."""

from __future__ import annotations

import numpy as np

from repviz import number_format as numbers
from repviz.report.html import Child, Markup, join, tag
from repviz.report.map_data import ABSENT, SPAN, TABLES, MapData, map_data
from repviz.report.parts import figure
from repviz.report.pictures import scatter
from repviz.report.sections import Content, Section
from repviz.report.thumbnails import ARRAY, PICTURED, thumbnail_grid
from repviz.study_folder import Study


def render(study: Study) -> Content | None:
    """The explorer with its data; without JavaScript, a picture of one of its maps."""
    if study.result("map", TABLES["map"]).empty:
        return None
    data = map_data(study)
    nouns = study.nouns
    body = [
        tag("div", _stage(), _views(), _panel(nouns.label, data), class_="map-layout"),
        _without_scripts(data),
        data.blocks(),
    ]
    names = data.words["representations"]
    caption = (
        f"UMAP of {numbers.count(data.n)} images in {len(names)} representations. Point at an "
        "image to see it in every map; click to pin it. Draw around images with Lasso, or with "
        "Shift and the mouse, to select them in every map. Keys: arrows move, Enter pins, Space "
        "selects, + and - zoom, Escape clears."
    )
    if thumbnail_grid(study) is None and study.has(f"arrays/{ARRAY}.npy"):
        caption += (
            f" The page shows no thumbnails: of more than {numbers.count(PICTURED)} images they "
            "would take most of its size, and all but a few pixels of each."
        )
    if data.neighbors.shape[2] == 0 and study.has("arrays/map_neighbors.npy"):
        caption += (
            " The page lists no nearest neighbours: those of so many images in so many "
            "representations would take most of its size."
        )
    return Content(
        figure(join(body), caption, class_="broad"),
        reading="Each dot is an image; dots close together are neighbours in this representation. "
        f"Where the images of one {nouns.label} cluster in a layer but not in the same layer of an "
        "untrained network, its weights did it, not the architecture.",
        limits="UMAP preserves neighbourhoods and distorts everything else: the axes have no "
        "meaning, distances between clusters and their sizes have little, and clusters can appear "
        "in noise. Trustworthiness (at most 1) says how far neighbours on the map are neighbours "
        "in the representation. The other sections, not this map, are the evidence.",
    )


def _without_scripts(data: MapData) -> Markup:
    """The last map as a picture, which a browser reads only where scripts do not run."""
    points, name = data.points[-1], data.words["representations"][-1]["name"]
    there = points[0] != ABSENT
    xy = np.stack([points[0][there], SPAN - points[1][there]], axis=1) / SPAN
    alt = f"UMAP of {numbers.count(there.sum())} images in {name}, one dot per image"
    words = "With JavaScript, this map shows every image and every representation."
    return tag("noscript", scatter(xy, alt, "static-map"), tag("p", f"{name}. {words}"))


def _button(words: str, name: str, *, pressed: bool | None = None, hidden: bool = False) -> Markup:
    state = None if pressed is None else str(pressed).lower()
    return tag("button", words, type="button", id=f"map-{name}", aria_pressed=state, hidden=hidden)


def _field(words: str, control: Child) -> Markup:
    return tag("label", f"{words} ", control)


def _stage() -> Markup:
    """The large map under its controls, and what is written below it."""
    search = tag("input", type="search", id="map-search", placeholder="id, label, factor > 1")
    choices = [
        _field("Search", search),
        _button("Select all found", "found", hidden=True),
        _field("Colour by", tag("select", id="map-colour")),
    ]
    plot = tag(
        "div",
        tag(
            "canvas",
            id="map-canvas",
            tabindex=0,
            role="application",
            aria_roledescription="map",
            aria_label="Map of the images",
            aria_describedby="map-said",
        ),
        tag("canvas", id="map-overlay", aria_hidden="true"),
        tag(
            "div",
            tag("canvas", id="map-face"),
            tag("span", id="map-name"),
            id="map-card",
            hidden=True,
        ),
        class_="plot",
    )
    tools = [
        _button("Lasso", "lasso", pressed=False),
        _button("Images", "images", pressed=False),
        _button("Names", "names", pressed=True),
        _button("Zoom in", "closer"),
        _button("Zoom out", "farther"),
        _button("Whole map", "all"),
    ]
    scale = tag("p", id="map-scale", class_="scale", hidden=True)
    return tag(
        "div",
        tag("div", choices, class_="under choices"),
        plot,
        scale,
        tag("p", id="map-note", class_="facts"),
        tag("div", tools, class_="tools"),
        class_="stage",
    )


def _views() -> Markup:
    return tag(
        "div",
        tag("canvas", id="map-marks", aria_hidden="true"),
        id="map-views",
        class_="views",
        role="group",
        aria_label="Representation",
    )


def _panel(label: str, data: MapData) -> Markup:
    """The image in focus with its neighbours, and the selection."""
    neighbours = [
        tag("p", id="map-true-said", class_="facts"),
        tag("div", id="map-true", class_="strip"),
        tag("p", id="map-near-said", class_="facts"),
        tag("div", id="map-near", class_="strip"),
    ]
    labelled = data.words["labels"] is not None
    chosen = tag("select", tag("option", "none", value=""), id="map-label")
    actions = [
        _field(f"Select a {label}", chosen) if labelled else None,
        _button("Clear", "clear"),
        _button("CSV", "csv"),
        _button("Copy link", "link"),
    ]
    return tag(
        "div",
        tag(
            "div",
            tag("h3", "Image"),
            tag("p", "Point at an image.", id="map-said", aria_live="polite"),
            tag("div", neighbours, id="map-neighbours", hidden=True),
        ),
        tag(
            "div",
            tag("h3", "Selection"),
            tag("p", id="map-count", aria_live="polite"),
            tag("div", actions, class_="tools"),
            tag("ul", id="map-mix", class_="mix"),
            tag("div", id="map-profile"),
        ),
        class_="panel",
    )


SECTION = Section(
    title="Map of the images in each representation",
    short="Map",
    stage="manifold",
    needs=("results/map.csv", "results/images.csv"),
    tables=TABLES,
    render=render,
)
