"""What a representation holds of what is known about the images: labels and factors, held out.

A probe is a simple reader: the nearest known images, or a linear map. It is trained on some images
and judged on others. That a probe fails does not show that the representation lacks the thing, only
that a reader this simple does not find it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.manifold.neighbors import neighbors_between

STRENGTHS = 10.0 ** np.arange(-4, 5)  # of the ridge, beside the mean variance of the rows


@dataclass(frozen=True)
class Probe:
    """How well held-out images are read.

    Attributes
    ----------
    value : float
        For labels, the share named rightly, in [0, 1]; for a factor, R2: 1 where it is foretold
        exactly, 0 where no better than by its mean, below 0 where worse.
    low, high : float
        The 95 % interval: Clopper-Pearson for labels, a jackknife over folds for a factor. It is
        for probes trained on as many images, and takes rows (or groups) for independent.
    chance : float
        For labels, the share that naming the commonest label gets; 0 for a factor.
    n : int
        Images judged.
    folds : int
    method : str
        A name in :data:`PROBES`.
    """

    value: float
    low: float
    high: float
    chance: float
    n: int
    folds: int
    method: str


def probe(
    X: Any,
    target: Any,
    *,
    method: str = "knn",
    folds: int = 5,
    k: int = 5,
    groups: Any = None,
    seed: int = 0,
) -> Probe:
    """How well a simple reader tells labels, or a factor, of held-out images from their rows.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row an image.
    target : array_like, shape (n,)
        Labels for "knn" and "linear"; numbers for "factor".
    method : str
        A name in :data:`PROBES`: "knn" names an image by the majority of its k nearest, "linear" by
        ridge regression on the labels' indicators, "factor" foretells a number by ridge regression.
    folds : int
        Parts of the images, each judged by a reader trained on the others, from 2.
    k : int
        Neighbours of "knn", from 1; the nearest decides a tie.
    groups : array_like, shape (n,), optional
        Rows of one group are never split between training and judging.
    seed : int
        Which image is in which part.

    Returns
    -------
    Probe

    Raises
    ------
    InputError
        The target has not one entry a row, fewer than two values, or there are too few images.
    UnknownName
        No such method.
    """
    checks.one_of("probe", "method", method, PROBES)
    X = checks.matrix("probe", X, rows=4).astype(np.float64)
    n = len(X)
    folds = checks.integer("probe", "folds", folds, low=2, high=n // 2)
    k = checks.integer("probe", "k", k, low=1)
    seed = checks.integer("probe", "seed", seed, low=0)
    y = np.asarray(target)
    if y.shape != (n,):
        raise InputError(f"probe: target must hold one entry for each of {n} rows, got {y.shape}.")
    numeric = method == "factor"
    if numeric:
        y = checks.matrix("probe", y[:, None])[:, 0].astype(np.float64)
    names, classes = np.unique(y, return_inverse=True)
    if len(names) < 2:
        raise InputError("probe: target must have at least two values, got one.")
    part = _parts(n, folds, None if numeric else classes, groups, np.random.default_rng(seed))
    read = np.empty(n)
    for fold in range(folds):
        known, asked = part != fold, part == fold
        read[asked] = PROBES[method](X[known], (y if numeric else classes)[known], X[asked], k)
    if numeric:
        return _factor(y, read, part, folds)
    right = int((read == classes).sum())
    low, high = intervals.share(right, n)
    chance = float(np.bincount(classes).max() / n)
    return Probe(right / n, low, high, chance, n, folds, method)


def _factor(y: np.ndarray, read: np.ndarray, part: np.ndarray, folds: int) -> Probe:
    missed, spread = np.square(y - read), np.square(y - y.mean())
    value = 1 - missed.sum() / spread.sum()
    left = np.array(
        [1 - missed[part != fold].sum() / spread[part != fold].sum() for fold in range(folds)]
    )
    deviation = np.sqrt((folds - 1) / folds * np.square(left - left.mean()).sum())
    reach = float(scipy.special.stdtrit(folds - 1, 0.975)) * deviation
    return Probe(
        float(value), float(value - reach), float(value + reach), 0.0, len(y), folds, "factor"
    )


def _knn(X: np.ndarray, classes: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    indices, _ = neighbors_between(asked, X, k=min(k, len(X)))
    near = classes[indices]  # (m, k)
    votes = (near[:, :, None] == near[:, None, :]).sum(axis=2)  # each neighbour's own label
    return near[np.arange(len(near)), votes.argmax(axis=1)]  # the first of equals is the nearest


def _linear(X: np.ndarray, classes: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    targets = np.eye(int(classes.max()) + 1)[classes]
    return _ridge(X, targets, asked).argmax(axis=1)


def _number(X: np.ndarray, y: np.ndarray, asked: np.ndarray, k: int) -> np.ndarray:
    return _ridge(X, y[:, None], asked)[:, 0]


# From known rows, what they are, and the rows asked of (with k): what those are.
Read = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]
PROBES: dict[str, Read] = {"knn": _knn, "linear": _linear, "factor": _number}


def _ridge(X: np.ndarray, Y: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Foretold targets (m, t), at the ridge that foretells the known rows best, each left out.

    In the rows' own principal directions, so that every strength costs one product (Golub, Heath,
    Wahba 1979, on leaving one out).
    """
    mean, offset = X.mean(axis=0), Y.mean(axis=0)
    X, Y = X - mean, Y - offset
    n, d = X.shape
    if d <= n:
        values, directions = scipy.linalg.eigh(X.T @ X)
        values = values.clip(0)
        kept = values > values[-1] * 1e-12
        values, directions = values[kept], directions[:, kept]
        U = X @ directions / np.sqrt(values)  # (n, r)
    else:
        values, U = scipy.linalg.eigh(X @ X.T)
        values = values.clip(0)
        kept = values > values[-1] * 1e-12
        values, U = values[kept], U[:, kept]
        directions = X.T @ (U / np.sqrt(values))
    along = U.T @ Y  # (r, t)
    best, weights = np.inf, np.zeros_like(along)
    for strength in STRENGTHS * values.mean():
        shrunk = values / (values + strength)
        fitted = U @ (shrunk[:, None] * along)
        leverage = np.square(U) @ shrunk + 1 / n
        error = float(np.square((Y - fitted) / (1 - leverage.clip(0, 1 - 1e-9))[:, None]).sum())
        if error < best:
            best, weights = error, (np.sqrt(values) / (values + strength))[:, None] * along
    return (asked - mean) @ (directions @ weights) + offset


def _parts(
    n: int,
    folds: int,
    classes: np.ndarray | None,
    groups: Any,
    random: np.random.Generator,
) -> np.ndarray:
    """Which fold each row is judged in (n,): every label in each, or every group whole."""
    if groups is None:
        order = random.permutation(n)
        if classes is not None:  # label by label, so that each fold has its share
            order = order[np.argsort(classes[order], kind="stable")]
        part = np.empty(n, np.int64)
        part[order] = np.arange(n) % folds
        return part
    given = np.asarray(groups)
    if given.shape != (n,):
        raise InputError(
            f"probe: groups must hold one entry for each of {n} rows, got {given.shape}."
        )
    names, member = np.unique(given, return_inverse=True)
    if len(names) < folds:
        raise InputError(
            f"probe: groups must be at least as many as folds, got {len(names)} and {folds}."
        )
    return (random.permutation(len(names)) % folds)[member]
