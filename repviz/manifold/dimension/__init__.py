"""Intrinsic dimension: :data:`ESTIMATORS` and the one verb, :func:`dimension`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from repviz import checks
from repviz.manifold.dimension.record import Dimension

if TYPE_CHECKING:
    from repviz.manifold.neighbors import Neighbors

# Neighbours found when a matrix is given: enough for every estimator, with room for copies.
NEIGHBOURS = 40


@dataclass(frozen=True)
class Estimator:
    """A way to estimate the intrinsic dimension.

    Attributes
    ----------
    name : str
        What ``method=`` calls it.
    summary : str
        One line on what it measures.
    module : str
        The module whose ``estimate`` does it; imported when it is first used.
    reads : {"graph", "matrix"}
        Whether ``estimate`` takes the neighbour graph or the rows.
    """

    name: str
    summary: str
    module: str
    reads: str = "graph"

    @property
    def estimate(self) -> Callable[..., Dimension]:
        """The function itself: (graph or X, keyword options) -> Dimension."""
        function: Callable[..., Dimension] = import_module(self.module).estimate
        return function


ESTIMATORS: dict[str, Estimator] = {
    "twonn": Estimator(
        "twonn", "local: ratio of the two nearest distances", "repviz.manifold.dimension.twonn"
    ),
    "mle": Estimator(
        "mle", "local: spread of the k nearest distances", "repviz.manifold.dimension.mle"
    ),
    "participation": Estimator(
        "participation",
        "global, linear: participation ratio of the PCA spectrum",
        "repviz.manifold.dimension.participation",
        reads="matrix",
    ),
}


def dimension(X: Any, *, method: str = "twonn", **options: Any) -> Dimension:
    """The intrinsic dimension of the rows of X, with an interval and its alarms.

    Parameters
    ----------
    X : Neighbors or array_like, shape (n, d)
        A graph made with :func:`repviz.neighbors`, which serves every method, or the rows.
    method : str
        A name in :data:`ESTIMATORS`.
    **options
        The named options of that estimator: ``fit`` and ``discard`` of "twonn", ``k`` of "mle".

    Returns
    -------
    Dimension

    Raises
    ------
    UnknownName
        No such method, or an option that it does not have.
    InputError
        ``X`` or an option is not what it must be.
    """
    from repviz.manifold.neighbors import Neighbors, neighbors

    estimator = ESTIMATORS[checks.known("dimension", "method", method, ESTIMATORS)]
    _, *allowed = inspect.signature(estimator.estimate).parameters
    for option in options:
        checks.known("dimension", f"option of '{method}'", option, allowed)
    given: Neighbors | Any = X
    if estimator.reads == "matrix":
        rows = given.X if isinstance(given, Neighbors) else checks.matrix("dimension", given)
        return estimator.estimate(rows, **options)
    if not isinstance(given, Neighbors):
        rows = checks.matrix("dimension", given, rows=3)
        given = neighbors(rows, k=min(NEIGHBOURS, len(rows) - 1))
    return estimator.estimate(given, **options)
