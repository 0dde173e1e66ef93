"""The linear map: principal components, the baseline of every other."""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz.manifold.neighbors import Neighbors
from repviz.principal import pca


def principal(graph: Neighbors | Any, *, components: int = 2, seed: int = 0) -> np.ndarray:
    """The leading principal components of the graph's rows, shape (n, components).

    Parameters
    ----------
    graph : Neighbors or array_like, shape (n, d)
        The rows, or a graph that holds them.
    components : int
        Coordinates of the map, from 1 to min(n - 1, d).
    seed : int
        Of nothing: the map is exact.
    """
    X = graph.X if isinstance(graph, Neighbors) else graph
    return pca(X, components=components, seed=seed).scores.astype(np.float32)
