"""PaCMAP from the shared graph: an optional package."""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError, Unavailable
from repviz.manifold.neighbors import Neighbors
from repviz.manifold.neighbors import neighbors as nearest


def pacmap(
    graph: Neighbors | Any, *, components: int = 2, neighbors: int = 10, seed: int = 0
) -> np.ndarray:
    """A PaCMAP map of the graph's rows: near pairs from the graph, mid-near and far ones drawn.

    Wang, Huang, Rudin, Shaposhnik 2021, "Understanding how dimension reduction tools work", JMLR
    22, by the authors' package.

    Parameters
    ----------
    graph : Neighbors or array_like, shape (n, d)
        With ``neighbors`` neighbours per row. Of a matrix the graph is made here.
    components : int
        Coordinates of the map, from 1 to 10.
    neighbors : int
        How many near pairs a row has, from 2.
    seed : int
        Of the pairs that are drawn.

    Returns
    -------
    ndarray of float32, shape (n, components)

    Raises
    ------
    Unavailable
        pacmap is not installed.
    InputError
        The graph holds too few neighbours, or an option is out of its range.
    """
    try:
        from pacmap import PaCMAP
    except ImportError as error:
        raise Unavailable(
            "pacmap: the package pacmap is needed and is not installed. Run: pip install pacmap, "
            "or use method='umap'."
        ) from error
    components = checks.integer("pacmap", "components", components, low=1, high=10)
    seed = checks.seed("pacmap", seed)
    near = checks.integer("pacmap", "neighbors", neighbors, low=2)
    if not isinstance(graph, Neighbors):
        rows = checks.matrix("pacmap", graph)
        graph = nearest(rows, k=min(near, len(rows) - 1))
    if graph.k < near or graph.n <= 2 * near:
        raise InputError(
            f"pacmap: the graph must have at least {near} neighbours per row (the option "
            f"neighbors) and more than {2 * near} rows, got {graph.k} and {graph.n}. Build it "
            f"with neighbors(X, k={near})."
        )
    pairs = np.stack(
        [np.repeat(np.arange(graph.n), near), graph.indices[:, :near].ravel()], axis=1
    ).astype(np.int32)
    fit = PaCMAP(components, n_neighbors=near, pair_neighbors=pairs, random_state=seed)
    start = "pca" if min(graph.n, graph.d) >= components else "random"
    return np.asarray(fit.fit_transform(np.array(graph.X, np.float32), init=start), np.float32)
