"""The stage "random map" of a study: its random images among the images of a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from repviz.facespace.ladder import HELD_OUT
from repviz.manifold.embedding.landmarks import place_on_map
from repviz.manifold.neighbors import neighbors, neighbors_between
from repviz.study_folder import Draft, Study

# Rows of a representation (n, d), and the function that takes pixels (m, pixels) there.
Space = tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]


def random_map_stage(
    draft: Draft, *, study: Study, spaces: Mapping[str, Space], rows: np.ndarray, seed: int
) -> None:
    """Place the pictures of the ladder on maps of the study: random_map.csv.

    A place is an interpolation among the nearest images, however far these are. How far that is
    stands beside it, as a multiple of the median distance from an image to its nearest.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    study : Study
        With map.csv, ladder_samples.csv and the array ``ladder``.
    spaces : mapping of str to (ndarray, callable)
        Representations of map.csv.
    rows : ndarray of int, shape (n,)
        The rows of images.csv that the map shows.
    seed : int
        Seed with which the maps were drawn.
    """
    samples = study.result("ladder_samples")
    pictures = study.array("ladder").astype(np.float32) / np.float32(255)
    # Held-out images are points of the map already.
    random = samples[samples["rung"] != HELD_OUT]
    X = pictures.reshape(len(samples), -1)[random.index]
    table = study.result("map")
    tables = []
    for name, (points, represent) in spaces.items():
        drawn = table.loc[table["representation"] == name, ["x", "y"]].to_numpy()
        placed: Any = random[["rung", "sample", "accepted"]].reset_index(drop=True)
        there = represent(X)
        placed[["x", "y"]] = place_on_map(there, points, drawn, seed=seed)
        nearest, distance = neighbors_between(there, points)
        usual = np.median(neighbors(points, k=1).distances)
        placed["nearest_row"] = rows[nearest[:, 0]]
        placed["relative_distance"] = distance[:, 0] / usual if usual > 0 else np.nan
        tables.append(placed.assign(representation=name))
    draft.table("random_map", pd.concat(tables))
