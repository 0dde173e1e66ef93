"""Quality of a map: how far it preserves neighbourhoods, overall and at each point.

Venna and Kaski 2001, "Neighborhood preservation in nonlinear projection methods", ICANN. Both
measures count the intruders among k neighbours, each by how far beyond k its true rank lies:

    1 - 2 / (n k (2 n - 3 k - 1)) * sum over rows and intruders of (rank - k)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.stats

from repviz import checks
from repviz.errors import InputError
from repviz.manifold.neighbors import Neighbors, neighbors
from repviz.manifold.search.rows import workers

BLOCK_BYTES = 16 << 20
PAIRS = 100_000  # whose distances the Shepard correlation compares
OTHERS = 100  # rows that each point's own Shepard correlation compares it with


@dataclass(frozen=True, eq=False)
class Quality:
    """Measures of how faithful a map is.

    Attributes
    ----------
    trustworthiness : float
        In [0, 1], as :func:`trustworthiness`.
    continuity : float
        In [0, 1], as :func:`continuity`.
    knn_recall : float
        The share of k true neighbours that are among the k on the map, in [0, 1].
    label_hit : float
        The share of the k neighbours on the map that have the row's own label, in [0, 1]; NaN
        where no labels were given.
    shepard : float
        Spearman's rank correlation of distances between rows and on the map, over 100,000 random
        pairs, in [-1, 1]: how far large distances mean something.
    k : int
        The neighbourhood's size.
    n : int
        The number of rows.
    points : dict of str to ndarray of float64, shape (n,)
        The first four measures for each row, and "shepard" against 100 random others.
    """

    trustworthiness: float
    continuity: float
    knn_recall: float
    label_hit: float
    shepard: float
    k: int
    n: int
    points: dict[str, np.ndarray] = field(repr=False)


def quality(
    graph: Neighbors, embedding: Any, *, k: int = 15, labels: Any = None, seed: int = 0
) -> Quality:
    """Five measures of a map against the neighbour graph of its rows, overall and per point.

    Parameters
    ----------
    graph : Neighbors
        The graph that the map was drawn from; ranks are taken from its rows, exactly.
    embedding : array_like, shape (n, m)
        The map.
    k : int
        The neighbourhood's size, from 1 to (n - 1) // 2 and at most the graph's k.
    labels : array_like, shape (n,), optional
        What each row shows.
    seed : int
        Of the pairs whose distances are compared.

    Returns
    -------
    Quality

    Raises
    ------
    InputError
        The map or the labels have not one entry for each of the graph's rows, or ``k`` is out of
        its range.
    """
    mapped = _mapped("quality", graph, embedding, k)
    k, seed = mapped.k, checks.seed("quality", seed)
    true = graph.indices[:, :k]
    points = {
        "trustworthiness": _rank_preservation(graph, mapped.indices, true),
        "continuity": _rank_preservation(mapped, true, mapped.indices),
        "knn_recall": (mapped.indices[:, :, None] == true[:, None, :]).any(axis=2).mean(axis=1),
        "label_hit": np.full(graph.n, np.nan),
    }
    if labels is not None:
        member = checks.labels("quality", "labels", labels, graph.n)
        points["label_hit"] = (member[mapped.indices] == member[:, None]).mean(axis=1)
    means = {name: float(values.mean()) for name, values in points.items()}
    shepard, points["shepard"] = _shepard(graph, mapped, seed)
    return Quality(**means, shepard=shepard, k=k, n=graph.n, points=points)


def trustworthiness(graph: Neighbors, embedding: Any, *, k: int = 15) -> float:
    """Trustworthiness of a map, in [0, 1]: 1 where all neighbours on the map are true ones.

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
    return float(local_trustworthiness(graph, embedding, k=k).mean())


def local_trustworthiness(graph: Neighbors, embedding: Any, *, k: int = 15) -> np.ndarray:
    """The trustworthiness of each row's neighbours on the map, (n,), in [0, 1].

    The mean over the rows is :func:`trustworthiness`, whose parameters and errors these are.
    """
    mapped = _mapped("trustworthiness", graph, embedding, k)
    return _rank_preservation(graph, mapped.indices, graph.indices[:, : mapped.k])


