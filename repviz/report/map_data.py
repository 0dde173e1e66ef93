"""What the explorer of a report holds of a study: points, labels, numbers and neighbours, packed.

Everything that is text (ids, labels, names) stands in JSON.

Blocks
------
map-words
    JSON: the key of the data, names of views, labels and numeric columns, the sprite sheet.
map-ids
    JSON: the id of each image.
map-points
    uint16, (views, 2, n): coordinates on a square grid, 65535 for an image that a view lacks.
map-labels
    uint32, (n,): the place of each image's label among the names.
map-columns
    uint16 (the group, where images have groups: the place of its name, one more where it is blank),
    then uint16 (images), then uint8 (views): each column's value between its ends; the largest
    integer marks a missing value.
map-neighbors
    uint16, or uint32 where n is above 65,535, (views, n, k): the nearest images of each image in
    the representation, nearest first; the largest integer where there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from repviz import number_format as numbers
from repviz.report.blocks import as_json, block
from repviz.report.html import Markup
from repviz.report.thumbnails import thumbnail_grid
from repviz.study_folder import Study, records

TABLES = {
    "map": "representation row x y",
    "images": "row id label",
    "layers": "representation model layer n trustworthiness trustworthiness_k",
    "sweep_images": "engine bottleneck row mse",
    "random_map": "representation accepted x y",
}
SPAN = 65534  # the largest coordinate
ABSENT = 65535
MOST_NEIGHBORS = 1_000_000  # indices that a page holds, over all views: of more the nearest
FEWEST_NEIGHBORS = 3  # of an image; fewer would say little of it

# Column of map.csv -> what it is called on the page.
BY_VIEW = {
    "trustworthiness": "trustworthiness of the map here",
    "local_dimension": "local dimension (MLE)",
}


@dataclass(frozen=True, eq=False)
class MapData:
    """The explorer's data.

    Attributes
    ----------
    words : dict
        What goes into the page as JSON.
    ids : list of str
        One per image.
    points : ndarray of uint16, shape (views, 2, n)
        Coordinates, and :data:`ABSENT`.
    labels : ndarray of uint32, shape (n,)
        Indices into ``words["labels"]``.
    columns : bytes
        The numeric columns, one after the other.
    neighbors : ndarray of uint16 or uint32, shape (views, n, k)
        Empty where the study holds none, or too many for a page.
    """

    words: dict[str, Any]
    ids: list[str]
    points: np.ndarray
    labels: np.ndarray
    columns: bytes
    neighbors: np.ndarray

    @property
    def n(self) -> int:
        """The number of images."""
        return len(self.ids)

    def blocks(self) -> list[Markup]:
        """The data as elements of the page."""
        return [
            block("map-words", as_json(self.words)),
            block("map-ids", as_json(self.ids)),
            block("map-points", _planes(self.points)),
            block("map-labels", self.labels.astype("<u4").tobytes()),
            block("map-columns", self.columns),
            block("map-neighbors", self.neighbors.tobytes()),
        ]


def map_data(study: Study) -> MapData:
    """The explorer's data of a study that has ``map.csv`` and ``images.csv``."""
    table = study.result("map", TABLES["map"])
    images = study.result("images", TABLES["images"]).sort_values("row")
    names = _names(study, table)
    views = [table[table["representation"] == name] for name in names]
    n, ids = len(images), images["id"].tolist()
    points = np.stack([quantised(rows, n) for rows in views])
    codes, labels = pd.factorize(images["label"])
    labelled = bool(images["label"].ne("").any())
    described, packed = _columns(study, images, views)
    stored = list(dict.fromkeys(table["representation"]))
    neighbors = _neighbors(study, stored, names, views, n)
    text = as_json([ids, images["label"].tolist()])
    place = thumbnail_grid(study)
    words = {
        "key": hashlib.sha256(text + points.tobytes()).hexdigest()[:12],
        "n": n,
        "label_noun": study.nouns.label,
        "labels": [str(label) for label in labels] if labelled else None,
        "representations": [{"name": name, "note": note} for name, note in _notes(study, names)],
        "columns": described,
        "neighbors": neighbors.shape[2],
        "random": _random(study, dict(zip(names, views, strict=True))),
        "sheet": place and asdict(place),
    }
    return MapData(words, ids, points, codes, packed, neighbors)


def quantised(rows: pd.DataFrame, n: int) -> np.ndarray:
    """Points on a square grid of 65,535 steps, both axes to one scale, centred; (2, n) uint16."""
    points = np.full((2, n), ABSENT, dtype=np.uint16)
    there = np.isfinite(rows[["x", "y"]].to_numpy(np.float64)).all(axis=1)
    if there.any():
        points[:, rows["row"].to_numpy()[there]] = _on_grid(rows[there], rows[there]).T
    return points


def _on_grid(rows: pd.DataFrame, points: pd.DataFrame) -> np.ndarray:
    """The places of ``rows`` (m, 2) on the square grid that ``points`` fill."""
    xy, filled = (one[["x", "y"]].to_numpy(np.float64) for one in (rows, points))
    low, high = filled.min(axis=0), filled.max(axis=0)
    scale = SPAN / (float((high - low).max()) or 1.0)
    placed = (xy - (low + high) / 2) * scale + SPAN / 2
    return np.rint(placed.clip(0, SPAN)).astype(np.uint16)


