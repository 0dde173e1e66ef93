"""The linear map: principal components, the baseline of every other embedding."""

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
    scores = pca(X, components=components, seed=seed).scores
    reach = float(np.abs(scores).max())
    # A map has no unit: where float32 would not hold it, it is divided by a power of two.
    scale = 1.0 if reach == 0 or 1e-30 < reach < 1e30 else 2.0 ** np.round(np.log2(reach))
    return (scores / scale).astype(np.float32)
