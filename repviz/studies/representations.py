"""What is measured of each representation: spectrum, dimension, map, and who is nearest to whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from repviz import intervals, progress
from repviz.errors import InputError
from repviz.manifold.dimension import dimension
from repviz.manifold.embedding.umap_map import umap
from repviz.manifold.neighbors import neighbors, neighbors_between
from repviz.manifold.quality import trustworthiness
from repviz.principal import pca
from repviz.principal.parallel import parallel_analysis
from repviz.study_folder import Draft

COMPONENTS = 50  # of the spectrum that is kept
DRAWN = 12  # principal components shown as pictures
NEIGHBOURS = 50  # of the shared graph
TRUST = 15  # neighbourhood size at which a map is judged, the one that UMAP looks at


@dataclass(frozen=True)
class Representation:
    """One (n, d) matrix of a study, and where it is from.

    Attributes
    ----------
    name : str
        As the report shows it: "pixels", "code 32", "trained fc7".
    model, weights, layer : str
        "alexnet", "random" or "trained" ("none" for pixels), "fc7".
    X : array_like, shape (n, d)
        A row an image; read when it is needed.
    """

    name: str
    model: str
    weights: str
    layer: str
    X: Any


def describe_representations(
    draft: Draft,
    representations: Iterable[Representation],
    *,
    labels: np.ndarray | None,
    identity: tuple[np.ndarray, np.ndarray],
    clusters: np.ndarray | None,
    seed: int,
) -> None:
    """Keep layers.csv, spectrum.csv and map.csv: a row a representation, component, point.

    Parameters
    ----------
    draft : Draft
        What the stage writes to.
    representations : iterable of Representation
        All with the same n rows.
    labels : ndarray, shape (n,), or None
        Who is on each image; None leaves the nearest-neighbour share out.
    identity : (ndarray, ndarray)
        Rows that are known, and held-out rows that are looked up among them.
    clusters : ndarray, shape (n,), or None
        Which rows are no independent draws, for the interval of the dimension.
    seed : int
        Of the maps.
    """
    representations = list(representations)
    layers, spectra, maps = [], [], []
    with progress.task("manifold", len(representations), "matrices") as advance:
        for of in representations:
            X = np.asarray(of.X)
            try:
                row, spectrum, xy = _measured(X, clusters, seed)
            except InputError as error:
                raise InputError(
                    f"study: '{of.name}' must tell its {len(X)} images apart to be measured, and "
                    f"does not: a layer that is dead, or few different images. ({error})"
                ) from error
            named = {"representation": of.name, "model": of.model, "weights": of.weights}
            nearest = _nearest_same(X, labels, identity)
            layers.append({**named, "layer": of.layer, **row, **nearest, "seed": seed})
            spectra.append(spectrum.assign(representation=of.name))
            maps.append(pd.DataFrame(xy, columns=["x", "y"]).assign(representation=of.name))
            advance(1)
    draft.table("layers", pd.DataFrame(layers))
    draft.table("spectrum", pd.concat(spectra))
    draft.table("map", pd.concat(maps).rename_axis("row").reset_index())


def draw_components(draft: Draft, images: np.ndarray, *, seed: int) -> None:
    """Write the leading principal components of images as pictures, beside their null.

    Writes ``components.csv`` (component, ratio, null: the largest share of the variance at this
    place when each pixel is shuffled among the images by itself) and the array ``components``.

    Parameters
    ----------
    images : ndarray, shape (n, c, h, w)
    seed : int
        Of the shuffles.
    """
    X = images.reshape(len(images), -1)
    found = pca(X, components=min(DRAWN, len(X) - 1))
    told = len(found.explained_variance)
    null = parallel_analysis(X, components=told, seed=seed)
    total = found.explained_variance[0] / found.explained_variance_ratio[0]
    table = {
        "component": np.arange(1, told + 1),
        "ratio": found.explained_variance_ratio,
        "null": null.null / total,
        "n": len(X),
        "repeats": null.repeats,
    }
    draft.table("components", pd.DataFrame(table))
    pictures = found.components.reshape(told, *images.shape[1:])
    draft.array("components", pictures.astype(np.float32))


def _measured(
    X: np.ndarray, clusters: np.ndarray | None, seed: int
) -> tuple[dict[str, Any], pd.DataFrame, np.ndarray]:
    """One matrix: a row of numbers, its spectrum, and its map (n, 2)."""
    graph = neighbors(X, k=min(NEIGHBOURS, len(X) - 1))
    estimate = dimension(graph, groups=clusters)
    spectrum = pca(X)
    xy = umap(graph, seed=seed)
    trust = min(TRUST, (len(X) - 1) // 2)
    ratio = spectrum.explained_variance_ratio
    cumulative = np.cumsum(ratio)
    row = {
        "n": len(X),
        "groups": len(X if clusters is None else np.unique(clusters)),
        "d": X.shape[1],
        "dimension": estimate.value,
        "dimension_low": estimate.low,
        "dimension_high": estimate.high,
        "calibrated": estimate.calibrated,
        "calibrated_low": estimate.calibrated_low,
        "calibrated_high": estimate.calibrated_high,
        "participation_ratio": spectrum.participation_ratio,
        "components_90": int(np.searchsorted(cumulative, 0.9) + 1),
        "trustworthiness": trustworthiness(graph, xy, k=trust),
        "trustworthiness_k": trust,
        "warnings": " ".join(estimate.warnings),
    }
    table = {
        "component": np.arange(1, len(ratio) + 1),
        "ratio": ratio,
        "cumulative": cumulative,
    }
    return row, pd.DataFrame(table)[:COMPONENTS], xy


def _nearest_same(
    X: np.ndarray, labels: np.ndarray | None, identity: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    """How often a held-out image's nearest known image shows the same person."""
    if labels is None or len(np.unique(labels)) < 2:
        return dict.fromkeys(
            ["nearest_same", "nearest_low", "nearest_high", "nearest_n", "nearest_chance"], np.nan
        )
    known, looked_up = identity
    found, _ = neighbors_between(X[looked_up], X[known], k=1)
    hits = int((labels[known][found[:, 0]] == labels[looked_up]).sum())
    low, high = intervals.share(hits, len(looked_up))
    _, sizes = np.unique(labels[known], return_counts=True)
    return {
        "nearest_same": hits / len(looked_up),
        "nearest_low": low,
        "nearest_high": high,
        "nearest_n": len(looked_up),
        "nearest_chance": float(np.square(sizes / sizes.sum()).sum()),
    }