def _random(study: Study, views: dict[str, pd.DataFrame]) -> list[list[list[int]]]:
    """The random images on each map: x, y, and 1 where the judges accept one."""
    if not study.has("results/random_map.csv"):
        return []
    table = study.result("random_map", TABLES["random_map"])
    random = []
    for name, rows in views.items():
        own = table[table["representation"] == name]
        marks = np.column_stack([_on_grid(own, rows), own["accepted"]])
        random.append(marks.astype(int).tolist())
    return random


def _columns(
    study: Study, images: pd.DataFrame, views: list[pd.DataFrame]
) -> tuple[list[dict[str, Any]], bytes]:
    """What to colour by: groups, factors and errors of the images, then quality in each view."""
    n = len(images)
    described, packed = [], []
    if "group" in images:
        groups = images["group"].fillna("").astype(str)
        names = [name for name in dict.fromkeys(groups) if name]
        if names and len(names) < ABSENT:  # more names than a map has colours would say nothing
            codes = {name: place for place, name in enumerate(names)} | {"": len(names)}
            described.append({"name": "group", "names": names, "views": False})
            packed.append(groups.map(codes).to_numpy("<u2").tobytes())
    for name, values in {**_factors(images), **_errors(study, n)}.items():
        finite = values[np.isfinite(values)]
        if len(finite) and finite.min() < finite.max():
            ends = float(finite.min()), float(finite.max())
            described.append({"name": name, "low": ends[0], "high": ends[1], "views": False})
            packed.append(_scaled(values, ends, np.dtype("<u2")))
    for column, name in BY_VIEW.items():
        if not all(column in rows for rows in views):
            continue
        values = np.full((len(views), n), np.nan)
        for place, rows in enumerate(views):
            values[place, rows["row"]] = rows[column]
        finite = values[np.isfinite(values)]
        if len(finite):
            # A few extreme values would leave all others in one colour.
            low, high = np.quantile(finite, [0.02, 0.98]).tolist()
            if low < high:
                described.append({"name": name, "low": low, "high": high, "views": True})
                packed.append(_scaled(values, (low, high), np.dtype("u1")))
    return described, b"".join(packed)


def _scaled(values: np.ndarray, ends: tuple[float, float], dtype: np.dtype) -> bytes:
    top = np.iinfo(dtype).max - 1
    share = (values - ends[0]) / (ends[1] - ends[0])
    return (
        np.where(np.isfinite(share), np.rint(np.nan_to_num(share).clip(0, 1) * top), top + 1)
        .astype(dtype)
        .tobytes()
    )


def _factors(images: pd.DataFrame) -> Mapping[str, np.ndarray]:
    prefix = "factor_"
    return {
        str(name)[len(prefix) :]: images[name].to_numpy(np.float64)
        for name in images
        if str(name).startswith(prefix) and pd.api.types.is_numeric_dtype(images[name])
    }


def _errors(study: Study, n: int) -> Mapping[str, np.ndarray]:
    """The squared error of each test image at the largest code size, per engine."""
    if not study.has("results/sweep_images.csv"):
        return {}
    table = study.result("sweep_images", TABLES["sweep_images"])
    errors = {}
    for engine, rows in table.groupby("engine", sort=False):
        size = rows["bottleneck"].max()
        rows = rows[rows["bottleneck"] == size]
        values = np.full(n, np.nan)
        values[rows["row"]] = rows["mse"]
        errors[f"reconstruction error ({engine}, {numbers.count(size)} numbers)"] = values
    return errors


def _neighbors(
    study: Study, stored: list[str], names: list[str], views: list[pd.DataFrame], n: int
) -> np.ndarray:
    """The stored neighbours in the order of the views, or none: (views, n, k)."""
    dtype = np.dtype("<u2" if n < ABSENT else "<u4")
    none = np.empty((len(names), n, 0), dtype)
    if not study.has("arrays/map_neighbors.npy"):
        return none
    indices = study.array("map_neighbors")
    k = min(indices.shape[2], MOST_NEIGHBORS // (len(names) * n))
    if k < FEWEST_NEIGHBORS:
        return none
    nearest = np.full((len(names), n, k), np.iinfo(dtype).max, dtype)
    for place, (name, rows) in enumerate(zip(names, views, strict=True)):
        nearest[place, rows["row"]] = indices[stored.index(name)][: len(rows), :k]
    return nearest


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
    if study.has("results/random_map.csv"):
        for name in set(study.result("random_map", TABLES["random_map"])["representation"]):
            marks = "✕ random image that the judges refuse, ◇ one that they accept"
            notes[name] = "; ".join(filter(None, (notes.get(name), marks)))
    return [(name, notes.get(name, "")) for name in names]


def _planes(values: np.ndarray) -> bytes:
    """uint16 as all low bytes, then all high bytes: the high ones compress."""
    return np.ascontiguousarray(values.astype("<u2")).view(np.uint8).reshape(-1, 2).T.tobytes()
