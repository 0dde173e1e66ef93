"""MLE: the dimension from how neighbours spread over the first k distances.

Levina and Bickel 2004, "Maximum likelihood estimation of intrinsic dimension", NIPS 17. Around a
row, the inverse dimension is the mean of log(T_k / T_j) over j < k. We average these inverses over
the rows and then invert, as MacKay and Ghahramani 2005 ("Comments on 'Maximum likelihood estimation
of intrinsic dimension'") show one must; averaging the dimensions themselves reads too high at
small k.
"""

from __future__ import annotations

import numpy as np

from repviz.errors import InputError
from repviz.manifold.dimension.alarms import graph_alarms
from repviz.manifold.dimension.calibration import calibrate
from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.uncertainty import interval, shared_deviation
from repviz.manifold.neighbors import Neighbors

SCALES = (5, 10, 20)  # the k that the calibration tables hold
LEVEL = 0.95


def estimate(graph: Neighbors, *, k: int = 10) -> Dimension:
    """The Levina-Bickel dimension of the graph's rows, inverses averaged.

    Parameters
    ----------
    graph : Neighbors
        With at least k neighbours a row; more where rows have identical copies.
    k : {5, 10, 20}
        The scale: how many neighbours are looked at.

    Returns
    -------
    Dimension
        Its interval covers a little less than it says (about 0.93 for 0.95 at k = 10).

    Raises
    ------
    InputError
        ``k`` is not one of these, or too few different rows.
    """
    if k not in SCALES:
        raise InputError(f"dimension: k must be one of {SCALES} for 'mle', got {k!r}.")
    rows = distinct(graph, k)
    value, influence = inverse_mean(rows.distances)
    n = len(influence)
    low, high = interval(value, shared_deviation(influence, rows.touched), LEVEL)
    calibrated, doubts = calibrate(f"mle-{k}", n, value)
    return Dimension(
        value=value,
        low=low,
        high=high,
        calibrated=calibrated,
        n=n,
        k=k,
        method="mle",
        level=LEVEL,
        alarms=(*graph_alarms(graph, rows), *doubts),
    )


def inverse_mean(distances: np.ndarray) -> tuple[float, np.ndarray]:
    """The estimate and each row's influence on its logarithm, from distances (n, k)."""
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    mean = inverse.mean()
    return float(1 / mean), 1 - inverse / mean
