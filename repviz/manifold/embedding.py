"""UMAP: a map in which rows that are near lie near, drawn from the neighbour graph alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.neighbors import Neighbors
from repviz.manifold.neighbors import neighbors as nearest

EPOCHS_SMALL, EPOCHS_LARGE, LARGE = 500, 200, 10_000  # umap-learn's own schedule
TELEPORT = 1e-2  # weight, beside a row's own, of the thread that ties every row to every other


def umap(
    graph: Neighbors | Any,
    *,
    components: int = 2,
    neighbors: int = 15,
    min_dist: float = 0.1,
    init: Any = None,
    seed: int = 0,
) -> np.ndarray:
    """A map of the graph's rows, the same to the bit for the same seed on one machine.

    Distances within a neighbourhood mean something, distances between far groups and the axes
    themselves do not. McInnes, Healy, Melville 2018, "UMAP", arXiv:1802.03426, by umap-learn;
    unlike its UMAP class, this never sees the rows, only the graph.

    Parameters
    ----------
    graph : Neighbors or array_like, shape (n, d)
        With at least ``neighbors - 1`` neighbours a row; fewer rows than that use what there is.
        Of a matrix the graph is made here.
    components : int
        Coordinates of the map, from 1 to 10.
    neighbors : int
        How many rows, itself among them, make a row's neighbourhood; from 2.
    min_dist : float
        How tightly points may be packed, in map units, from 0 to 1.
    init : array_like, shape (n, >= components), optional
        Where the points start, such as PCA scores. The graph's spectral layout if None.
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
    components = checks.whole("umap", "components", components, low=1, high=10)
    seed = checks.whole("umap", "seed", seed, low=0, high=2**32 - 1)
    min_dist = checks.real("umap", "min_dist", min_dist, low=0, high=1)
    if not isinstance(graph, Neighbors):
        rows = checks.matrix("umap", graph)
        graph = nearest(
            rows, k=min(checks.whole("umap", "neighbors", neighbors, low=2), len(rows)) - 1
        )
    near = min(checks.whole("umap", "neighbors", neighbors, low=2), graph.n) - 1
    if graph.k < near:
        raise InputError(
            f"umap: the graph must hold at least neighbors - 1 = {near} neighbours a row, "
            f"got {graph.k}. Make it with neighbors(X, k={near}) or take neighbors={graph.k + 1}."
        )
    random = np.random.RandomState(seed)
    ties = _fuzzy(graph, near, random)
    start = _spectral(ties, components, seed) if init is None else _given(init, graph.n, components)
    if np.ptp(start, axis=0).min() == 0:
        start = start + random.normal(scale=1e-4 * max(1.0, float(np.ptp(start))), size=start.shape)
    a, b = find_ab_params(1.0, min_dist)
    placed, _ = simplicial_set_embedding(
        data=None,
        graph=ties,
        n_components=components,
        initial_alpha=1.0,
        a=a,
        b=b,
        gamma=1.0,
        negative_sample_rate=5,
        n_epochs=EPOCHS_SMALL if graph.n <= LARGE else EPOCHS_LARGE,
        init=start.astype(np.float32),
        random_state=random,
        metric="euclidean",
        metric_kwds={},
        densmap=False,
        densmap_kwds={},
        output_dens=False,
        parallel=False,
    )
    return np.ascontiguousarray(placed, dtype=np.float32)


def _fuzzy(graph: Neighbors, near: int, random: np.random.RandomState) -> scipy.sparse.coo_matrix:
    """The weighted ties between rows; umap-learn wants each row as its own first neighbour."""
    own = np.arange(graph.n)[:, None]
    ties, _, _ = fuzzy_simplicial_set(
        X=np.empty((graph.n, 1), np.float32),  # only its length is read when the graph is given
        n_neighbors=near + 1,
        random_state=random,
        metric="euclidean",
        knn_indices=np.hstack([own, graph.indices[:, :near]]),
        knn_dists=np.hstack([np.zeros_like(own), graph.distances[:, :near]]).astype(np.float32),
    )
    return ties


def _spectral(ties: scipy.sparse.coo_matrix, components: int, seed: int) -> np.ndarray:
    """The slowest ways in which a value can vary over the graph, (n, components).

    A weak thread between all rows keeps groups that nothing else ties apart instead of on one spot.
    """
    n = ties.shape[0]
    if n <= components + 2:
        return np.random.default_rng(seed).standard_normal((n, components))
    weights = np.asarray(ties.sum(axis=1)).ravel() + TELEPORT
    root = 1 / np.sqrt(weights)

    def spread(x: np.ndarray) -> np.ndarray:
        scaled = root * x.ravel()
        return root * (ties @ scaled + TELEPORT * scaled.mean())

    walk = scipy.sparse.linalg.LinearOperator((n, n), matvec=spread, dtype=np.float64)
    start = np.random.default_rng(seed).random(n)
    values, vectors = scipy.sparse.linalg.eigsh(walk, k=components + 1, which="LA", v0=start)
    slow = vectors[:, np.argsort(-values)[1:]] * root[:, None]
    return slow * np.where(slow[np.abs(slow).argmax(axis=0), np.arange(components)] < 0, -1, 1)


def _given(init: Any, n: int, components: int) -> np.ndarray:
    start = checks.matrix("umap", init, columns=components)
    if len(start) != n:
        raise InputError(
            f"umap: init must hold one row for each of the graph's {n} rows, got {len(start)}."
        )
    return start[:, :components]
