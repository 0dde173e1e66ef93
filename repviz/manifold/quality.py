"""How far a map keeps the neighbourhoods that it was drawn from.

Venna and Kaski 2001, "Neighborhood preservation in nonlinear projection methods", ICANN. Both
measures count the intruders among k neighbours, each by how far beyond k its true rank lies:

    1 - 2 / (n k (2 n - 3 k - 1)) * sum over rows and intruders of (rank - k)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.neighbors import Neighbors, neighbors

BLOCK_BYTES = 64 << 20


def trustworthiness(graph: Neighbors, embedding: Any, *, k: int = 15) -> float:
    """The share of map neighbours to be trusted, in [0, 1]: 1 where all are true neighbours.

    Parameters
    ----------
    graph : Neighbors
        The graph that the map was drawn from. Ranks are taken from its rows, exactly, block by
        block: about n^2 d operations.
    embedding : array_like, shape (n, m)
        The map.
    k : int
        The neighbourhood's size, from 1 to (n - 1) // 2 and at most the graph's k.

    Raises
    ------
    InputError
        The map has not one row for each of the graph's, or ``k`` is out of its range.
    """
    mapped = _mapped("trustworthiness", graph, embedding, k)
    return _kept(graph, mapped.indices, graph.indices[:, :k])


def continuity(graph: Neighbors, embedding: Any, *, k: int = 15) -> float:
    """The share of true neighbours that stay neighbours on the map, in [0, 1].

    Parameters
    ----------
    graph : Neighbors
        The graph that the map was drawn from.
    embedding : array_like, shape (n, m)
        The map; ranks are taken from it.
    k : int
        The neighbourhood's size, from 1 to (n - 1) // 2 and at most the graph's k.

    Raises
    ------
    InputError
        The map has not one row for each of the graph's, or ``k`` is out of its range.
    """
    mapped = _mapped("continuity", graph, embedding, k)
    return _kept(mapped, graph.indices[:, :k], mapped.indices)


def _mapped(who: str, graph: Neighbors, embedding: Any, k: int) -> Neighbors:
    k = checks.whole(who, "k", k, low=1, high=min(graph.k, (graph.n - 1) // 2))
    embedding = checks.matrix(who, embedding)
    if len(embedding) != graph.n:
        raise InputError(
            f"{who}: the embedding must hold one row for each of the graph's {graph.n} rows, "
            f"got {len(embedding)}."
        )
    return neighbors(embedding, k=k)


def _kept(truth: Neighbors, shown: np.ndarray, true: np.ndarray) -> float:
    """One less the penalty of the ``shown`` neighbours (n, k) that are not among the ``true``."""
    n, k = shown.shape
    penalty = 0
    step = max(1, BLOCK_BYTES // (8 * n))
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        intruders = ~(shown[part, :, None] == true[part, None, :]).any(axis=2)
        squared = _from_rows(truth, part)
        for column in range(k):
            row = np.flatnonzero(intruders[:, column])
            reach = squared[row, shown[part][row, column]]
            rank = (squared[row] < reach[:, None]).sum(axis=1) + 1
            penalty += int((rank - k).clip(0).sum())
    return 1 - 2 * penalty / (n * k * (2 * n - 3 * k - 1))


def _from_rows(truth: Neighbors, part: slice) -> np.ndarray:
    """Distances (rows of the part, n), up to what keeps their order; infinite to itself."""
    X = truth.X
    norms = np.ones(len(X)) if truth.metric == "euclidean" else np.linalg.norm(X, axis=1)
    out = np.zeros((part.stop - part.start, len(X)))
    step = max(1, BLOCK_BYTES // (8 * len(X)))
    for start in range(0, X.shape[1], step):
        block = X[:, start : start + step] / norms[:, None]
        block = block - block.mean(axis=0)
        out += np.einsum("ij,ij->i", block, block) - 2 * (block[part] @ block.T)
    out[np.arange(len(out)), np.arange(part.start, part.stop)] = np.inf
    return out
