"""MLE: the dimension from how neighbours spread over the first k distances.

Levina and Bickel 2004, "Maximum likelihood estimation of intrinsic dimension", NIPS 17. Around a
row, the inverse dimension is the mean of log(T_k / T_j) over j < k. We average these inverses over
the rows and then invert, as MacKay and Ghahramani 2005 ("Comments on 'Maximum likelihood estimation
of intrinsic dimension'") recommend; averaging the dimensions themselves is biased upwards at
small k. Pope, Zhu, Abdelkader, Goldblum and Goldstein 2021, "The intrinsic dimension of images and
its impact on learning", ICLR, do the same at k of 3 to 20 with the sum divided by k - 2 (their code
for the estimator without asymptotic bias), which multiplies the value by (k - 2) / (k - 1).
"""

from __future__ import annotations

import numpy as np

from repviz import checks
from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.record import Dimension
from repviz.manifold.dimension.result import average_inverses, check_average, check_scale, result
from repviz.manifold.neighbors import Neighbors

SCALES = (5, 10, 20)  # the k of the calibration tables


def estimate(
    graph: Neighbors,
    *,
    k: int = 10,
    average: str = "inverse",
    unbiased: bool = False,
    pope2021: bool = False,
) -> Dimension:
    """The Levina-Bickel dimension of the graph's rows.

    Parameters
    ----------
    graph : Neighbors
        With at least k neighbours per row; more where rows have identical copies.
    k : {5, 10, 20}
        The number of neighbours.
    average : {"inverse", "mean"}
        Whether the rows' inverse dimensions are averaged, or the dimensions themselves, as Levina
        and Bickel did.
    unbiased : bool
        Whether k - 2 takes the place of k - 1 in the row's own dimension, which makes it unbiased
        (Levina and Bickel 2004, below their equation 9). Together with "inverse" it is biased.
    pope2021 : bool
        The variant that papers on image sets quote: inverses averaged, k - 2.

    Returns
    -------
    Dimension
        With each row's own dimension in ``local``.

    Raises
    ------
    InputError
        ``k`` is not one of these, or there are too few distinct rows.
    UnknownName
        There is no such average.
    """
    check_scale("mle", "k", k, SCALES)
    check_average(average)
    unbiased = checks.flag("mle", "unbiased", unbiased)
    if checks.flag("mle", "pope2021", pope2021):
        average, unbiased = "inverse", True
    rows = distinct(graph, k)
    inverse = inverses(rows.distances) * ((k - 1) / (k - 2) if unbiased else 1)
    value, influence = average_inverses(inverse, average)
    table = f"mle-{k}" + ("-mean" if average == "mean" else "")
    raw = value * ((k - 1) / (k - 2) if unbiased else 1)
    with np.errstate(divide="ignore"):
        local = 1 / inverse
    return result("mle", rows, value, influence, table=table, table_value=raw, local=local)


def inverses(distances: np.ndarray) -> np.ndarray:
    """One over the dimension around each row (n,), from the distances (n, k) to its neighbours."""
    logs = np.log(distances)
    return logs[:, -1] - logs[:, :-1].mean(axis=1)
