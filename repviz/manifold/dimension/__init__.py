"""Intrinsic dimension: :data:`ESTIMATORS` and the one verb, :func:`dimension`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from repviz import checks
from repviz.errors import InputError, UnknownName
from repviz.manifold.dimension.record import Dimension

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
    preset : dict
        Options of ``estimate`` that this name stands for.
    """

    name: str
    summary: str
    module: str
    reads: str = "graph"
    preset: dict[str, Any] = field(default_factory=dict)

    @property
    def estimate(self) -> Callable[..., Dimension]:
        """The function itself: (graph or X, keyword options) -> Dimension."""
        function: Callable[..., Dimension] = import_module(self.module).estimate
        return function


_HOME = "repviz.manifold.dimension.estimators"


def _graph(name: str, summary: str, module: str) -> Estimator:
    return Estimator(name, summary, f"{_HOME}.{module}")


def _matrix(name: str, summary: str, module: str, **preset: Any) -> Estimator:
    return Estimator(name, summary, f"{_HOME}.{module}", "matrix", preset)


ESTIMATORS: dict[str, Estimator] = {
    entry.name: entry
    for entry in (
        _graph("twonn", "local: ratio of the two nearest distances", "twonn"),
        _graph("gride", "local: ratio of two distances farther out, past noise", "gride"),
        _graph("mle", "local: spread of the k nearest distances", "mle"),
        _graph("mind-ml", "local: nearest distance against the one after the k-th", "mindml"),
        _graph("moments", "local: mean of the k nearest distances", "moments"),
        _graph("l2n2", "local: log log of the ratio of the two nearest distances", "l2n2"),
        _graph("correlation", "how the number of near pairs grows with the radius", "correlation"),
        _graph("tle", "local: all distances among the k nearest rows", "tle"),
        _graph("abid", "local: angles between the k nearest rows", "abid"),
        _graph("danco", "local: distances and angles, against those of even balls", "danco"),
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
        _matrix("fishers", "global: how many pairs no hyperplane tells apart", "fishers"),
    )
}


def dimension(X: Any, *, method: str = "twonn", groups: Any = None, **options: Any) -> Dimension:
    """The intrinsic dimension of the rows of X, with an interval and its warnings.

    Parameters
    ----------
    X : Neighbors or array_like, shape (n, d)
        A graph made with :func:`repviz.neighbors`, which serves every method, or the rows.
    method : str
        A name in :data:`ESTIMATORS`.
    groups : array_like, shape (n,), optional
        Which rows belong together, such as the augmentations of one image or the frames of one
        film: intervals then take whole groups for the independent draws. Rows are, if None.
    **options
        The named options of that estimator: ``fit`` and ``discard`` of "twonn", ``m`` of "gride",
        ``k`` and ``average`` of "mle".

    Returns
    -------
    Dimension

    Raises
    ------
    UnknownName
        No such method, or an option that it does not have.
    InputError
        ``X``, ``groups`` or an option is not what it must be.
    """
    from repviz.manifold.dimension.warnings import matrix_warnings
    from repviz.manifold.neighbors import Neighbors, neighbors

    estimator = ESTIMATORS[checks.one_of("dimension", "method", method, ESTIMATORS)]
    _, *allowed = inspect.signature(estimator.estimate).parameters
    allowed = [name for name in allowed if name != "groups" and name not in estimator.preset]
    for option in options:
        checks.one_of("dimension", f"option of '{method}'", option, allowed)
    if estimator.reads == "matrix":
        rows, together = _rows("dimension", X, groups)
        found = estimator.estimate(rows, groups=together, **estimator.preset, **options)
        return replace(found, warnings=(*matrix_warnings(rows), *found.warnings))
    graph = X
    if not isinstance(graph, Neighbors):
        rows = checks.matrix("dimension", X, rows=3)
        graph = neighbors(rows, k=min(NEIGHBOURS, len(rows) - 1))
    return estimator.estimate(graph.with_groups(groups, who="dimension"), **options)


def dimension_by_label(
    X: Any, labels: Any, *, method: str = "twonn", groups: Any = None, **options: Any
) -> dict[str, Dimension]:
    """The intrinsic dimension of each label's own rows, in the order of the labels.

    A label with too few rows for the method is left out: its reason is what :func:`dimension`
    says of them.

    Parameters
    ----------
    X : Neighbors or array_like, shape (n, d)
        The rows, or a graph that holds them, whose metric and groups count. Neighbours are looked
        for among the label's rows.
    labels : array_like, shape (n,)
        What each row shows.
    method, groups, **options
        As in :func:`dimension`.

    Raises
    ------
    InputError
        ``labels`` has not one entry a row, or no label could be measured.
    """
    import numpy as np

    from repviz.manifold.neighbors import Neighbors, neighbors

    rows, together = _rows("dimension_by_label", X, groups)
    metric = X.metric if isinstance(X, Neighbors) else "euclidean"
    member = np.asarray(labels)
    if member.shape != (len(rows),):
        raise InputError(
            f"dimension_by_label: labels must hold one entry for each of {len(rows)} rows, got "
            f"shape {member.shape}."
        )
    lacking = sum(label is None or label != label for label in member.tolist())
    if lacking:
        raise InputError(
            f"dimension_by_label: every row must have a label, got {lacking} of {len(rows)} "
            "without. Leave those rows out."
        )
    found, refused = {}, ""
    for label in np.unique(member):
        own = member == label
        of = rows[own]
        try:
            if metric != "euclidean":
                of = neighbors(of, k=min(NEIGHBOURS, len(of) - 1), metric=metric)
            whole = None if together is None else together[own]
            found[str(label)] = dimension(of, method=method, groups=whole, **options)
        except UnknownName:
            raise
        except InputError as error:
            refused = refused or f"'{label}': {error}"
    if not found:
        raise InputError(f"dimension_by_label: no label could be measured; of {refused}")
    return found


def _rows(who: str, X: Any, groups: Any) -> tuple[Any, Any]:
    """The rows of a matrix or graph, and what belongs together: as said now, or by the graph."""
    from repviz.manifold.neighbors import Neighbors, encode_groups

    rows = X.X if isinstance(X, Neighbors) else checks.matrix(who, X)
    if groups is not None:
        return rows, encode_groups(who, groups, len(rows))
    return rows, X.groups if isinstance(X, Neighbors) else None
