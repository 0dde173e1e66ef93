"""Probes: how well labels and factors are predicted from a representation, on held-out images.

A probe is a simple model, nearest neighbours, logistic or ridge regression, trained on some images
and evaluated on others. A probe that fails does not show that the representation lacks the
information, only that a model this simple does not find it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.manifold.neighbors import neighbors_between
from repviz.streams import stream

PENALTIES = 10.0 ** np.arange(-4, 5)  # of the ridge, in units of the mean variance of the rows
STRENGTHS = 10.0 ** np.arange(-4, 3)  # scikit-learn's C for rows of mean variance 1


@dataclass(frozen=True)
class Probe:
    """How well a target of held-out images is predicted.

    Attributes
    ----------
    value : float
        For labels, the accuracy, in [0, 1]; for a factor, R2, at most 1: 0 is as good as predicting
        its mean, below 0 is worse.
    low, high : float
        The 95 % interval: Clopper-Pearson for labels, at the effective number of images where there
        are ``clusters``; a jackknife over folds for a factor. It holds for probes trained on as
        many images.
    chance : float
        For labels, the accuracy of always predicting the most frequent label; 0 for a factor.
    n : int
        The number of images evaluated.
    folds : int
        The number of folds of the cross-validation.
    method : str
        A name in :data:`PROBES`.
    hits : ndarray of bool, shape (n,), or None
        For labels, which images are classified correctly, for paired comparisons.
    """

    value: float
    low: float
    high: float
    chance: float
    n: int
    folds: int
    method: str
    hits: np.ndarray | None = field(default=None, repr=False, compare=False)


def probe(
    X: Any,
    target: Any,
    *,
    method: str = "knn",
    folds: int = 5,
    k: int = 5,
    groups: Any = None,
    clusters: Any = None,
    seed: int = 0,
) -> Probe:
    """The cross-validated performance of a simple model that predicts labels or a factor from rows.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row per image.
    target : array_like, shape (n,)
        Labels for "knn", "linear" and "logistic"; numbers for "factor".
    method : str
        A name in :data:`PROBES`: "knn" predicts the majority label of the k nearest images,
        "linear" classifies by ridge regression on one-hot labels, which is fast but cannot tell
        apart a class that lies between two others, "logistic" by multinomial logistic regression,
        "factor" predicts a number by ridge regression.
    folds : int
        The number of folds, each predicted by a model trained on the others, from 2.
    k : int
        Neighbours of "knn", from 1 to the number of rows outside the largest fold; the nearest
        decides a tie.
    groups : array_like, shape (n,), optional
        The group of each row, for cross-validation: no group is split between folds (GroupKFold).
    clusters : array_like, shape (n,), optional
        Which rows are not independent draws, such as the images of one person, for the interval of
        an accuracy; the groups if None.
    seed : int
        Seed of the assignment of images to folds.

    Returns
    -------
    Probe

    Raises
    ------
    InputError
        The target does not have one entry per row, has fewer than two values, or is continuous
        where labels are needed; or there are too few images.
    UnknownName
        There is no such method.
    """
    checks.one_of("probe", "method", method, PROBES)
    X = checks.matrix("probe", X, rows=4).astype(np.float64)
    n = len(X)
    folds = checks.integer("probe", "folds", folds, low=2, high=n // 2)
    k = checks.integer("probe", "k", k, low=1)
    seed = checks.seed("probe", seed)
    y = checks.labels("probe", "target", target, n)
    numeric = method == "factor"
    if numeric:
        y = checks.matrix("probe", y[:, None])[:, 0].astype(np.float64)
    elif y.dtype.kind == "f" and (y != np.rint(y)).any():
        raise InputError(
            f"probe: target must hold labels for '{method}', got numbers with fractions "
            f"({len(np.unique(y))} different ones in {n} rows). Use method='factor' for a "
            "continuous target."
        )
    names, classes = np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise InputError("probe: target must have at least two different values, got one.")
    fold_of = _folds(n, folds, None if numeric else classes, groups, stream(seed, "probe folds"))
    if method == "knn":
        k = checks.integer("probe", "k", k, low=1, high=n - int(np.bincount(fold_of).max()))
    predicted = np.empty(n)
    for fold in range(folds):
        train, test = fold_of != fold, fold_of == fold
        targets = (y if numeric else classes)[train]
        predicted[test] = PROBES[method].predict(X[train], targets, X[test], k)
    if numeric:
        return _r2(y, predicted, fold_of, folds)
    hits = predicted == classes
    clusters = groups if clusters is None else clusters
    low, high = intervals.accuracy(
        hits, None if clusters is None else checks.labels("probe", "clusters", clusters, n)
    )
    chance = float(np.bincount(classes).max() / n)
    return Probe(float(hits.mean()), low, high, chance, n, folds, method, hits)


def _r2(y: np.ndarray, predicted: np.ndarray, fold_of: np.ndarray, folds: int) -> Probe:
    residual, total = np.square(y - predicted), np.square(y - y.mean())
    value = 1 - residual.sum() / total.sum()
    without = [fold_of != fold for fold in range(folds)]
    replicates = np.array([1 - residual[rows].sum() / total[rows].sum() for rows in without])
    error = np.sqrt((folds - 1) / folds * np.square(replicates - replicates.mean()).sum())
    half_width = float(scipy.special.stdtrit(folds - 1, 0.975)) * error
    low, high = float(value - half_width), float(value + half_width)
    return Probe(float(value), low, high, 0.0, len(y), folds, "factor")


def _knn(X: np.ndarray, classes: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    indices, _ = neighbors_between(queries, X, k=k)
    labels = classes[indices]  # (m, k)
    votes = (labels[:, :, None] == labels[:, None, :]).sum(axis=2)
    return labels[np.arange(len(labels)), votes.argmax(axis=1)]  # of equals, the nearest


def _linear(X: np.ndarray, classes: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    one_hot = np.eye(int(classes.max()) + 1)[classes]
    return ridge(X, one_hot, queries).argmax(axis=1)


def _logistic(X: np.ndarray, classes: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    if (classes == classes[0]).all():
        return np.full(len(queries), classes[0])
    return np.unique(classes)[logistic(X, classes, queries).argmax(axis=1)]


def _number(X: np.ndarray, y: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    return ridge(X, y[:, None], queries)[:, 0]


@dataclass(frozen=True)
class ProbeModel:
    """A model that predicts a target from rows: an entry of :data:`PROBES`.

    Attributes
    ----------
    summary : str
        One line on what it predicts, and how.
    predict : callable
        From training rows (n, d), their targets (n,), queries (m, d) and k to predictions (m,).
    """

    summary: str
    predict: Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]


PROBES: dict[str, ProbeModel] = {
    "knn": ProbeModel("labels, by majority vote of the k nearest images", _knn),
    "linear": ProbeModel("labels, by ridge regression on one-hot labels", _linear),
    "logistic": ProbeModel("labels, by multinomial logistic regression", _logistic),
    "factor": ProbeModel("a number, by ridge regression: R2", _number),
}


def ridge(X: np.ndarray, Y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Predictions (m, t) of ridge regression, with the penalty of least leave-one-out error.

    Computed in the principal directions of the rows, where each penalty costs one product (Golub,
    Heath, Wahba 1979, on leave-one-out).

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Training rows.
    Y : ndarray, shape (n, t)
        Their targets.
    queries : ndarray, shape (m, d)
        The rows to predict.
    """
    mean, offset = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - mean, Y - offset
    n, d = X.shape
    if d <= n:
        values, directions = scipy.linalg.eigh(X.T @ X)
        values = values.clip(0)
        nonzero = values > values[-1] * 1e-12
        values, directions = values[nonzero], directions[:, nonzero]
        U = X @ directions / np.sqrt(values)  # (n, r)
    else:
        values, U = scipy.linalg.eigh(X @ X.T)
        values = values.clip(0)
        nonzero = values > values[-1] * 1e-12
        values, U = values[nonzero], U[:, nonzero]
        directions = X.T @ (U / np.sqrt(values))
    projected = U.T @ Y  # (r, t)
    best, weights = np.inf, np.zeros_like(projected)
    for penalty in PENALTIES * values.mean():
        shrinkage = values / (values + penalty)
        fitted = U @ (shrinkage[:, None] * projected)
        leverage = np.square(U) @ shrinkage + 1 / n
        error = float(np.square((Y - fitted) / (1 - leverage.clip(0, 1 - 1e-9))[:, None]).sum())
        if error < best:
            best, weights = error, (np.sqrt(values) / (values + penalty))[:, None] * projected
    return (queries - mean) @ (directions @ weights) + offset


