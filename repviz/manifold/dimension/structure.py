"""Warnings of structure that calibration on uniform balls does not correct.

Curvature, noise, mixed dimensions and clusters bias every local estimator. The thresholds let about
one uniform ball or cube in a hundred pass each test, from n = 200 to 5,000 and d = 1 to 40.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

from repviz.manifold.dimension.calibration import calibrate
from repviz.manifold.dimension.distinct import distinct_or_none
from repviz.manifold.dimension.estimators import gride, mle
from repviz.manifold.neighbors import Neighbors

SCALES = ((2, 32), (2, 16), (2, 8))  # m of GRIDE: the first pair that the graph has neighbours for
PART = 3  # the farther m is at most n / PART: from there on the calibration is tabulated
TREND = 2.7  # over sqrt(n): the log ratio of the dimensions at two scales that chance explains
HIGH, RISE = 4.0, 2.2  # from this dimension on a rise by chance is smaller
DISPERSION_K, DISPERSION = 20, 9.0  # neighbours; over sqrt(n), the excess that chance explains
GAP_NEIGHBOUR, GAP = 5, 3.5  # an edge joins rows nearer than GAP times the distance to this one
OUTSIDE = 0.1  # fraction of the rows outside the largest cluster
BENT_ROWS = 60  # rows around which curvature is measured
BENT_K = 20, 40  # neighbours that it needs, and that it reads
BENT, FLAT = 0.5, 1e-6  # adjusted R2 of a quadratic; spread that is rounding, over the largest


def structure_warnings(graph: Neighbors, k: int) -> tuple[str, ...]:
    """A sentence for each kind of structure found; none where the graph has too few neighbours.

    Parameters
    ----------
    graph : Neighbors
        The graph.
    k : int
        The number of neighbours that the estimator reads.
    """
    if "structure" not in graph.cache:
        sentences = _trend(graph), _curvature(graph), _dispersion(graph)
        graph.cache["structure"] = sentences, _cluster_sizes(graph)
    sentences, sizes = graph.cache["structure"]
    return tuple(sentence for sentence in (*sentences, _clusters(sizes, k)) if sentence)


def _trend(graph: Neighbors) -> str:
    """Warnings of a dimension that changes with scale: rising by curvature, falling by noise."""
    scales = [(near, far) for near, far in SCALES if PART * far <= graph.n]
    pairs = ((near, far, distinct_or_none(graph, 2 * far)) for near, far in scales)
    near, far, rows = next((pair for pair in pairs if pair[2] is not None), (0, 0, None))
    if rows is None:
        return ""
    n = len(rows.distances)
    small, large = (
        calibrate(f"gride-{m}", n, gride.likelihood(rows.distances, m)[0])[0] for m in (near, far)
    )
    change = math.log(large / small)
    chance = RISE if change > 0 and small >= HIGH else TREND
    if abs(change) <= chance / math.sqrt(n):
        return ""
    verb, reason = (
        ("rises", "the set is curved at this scale, and the estimate is biased upwards")
        if change > 0
        else ("falls", "noise or thin directions, which only the nearest rows show")
    )
    return (
        f"the calibrated dimension {verb} from {small:.3g} at the {2 * near} nearest rows to "
        f"{large:.3g} at the {2 * far} nearest: {reason}."
    )


def _curvature(graph: Neighbors) -> str:
    """Warnings of curvature: R2 of the first normal coordinate on squares of tangent coordinates.

    On a curved set all of it, on a flat one nothing. Where all directions are taken for tangent
    ones, the last is tested: the dimension of a sphere may be read too high by one.
    """
    rows = distinct_or_none(graph, 2 * SCALES[-1][0])
    if rows is None or graph.metric != "euclidean" or graph.k < BENT_K[0]:
        return ""
    m = SCALES[-1][0]
    n = len(rows.distances)
    local = calibrate(f"gride-{m}", n, gride.likelihood(rows.distances, m)[0])[0]
    tangents = max(1, round(local))
    some = np.linspace(0, graph.n - 1, min(BENT_ROWS, graph.n)).astype(int)
    explained = [
        _bend(graph.X[np.r_[row, graph.indices[row, : BENT_K[1]]]], tangents) for row in some
    ]
    measured = [one for one in explained if one is not None]
    if len(measured) < len(some) / 2 or np.mean(measured) < BENT:
        return ""
    return (
        f"the set is curved: around single rows a quadratic in {tangents} tangent coordinates "
        f"explains {100 * np.mean(measured):.0f} % of the variance of the next one. Estimates that "
        "read many neighbours, and linear ones, are biased upwards."
    )


def _bend(X: np.ndarray, tangents: int) -> float | None:
    """The adjusted R2 for one neighbourhood (k + 1, d); None where there is nothing to explain."""
    V = (X - X.mean(axis=0)).astype(np.float64)
    values, vectors = np.linalg.eigh(V @ V.T)  # ascending
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    k = len(V)
    tangents = min(tangents, int((values > FLAT**2 * values[0]).sum()) - 1)
    if not 0 < tangents < k - 1:
        return None
    T, normal = vectors[:, :tangents] * math.sqrt(k), vectors[:, tangents]
    first, second = np.triu_indices(tangents)
    products = T[:, first] * T[:, second]
    if products.shape[1] > k // 3:
        products = T**2
    freedom = k - 1 - tangents
    if products.shape[1] > freedom // 2:
        return None
    terms = np.column_stack([np.ones(k), T, products])
    residual = normal - terms @ np.linalg.lstsq(terms, normal, rcond=None)[0]
    share = float(residual @ residual / (normal @ normal))  # normal has mean 0
    return 1 - share * freedom / (freedom - products.shape[1])


def _dispersion(graph: Neighbors) -> str:
    """The variance of the inverse dimensions around rows: theirs^2 / (k - 1) if uniform."""
    rows = distinct_or_none(graph, DISPERSION_K)
    if rows is None:
        return ""
    inverse = mle.inverses(rows.distances)
    dispersion = (DISPERSION_K - 1) * float(inverse.var() / inverse.mean() ** 2)
    if dispersion <= 1 + DISPERSION / math.sqrt(len(inverse)):
        return ""
    return (
        f"the dimension around single rows has {dispersion:.2g} times the variance of a uniform "
        "set: parts of different dimension, or a density that varies within neighbourhoods."
    )


def _cluster_sizes(graph: Neighbors) -> np.ndarray:
    """The number of rows in the cluster of each row, (n,)."""
    if graph.k <= GAP_NEIGHBOUR:
        return np.full(graph.n, graph.n)
    reach = GAP * graph.distances[:, GAP_NEIGHBOUR - 1 : GAP_NEIGHBOUR]
    row, column = np.nonzero(graph.distances <= reach)
    edges = (np.ones(len(row), bool), (row, graph.indices[row, column]))
    near = scipy.sparse.coo_array(edges, shape=(graph.n, graph.n))
    cluster = scipy.sparse.csgraph.connected_components(near, directed=False)[1]
    sizes: np.ndarray = np.bincount(cluster)[cluster]
    return sizes


def _clusters(sizes: np.ndarray, k: int) -> str:
    n = len(sizes)
    if sizes.max() >= (1 - OUTSIDE) * n:
        return ""
    fraction, median = float((sizes <= k).mean()), int(np.median(sizes))
    if fraction > OUTSIDE:
        return (
            f"{100 * fraction:.0f} % of the rows lie in clusters of at most {k} rows, so that "
            f"neighbourhoods of {k} rows reach from one cluster to the next."
        )
    return (
        f"the rows form separate clusters, with the median row in one of {median} rows: each has "
        f"the bias of its own number of rows, not that of {n}."
    )
