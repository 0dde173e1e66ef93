"""t-SNE from the shared graph, by openTSNE: an optional package."""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError, Unavailable
from repviz.manifold.neighbors import Neighbors, neighbors
from repviz.principal import pca


def tsne(
    graph: Neighbors | Any, *, components: int = 2, perplexity: float = 30, seed: int = 0
) -> np.ndarray:
    """A t-SNE map of the graph's rows that starts from their principal components.

    van der Maaten and Hinton 2008, "Visualizing data using t-SNE", JMLR 9; by openTSNE (Policar,
    Strazar, Zupan 2024, Journal of Statistical Software 109) on one thread, so that a seed gives
    one map.

    Parameters
    ----------
    graph : Neighbors or array_like, shape (n, d)
        With three times ``perplexity`` neighbours per row. Of a matrix the graph is made here.
    components : int
        Coordinates of the map, 1 or 2: openTSNE's fast methods know no more.
    perplexity : float
        The effective number of neighbours, from 2 to a third of the graph's k.
    seed : int
        Of the optimisation.

    Returns
    -------
    ndarray of float32, shape (n, components)

    Raises
    ------
    Unavailable
        openTSNE is not installed.
    InputError
        The graph holds too few neighbours, or an option is out of its range.
    """
    try:
        from openTSNE import TSNE
        from openTSNE.affinity import PerplexityBasedNN
        from openTSNE.nearest_neighbors import PrecomputedNeighbors
    except ImportError as error:
        raise Unavailable(
            "tsne: the package openTSNE is needed and is not installed. Run: pip install "
            "openTSNE, or use method='umap'."
        ) from error
    components = checks.integer("tsne", "components", components, low=1, high=2)
    seed = checks.seed("tsne", seed)
    if not isinstance(graph, Neighbors):
        rows = checks.matrix("tsne", graph, rows=8)
        graph = neighbors(rows, k=min(round(3 * perplexity), len(rows) - 1))
        perplexity = min(perplexity, graph.k / 3)
    if graph.n < 8:
        raise InputError(f"tsne: the graph must have at least 8 rows, got {graph.n}.")
    perplexity = checks.real("tsne", "perplexity", perplexity, low=2, high=graph.k / 3)
    near = round(3 * perplexity)
    index = PrecomputedNeighbors(
        np.ascontiguousarray(graph.indices[:, :near]),
        np.ascontiguousarray(graph.distances[:, :near]),
    )
    affinities = PerplexityBasedNN(perplexity=perplexity, knn_index=index)
    most = min(components, graph.d)
    start = np.zeros((graph.n, components))
    start[:, :most] = pca(graph.X, components=most).scores
    start *= 1e-4 / max(float(start[:, 0].std()), np.finfo(float).tiny)
    start += np.random.default_rng(seed).normal(scale=1e-7, size=start.shape)
    fit = TSNE(components, perplexity=perplexity, random_state=seed, n_jobs=1)
    return np.asarray(fit.fit(affinities=affinities, initialization=start), dtype=np.float32)
