"""UMAP embeddings, computed from the neighbour graph alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from umap.umap_ import (
    discrete_metric_simplicial_set_intersection,
    find_ab_params,
    fuzzy_simplicial_set,
    simplicial_set_embedding,
)

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.neighbors import Neighbors
from repviz.manifold.neighbors import neighbors as nearest
from repviz.principal import pca

EPOCHS_SMALL, EPOCHS_LARGE, LARGE = 500, 200, 10_000  # umap-learn's own schedule
DENSITY_EPOCHS = 200  # more for densMAP, as umap-learn adds
MOST_NEIGHBORS = 10_000  # of a row: with more, the graph is not local
TELEPORT = 1e-2  # total weight of the weak edges from a row to all others that join components


def umap(
    graph: Neighbors | Any,
    *,
    components: int = 2,
    neighbors: int = 15,
    min_dist: float = 0.1,
    init: Any = None,
    labels: Any = None,
    densmap: bool = False,
    seed: int = 0,
) -> np.ndarray:
    """A UMAP embedding of the graph's rows, bit-identical for the same seed on one machine.

    Distances within a neighbourhood mean something, distances between far groups and the axes
    themselves do not. McInnes, Healy, Melville 2018, "UMAP", arXiv:1802.03426, by umap-learn;
    unlike its UMAP class, this never sees the rows, only the graph.

    Parameters
    ----------
    graph : Neighbors or array_like, shape (n, d)
        With at least ``neighbors - 1`` neighbours per row, or all other rows where there are fewer.
        The graph of a matrix is computed here.
    components : int
        Coordinates of the map, from 1 to 10.
    neighbors : int
        How many rows, itself among them, make a row's neighbourhood; from 2 to 10,000.
    min_dist : float
        How tightly points may be packed, in map units, from 0 to 1.
    init : "pca" or array_like, shape (n, >= components), optional
        Where the points start: the rows' principal components, or any map. The graph's spectral
        layout if None.
    labels : array_like, shape (n,), optional
        For supervised UMAP: edges between rows of different labels are weakened. Such a map must
        not be used to judge whether labels separate.
    densmap : bool
        Whether crowded neighbourhoods are drawn small and sparse ones large (Narayan, Berger, Cho
        2021, "Assessing single-cell transcriptomic variability through density-preserving data
        visualization", Nature Biotechnology 39).
    seed : int
        Of the optimisation's random choices, from 0 to 4294967295.

    Returns
    -------
    ndarray of float32, shape (n, components)

    Raises
    ------
    InputError
        The graph holds too few neighbours, or an option is out of its range.
    """
    components = checks.integer("umap", "components", components, low=1, high=10)
    seed = checks.seed("umap", seed)
    densmap = checks.flag("umap", "densmap", densmap)
    min_dist = checks.real("umap", "min_dist", min_dist, low=0, high=1)
    neighbors = checks.integer("umap", "neighbors", neighbors, low=2, high=MOST_NEIGHBORS)
    if not isinstance(graph, Neighbors):
        rows = checks.matrix("umap", graph)
        graph = nearest(rows, k=min(neighbors, len(rows)) - 1)
    near = min(neighbors, graph.n) - 1
    if graph.k < near:
        raise InputError(
            f"umap: the graph must have at least neighbors - 1 = {near} neighbours per row, got "
            f"{graph.k}. Build it with neighbors(X, k={near}), or use neighbors={graph.k + 1}."
        )
    if labels is not None:
        labels = checks.labels("umap", "labels", labels, graph.n)
    start = None if init is None else _given(init, graph, components)
    rng = np.random.RandomState(seed)
    edges, lengths = _fuzzy(graph, near, rng)
    if labels is not None:
        edges = _labelled(edges, labels)
    if start is None:
        start = _spectral(edges, components, seed)
    if np.ptp(start, axis=0).min() == 0:
        start = start + rng.normal(scale=1e-4 * max(1.0, float(np.ptp(start))), size=start.shape)
    a, b = find_ab_params(1.0, min_dist)
    density = {"lambda": 2.0, "frac": 0.3, "var_shift": 0.1, "n_neighbors": near + 1}
    placed, _ = simplicial_set_embedding(
        data=None,
        graph=edges,
        n_components=components,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=(EPOCHS_SMALL if graph.n <= LARGE else EPOCHS_LARGE) + DENSITY_EPOCHS * densmap,
        init=start.astype(np.float32),
        random_state=rng,
        metric="euclidean",
        metric_kwds={},
        densmap=densmap,
        densmap_kwds={**density, "graph_dists": lengths},
        output_dens=False,
        parallel=False,
    )
    return np.ascontiguousarray(placed, dtype=np.float32)


def _labelled(edges: scipy.sparse.coo_matrix, labels: np.ndarray) -> scipy.sparse.coo_matrix:
    """The edges, weakened between different labels, with umap-learn's default target weight."""
    numbered = np.unique(labels, return_inverse=True)[1].astype(np.float32)
    return discrete_metric_simplicial_set_intersection(edges, numbered, far_dist=5.0)


def _fuzzy(
    graph: Neighbors, near: int, rng: np.random.RandomState
) -> tuple[scipy.sparse.coo_matrix, Any]:
    """The weighted edges of the fuzzy simplicial set, and their lengths.

    umap-learn expects each row as its own first neighbour.
    """
    own = np.arange(graph.n)[:, None]
    edges, _, _, lengths = fuzzy_simplicial_set(
        X=np.empty((graph.n, 1), np.float32),  # only its length is read when the graph is given
        n_neighbors=near + 1,
        random_state=rng,
        metric="euclidean",
        knn_indices=np.hstack([own, graph.indices[:, :near]]),
        knn_dists=np.hstack(
            [np.zeros(own.shape, np.float32), in_float32(graph.distances[:, :near])]
        ),
        return_dists=True,
    )
    return edges, lengths


def in_float32(distances: np.ndarray) -> np.ndarray:
    """Distances as float32, scaled by a power of two if out of its range: maps have no unit.

    Values that are still over 1e30 are set to 1e30, since sums of infinities give no weights.
    """
    middle = float(np.median(distances))
    scale = 1.0 if middle == 0 or 1e-12 < middle < 1e12 else 2.0 ** np.round(np.log2(middle))
    return np.minimum(distances / scale, 1e30).astype(np.float32)


def _spectral(edges: scipy.sparse.coo_matrix, components: int, seed: int) -> np.ndarray:
    """The spectral layout: leading nontrivial eigenvectors of the random walk, (n, components).

    Weak edges between all rows keep unconnected components apart instead of at one point.
    """
    n = edges.shape[0]
    if n <= components + 2:
        return np.random.default_rng(seed).standard_normal((n, components))
    weights = np.asarray(edges.sum(axis=1)).ravel() + TELEPORT
    root = 1 / np.sqrt(weights)

    def spread(x: np.ndarray) -> np.ndarray:
        scaled = root * x.ravel()
        return root * (edges @ scaled + TELEPORT * scaled.mean())

    walk = scipy.sparse.linalg.LinearOperator((n, n), matvec=spread, dtype=np.float64)
    start = np.random.default_rng(seed).random(n)
    values, vectors = scipy.sparse.linalg.eigsh(walk, k=components + 1, which="LA", v0=start)
    slow = vectors[:, np.argsort(-values)[1:]] * root[:, None]
    return slow * np.where(slow[np.abs(slow).argmax(axis=0), np.arange(components)] < 0, -1, 1)


def _given(init: Any, graph: Neighbors, components: int) -> np.ndarray:
    if isinstance(init, str):
        checks.one_of("umap", "init", init, ("pca",))
        most = min(components, graph.n - 1, graph.d)
        scores = pca(graph.X, components=most).scores
        wide = np.zeros((graph.n, components))
        reach = float(np.abs(scores).max())
        wide[:, :most] = scores * (10 / reach) if reach > 0 else 0
        return wide
    start = checks.matrix("umap", init, columns=components)
    if len(start) != graph.n:
        raise InputError(
            f"umap: init must have one row for each of the graph's {graph.n} rows, got "
            f"{len(start)}."
        )
    return start[:, :components]