def continuity(graph: Neighbors, embedding: Any, *, k: int = 15) -> float:
    """Continuity of a map, in [0, 1]: 1 where all true neighbours are neighbours on the map.

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
    return float(_rank_preservation(mapped, graph.indices[:, : mapped.k], mapped.indices).mean())


def _mapped(who: str, graph: Neighbors, embedding: Any, k: int) -> Neighbors:
    if not isinstance(graph, Neighbors):
        raise InputError(
            f"{who}: the graph must come from neighbors(X, k=50), got {type(graph).__name__}. "
            "Pass the graph that the map was made from."
        )
    k = checks.integer(who, "k", k, low=1, high=min(graph.k, (graph.n - 1) // 2))
    embedding = checks.matrix(who, embedding)
    if len(embedding) != graph.n:
        raise InputError(
            f"{who}: the embedding must have one row for each of the graph's {graph.n} rows, got "
            f"{len(embedding)}."
        )
    return neighbors(embedding, k=k)


def _rank_preservation(truth: Neighbors, shown: np.ndarray, true: np.ndarray) -> np.ndarray:
    """1 minus the rank penalty of each row's ``shown`` neighbours that are not ``true``, (n,).

    The penalties are scaled so that the mean over the rows is the measure.
    """
    n, k = shown.shape
    penalty = np.zeros(n)
    step = max(1, BLOCK_BYTES // (8 * n))
    directions = _comparable(truth)
    sizes = np.einsum("ij,ij->i", directions, directions)

    def judge(start: int) -> None:
        part = slice(start, min(start + step, n))
        intruders = ~(shown[part, :, None] == true[part, None, :]).any(axis=2)
        squared = sizes - 2 * (directions[part] @ directions.T)  # up to what keeps a row's order
        squared[np.arange(len(squared)), np.arange(part.start, part.stop)] = np.inf
        for column in range(k):
            row = np.flatnonzero(intruders[:, column])
            reach = squared[row, shown[part][row, column]]
            rank = (squared[row] < reach[:, None]).sum(axis=1) + 1
            penalty[part.start + row] += (rank - k).clip(0)

    with workers() as pool:
        list(pool.map(judge, range(0, n, step)))
    return 1 - 2 * penalty / (k * (2 * n - 3 * k - 1))


def _comparable(truth: Neighbors) -> np.ndarray:
    """The rows in float64 (n, d), centred, as unit vectors where the metric is cosine."""
    X = truth.X.astype(np.float64)
    if truth.metric == "cosine":
        X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X - X.mean(axis=0)


def _shepard(graph: Neighbors, mapped: Neighbors, seed: int) -> tuple[float, np.ndarray]:
    """The rank correlation of distances, over random pairs and of each row with random others."""
    n, random = graph.n, np.random.default_rng(seed)
    rows, drawn = _comparable(graph), mapped.X.astype(np.float64)
    first = random.integers(n, size=PAIRS)
    second = (first + random.integers(1, n, size=PAIRS)) % n
    true, shown = _apart(rows, first, second), _apart(drawn, first, second)
    others = random.choice(n, min(OTHERS, n - 1), replace=False)
    ranks = [
        scipy.stats.rankdata(_between(X, others), axis=1) - (len(others) + 1) / 2
        for X in (rows, drawn)
    ]
    with np.errstate(invalid="ignore"):
        points = (ranks[0] * ranks[1]).sum(axis=1) / np.sqrt(
            np.square(ranks[0]).sum(axis=1) * np.square(ranks[1]).sum(axis=1)
        )
    return _spearman(true, shown), np.nan_to_num(points)


def _apart(X: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The distances of pairs of rows, (pairs,); repeated pairs are computed once."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    pairs, place = np.unique(low * len(X) + high, return_inverse=True)
    low, high = np.divmod(pairs, len(X))
    step = max(1, BLOCK_BYTES // (8 * X.shape[1]))
    parts = [slice(start, start + step) for start in range(0, len(pairs), step)]
    apart = [np.linalg.norm(X[low[part]] - X[high[part]], axis=1) for part in parts]
    return np.concatenate(apart)[place]


def _between(X: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances of all rows to a few, (n, others)."""
    sizes = np.einsum("ij,ij->i", X, X)
    return sizes[:, None] + sizes[others] - 2 * (X @ X[others].T)


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(one, other).statistic)