def logistic(X: np.ndarray, classes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Probabilities (m, c) by multinomial logistic regression, one column per class in order.

    The L2 penalty is the one, of :data:`STRENGTHS`, that predicts a fifth of each class best from
    the others (log loss); the model is then fitted to all training rows.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Training rows.
    classes : ndarray of int, shape (n,)
        Their classes, at least two different ones.
    queries : ndarray, shape (m, d)
        The rows to predict.
    """
    mean = X.mean(axis=0)
    # The penalty does not change under rotation: with d > n the rows' own n directions suffice.
    turn = np.linalg.qr((X - mean).T)[0] if X.shape[1] > len(X) else np.eye(X.shape[1])
    scale = max(float(np.sqrt(np.square(X - mean).mean())), np.finfo(float).tiny)
    X, queries = ((rows - mean) @ turn / scale for rows in (X, queries))
    order = np.argsort(classes, kind="stable")
    validation = np.zeros(len(X), dtype=bool)
    validation[order[2::5]] = True  # every fifth row within each class
    strength = STRENGTHS[0]
    fitted = classes[~validation]
    if validation.any() and (fitted != fitted[0]).any():
        losses = []
        for candidate in STRENGTHS:
            shares = _probabilities(X[~validation], fitted, X[validation], candidate)
            columns = np.searchsorted(np.unique(fitted), classes[validation])
            known = np.isin(classes[validation], fitted)
            columns[~known] = 0
            right = np.where(known, shares[np.arange(len(shares)), columns], 0)
            losses.append(-np.log(right.clip(1e-12)).mean())
        strength = STRENGTHS[int(np.argmin(losses))]
    return _probabilities(X, classes, queries, strength)


def _probabilities(
    X: np.ndarray, classes: np.ndarray, queries: np.ndarray, strength: float
) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # Where a weak penalty has not converged, it is one of the candidates all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=strength, max_iter=500).fit(X, classes)
    shares: np.ndarray = model.predict_proba(queries)
    return shares


def _folds(
    n: int, folds: int, classes: np.ndarray | None, groups: Any, rng: np.random.Generator
) -> np.ndarray:
    """The fold of each row (n,): stratified by label, or with no group split."""
    if groups is None:
        order = rng.permutation(n)
        if classes is not None:  # label by label, so that each fold has its share
            order = order[np.argsort(classes[order], kind="stable")]
        fold_of = np.empty(n, np.int64)
        fold_of[order] = np.arange(n) % folds
        return fold_of
    names, member = np.unique(checks.labels("probe", "groups", groups, n), return_inverse=True)
    if len(names) < folds:
        raise InputError(
            f"probe: there must be at least as many groups as folds, got {len(names)} and {folds}."
        )
    return (rng.permutation(len(names)) % folds)[member]
