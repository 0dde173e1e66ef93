"""The explorer: linked maps of the images in every representation."""

from __future__ import annotations

import numpy as np

from repviz import number_format as numbers
from repviz.report.html import Child, Markup, join, tag
from repviz.report.map_data import ABSENT, SPAN, TABLES, MapData, map_data
from repviz.report.parts import figure, reductions, scrolling
from repviz.report.pictures import scatter
from repviz.report.sections import Content, Section
from repviz.report.thumbnails import ARRAY, PICTURED, thumbnail_grid
from repviz.study_folder import Study

STRIP = (480, 48)  # pixels of a list of neighbours: ten thumbnails have room in it


def render(study: Study) -> Content | None:
    """The explorer with its data; without JavaScript, a picture of one of its maps."""
    if study.result("map", TABLES["map"]).empty:
        return None
    data = map_data(study)
    nouns = study.nouns
    body = [
        tag("div", _stage(data), _views(data), _panel(data), class_="map-layout"),
        _without_scripts(data),
        data.blocks(),
    ]
    names = data.words["representations"]
    caption = (
        f"UMAP of {numbers.count(data.n)} images in {len(names)} representations. Point at an "
        "image to see it in every map; click to pin it, and the wheel zooms from then on. Draw "
        "around images with Lasso, or with Shift and the mouse, to select them in every map; with "
        "Ctrl they join those selected. Keys: arrows move, Enter pins, Space selects, + and - "
        f"zoom, Escape clears.{reductions(study)}"
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


def _stage(data: MapData) -> Markup:
    """The large map under its controls, and what is written below it."""
    sheet = data.words["sheet"]
    search = tag("input", type="search", id="map-search", placeholder="id, label, factor > 1")
    choices = [
        _field("Search", search),
        _button("Select all found", "found", hidden=True),
        _field("Colour by", _colours(data)),
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
            tag("canvas", id="map-face", width=sheet["width"], height=sheet["height"])
            if sheet
            else None,
            tag("span", id="map-name"),
            id="map-card",
            hidden=True,
        ),
        class_="plot",
    )
    tools = [
        _button("Lasso", "lasso", pressed=False),
        _button("Images", "images", pressed=False, hidden=not sheet),
        _button("Names", "names", pressed=True),
        _button("Zoom in", "closer"),
        _button("Zoom out", "farther"),
        _button("Whole map", "all"),
    ]
    scale = tag(
        "p",
        tag("span"),
        tag("canvas", width=256, height=1, aria_hidden="true"),
        tag("span"),
        tag("span", "grey: none", class_="facts"),
        id="map-scale",
        class_="under scale",
        hidden=True,
    )
    return tag(
        "div",
        tag("div", choices, class_="under choices"),
        plot,
        scale,
        tag("p", id="map-note", class_="facts"),
        tag("div", tools, class_="tools"),
        class_="stage",
    )


def _colours(data: MapData) -> Markup:
    """What can colour the map: the label if there are several, groups, numbers; or nothing."""
    labels, names = data.words["labels"], _column_names(data)
    options = [tag("option", name, value=place) for place, name in enumerate(names)]
    none = tag("option", "none", value=-1, selected=labels is None or len(labels) < 2)
    return tag("select", options, none, id="map-colour")


def _column_names(data: MapData) -> list[str]:
    """The columns as the page counts them: the label, groups, numbers."""
    labels = [] if data.words["labels"] is None else [data.words["label_noun"]]
    return labels + [one["name"] for one in data.words["columns"]]


def _views(data: MapData) -> Markup:
    buttons = [
        tag("button", tag("canvas", aria_hidden="true"), tag("span", one["name"]), type="button")
        for one in data.words["representations"]
    ]
    return tag(
        "div",
        tag("canvas", id="map-marks", aria_hidden="true"),
        buttons,
        id="map-views",
        class_="views",
        role="group",
        aria_label="Representation",
    )


def _panel(data: MapData) -> Markup:
    """The image in focus with its neighbours, and the selection."""
    k, label = data.words["neighbors"], data.words["label_noun"]
    strip = [
        tag("canvas", width=STRIP[0], height=STRIP[1], aria_hidden="true"),
        [tag("button", type="button")] * k,
    ]
    neighbours = [
        tag("p", id="map-true-said", class_="facts"),
        tag("div", strip, id="map-true", class_="strip"),
        tag("p", id="map-near-said", class_="facts"),
        tag("div", strip, id="map-near", class_="strip"),
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
            _reconstructions(),
            tag("div", _tables(data), id="map-tables", hidden=True),
        ),
        class_="panel",
    )


def _reconstructions() -> Markup:
    """Where the page draws the selected images again, if it can."""
    return tag(
        "div",
        tag("p", id="map-drawn-said", class_="facts"),
        tag("div", id="map-drawn-size", class_="tools"),
        tag("div", id="map-drawn-pictures", class_="pictures"),
        id="map-drawn",
        hidden=True,
    )


def _tables(data: MapData) -> list[Markup]:
    """The tables of a selection: its images, and each column that differs by view."""
    columns = data.words["columns"]
    titles = ["Image", *_column_names(data)]
    head = tag("tr", [tag("th", one, scope="col") for one in titles])
    words = "Selected images"
    listed = scrolling(tag("table", tag("thead", head), tag("tbody")), words)
    tables = [_fold(words, listed, tag("p", class_="facts"))]
    for column in columns:
        if not column["views"]:
            continue
        words = f"Median {column['name']}, selection beside all"
        heads = [
            tag("th", "Representation", scope="col"),
            *(tag("th", one, scope="col", class_="number") for one in ("selection", "all")),
        ]
        rows = [
            tag("tr", tag("th", one["name"], scope="row"), [tag("td", class_="number")] * 2)
            for one in data.words["representations"]
        ]
        table = tag("table", tag("thead", tag("tr", heads)), tag("tbody", rows))
        tables.append(_fold(words, table))
    return tables


def _fold(words: str, *content: Markup) -> Markup:
    return tag("details", tag("summary", words), content)


SECTION = Section(
    title="Map of the images in each representation",
    short="Map",
    stage="manifold",
    needs=("results/map.csv", "results/images.csv"),
    tables=TABLES,
    render=render,
)
