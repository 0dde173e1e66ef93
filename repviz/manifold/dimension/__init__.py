"""Intrinsic dimension: :data:`ESTIMATORS` and the one verb, :func:`dimension`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from repviz import checks
from repviz.errors import Degenerate, InputError
from repviz.manifold.dimension.record import Dimension
from repviz.references import resolve

# Neighbours per row of the graph of a matrix: enough for every estimator, with room for copies.
NEIGHBOURS = 64


@dataclass(frozen=True)
class Estimator:
    """An estimator of intrinsic dimension: an entry of :data:`ESTIMATORS`.

    Attributes
    ----------
    name : str
        The value of ``method=``.
    summary : str
        One line on what it measures.
    reference : str or callable
        The function, or ``"module:function"``, imported on first use.
    reads : {"graph", "matrix"}
        Whether the function takes the neighbour graph or the rows.
    preset : dict
        Options of the function that this name fixes.
    """

    name: str
    summary: str
    reference: str | Callable[..., Dimension]
    reads: str = "graph"
    preset: dict[str, Any] = field(default_factory=dict)

    @property
    def estimate(self) -> Callable[..., Dimension]:
        """The function itself: (graph or X, keyword options) -> Dimension."""
        found = self.reference
        function: Callable[..., Dimension] = resolve(found) if isinstance(found, str) else found
        return function


_PACKAGE = "repviz.manifold.dimension.estimators"


def _graph(name: str, summary: str, module: str) -> Estimator:
    return Estimator(name, summary, f"{_PACKAGE}.{module}:estimate")


def _matrix(name: str, summary: str, module: str, **preset: Any) -> Estimator:
    return Estimator(name, summary, f"{_PACKAGE}.{module}:estimate", "matrix", preset)


ESTIMATORS: dict[str, Estimator] = {
    entry.name: entry
    for entry in (
        _graph("twonn", "local: ratio of the two nearest distances", "twonn"),
        _graph("gride", "local: ratio of two farther distances, less sensitive to noise", "gride"),
        _graph("mle", "local: spread of the k nearest distances", "mle"),
        _graph("mind-ml", "local: ratio of the nearest distance and the (k + 1)-th", "mindml"),
        _graph("moments", "local: mean of the k nearest distances", "moments"),
        _graph("l2n2", "local: log log of the ratio of the two nearest distances", "l2n2"),
        _graph("correlation", "growth of the number of close pairs with the radius", "correlation"),
        _graph("tle", "local: all distances among the k nearest rows", "tle"),
        _graph("abid", "local: angles between the k nearest rows", "abid"),
        _graph("danco", "local: distances and angles, compared with uniform balls", "danco"),
        _graph("local-pca", "local, linear: participation ratio around each row", "local_pca"),
        _matrix(
            "participation",
            "global, linear: participation ratio of the PCA spectrum",
            "participation",
        ),
        _matrix(
            "pca-90", "global, linear: components for 90 % of the variance", "explained", share=0.9
        ),
        _matrix(
            "pca-95", "global, linear: components for 95 % of the variance", "explained", share=0.95
        ),
        _matrix("fishers", "global: share of pairs that no hyperplane separates", "fishers"),
    )
}


Method = str | Estimator | Callable[..., Dimension]


def dimension(X: Any, *, method: Method = "twonn", groups: Any = None, **options: Any) -> Dimension:
    """The intrinsic dimension of the rows of X, with an interval and its warnings.

    Parameters
    ----------
    X : Neighbors or array_like, shape (n, d)
        A graph from :func:`repviz.neighbors`, which serves every method, or the rows. Rows of a
        stored layer that hold no activations are left out, with a warning.
    method : str, callable or Estimator
        A name in :data:`ESTIMATORS`, or an estimator of your own: a function
        ``(graph, *, options) -> Dimension``, or an :class:`Estimator`, for one that reads the rows.
    groups : array_like, shape (n,), optional
        The group of each row, such as the augmentations of one image or the frames of one video:
        intervals then treat groups as the independent draws. Rows are independent if None.
    **options
        Options of that estimator: ``fit`` and ``discard`` of "twonn", ``m`` of "gride", ``k`` and
        ``average`` of "mle".

    Returns
    -------
    Dimension

    Raises
    ------
    UnknownName
        No such method, or an option that it does not have.
    InputError
        ``X``, ``groups`` or an option is invalid.
    Degenerate
        The rows are too few, all alike, or at tied distances.
    """
    from repviz.manifold.dimension.structure import structure_warnings
    from repviz.manifold.dimension.warnings import matrix_warnings
    from repviz.manifold.neighbors import Neighbors, neighbors
    from repviz.manifold.stored_rows import readable_rows

    X, groups, notes = readable_rows(X, groups)
    estimator = _estimator(method)
    _, *allowed = inspect.signature(estimator.estimate).parameters
    allowed = [name for name in allowed if name != "groups" and name not in estimator.preset]
    for option in options:
        checks.one_of("dimension", f"option of '{estimator.name}'", option, allowed)
    if estimator.reads == "matrix":
        rows, group_indices = _rows_and_groups("dimension", X, groups)
        estimate = _estimated(estimator, rows, groups=group_indices, **options)
        return replace(estimate, warnings=(*notes, *matrix_warnings(rows), *estimate.warnings))
    graph = X
    if not isinstance(graph, Neighbors):
        rows = checks.matrix("dimension", X, rows=3)
        graph = neighbors(rows, k=min(NEIGHBOURS, len(rows) - 1))
    graph = graph.with_groups(groups, who="dimension")
    estimate = _estimated(estimator, graph, **options)
    found = (*notes, *estimate.warnings, *structure_warnings(graph, estimate.k))
    return replace(estimate, warnings=found)


def dimension_by_label(
    X: Any, labels: Any, *, method: Method = "twonn", groups: Any = None, **options: Any
) -> dict[str, Dimension]:
    """The intrinsic dimension of each label's own rows, in the order of the labels.

    A label whose rows are too few for the method, or all alike, is left out.

    Parameters
    ----------
    X : Neighbors or array_like, shape (n, d)
        The rows, or a graph that holds them, whose metric and groups are used. Neighbours are
        searched among the rows of the label.
    labels : array_like, shape (n,)
        The label of each row.
    method, groups, **options
        As in :func:`dimension`.

    Raises
    ------
    InputError
        ``labels`` does not have one entry per row, or an option is invalid.
    Degenerate
        No label has enough rows; the message has the first one's reason.
    """
    import numpy as np

    from repviz.manifold.neighbors import Neighbors, neighbors

    rows, group_indices = _rows_and_groups("dimension_by_label", X, groups)
    metric = X.metric if isinstance(X, Neighbors) else "euclidean"
    member = checks.labels("dimension_by_label", "labels", labels, len(rows))
    estimates, first_reason = {}, ""
    for label in np.unique(member):
        selected = member == label
        subset = rows[selected]
        try:
            if metric != "euclidean":
                subset = checks.matrix("dimension_by_label", subset, rows=3)
                subset = neighbors(subset, k=min(NEIGHBOURS, len(subset) - 1), metric=metric)
            own_groups = None if group_indices is None else group_indices[selected]
            estimates[str(label)] = dimension(subset, method=method, groups=own_groups, **options)
        except Degenerate as error:
            first_reason = first_reason or f"'{label}': {error}"
    if not estimates:
        raise Degenerate(
            "dimension_by_label: at least one label must have enough images, got none. For "
            f"{first_reason}"
        )
    return estimates


def _estimator(method: Method) -> Estimator:
    """The estimator of that name, or a user's function as an estimator."""
    if isinstance(method, Estimator):
        return method
    if callable(method):
        return Estimator(getattr(method, "__name__", "own"), "", method)
    return ESTIMATORS[checks.one_of("dimension", "method", method, ESTIMATORS)]


def _estimated(estimator: Estimator, data: Any, **options: Any) -> Dimension:
    """The result of the estimator, checked to be a Dimension."""
    found = estimator.estimate(data, **estimator.preset, **options)
    if isinstance(found, Dimension):
        return found
    raise InputError(
        f"dimension: the estimator '{estimator.name}' must return a Dimension, got "
        f"{checks.shown(found)}. See repviz.manifold.dimension.record."
    )


def _rows_and_groups(who: str, X: Any, groups: Any) -> tuple[Any, Any]:
    """The rows of a matrix or graph, and their groups: those given, or the graph's."""
    from repviz.manifold.neighbors import Neighbors, encode_groups

    rows = X.X if isinstance(X, Neighbors) else checks.matrix(who, X)
    if groups is not None:
        return rows, encode_groups(who, groups, len(rows))
    return rows, X.groups if isinstance(X, Neighbors) else None
