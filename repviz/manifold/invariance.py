"""Invariance of a representation to changes of the image: displacement relative to distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from repviz import checks, intervals
from repviz.errors import Degenerate, InputError
from repviz.manifold.neighbors import encode_groups, neighbors_between
from repviz.manifold.stored_rows import matching_rows


@dataclass(frozen=True)
class Invariance:
    """The effect of a change of the images on their representation.

    Attributes
    ----------
    relative_displacement : float
        The root mean square distance from an image's row to its changed image's row, over that
        between two different images: 0 where nothing moves, 1 where the change is as large as the
        difference between images.
    low, high : float
        The 95 % interval of ``relative_displacement``, a jackknife over images, or over groups of
        them.
    top1_retrieval : float
        The share of changed images whose nearest original is their own, in [0, 1].
    top1_retrieval_low, top1_retrieval_high : float
        Its 95 % interval (Clopper-Pearson), with images taken for independent.
    n : int
        The number of images.
    """

    relative_displacement: float
    low: float
    high: float
    top1_retrieval: float
    top1_retrieval_low: float
    top1_retrieval_high: float
    n: int


def invariance(X: Any, X_perturbed: Any, *, groups: Any = None) -> Invariance:
    """How far rows move when their images change, relative to the distances between images.

    Parameters
    ----------
    X : array_like, shape (n, d)
        The representation of n images.
    X_perturbed : array_like, shape (n, d)
        That of the same images, each changed in the same way, as by
        :func:`repviz.images.perturbations.perturb`. The rows of two stored layers are paired by
        their ids; ``n`` counts those that both hold.
    groups : array_like, shape (n,), optional
        The group of each row, such as its person; the interval is a jackknife over whole groups.

    Returns
    -------
    Invariance

    Raises
    ------
    InputError
        The two are not of one shape, or the rows of ``X`` are all the same.
    """
    own, others, _ = matching_rows("invariance", X, X_perturbed, by="id")
    if own is not None:
        groups = None if groups is None else np.asarray(groups)[own]
        X, X_perturbed = X[own], X_perturbed[others]
    X = checks.matrix("invariance", X, rows=3)
    X_perturbed = checks.matrix("invariance", X_perturbed, rows=3)
    if X.shape != X_perturbed.shape:
        raise InputError(
            f"invariance: X and X_perturbed must be of the same images and layer, got shapes "
            f"{X.shape} and {X_perturbed.shape}."
        )
    n = len(X)
    member = np.arange(n) if groups is None else encode_groups("invariance", groups, n)
    moved = _squares(X_perturbed, X)
    # Two images are apart by twice the variance, on average over all pairs.
    apart = 2 * n / (n - 1) * _squares(X, X.mean(axis=0, dtype=np.float64))
    if not apart.any():
        raise Degenerate("invariance: the rows of X must not all be identical.")
    pairs = np.stack([moved, apart], axis=1)

    def ratio(means: np.ndarray) -> np.ndarray:
        return np.sqrt(means[..., 0] / means[..., 1])

    low, high = intervals.jackknife(pairs, member, ratio)
    nearest, _ = neighbors_between(X_perturbed, X, k=1)
    found = int((nearest[:, 0] == np.arange(n)).sum())
    return Invariance(
        float(ratio(pairs.mean(axis=0))),
        max(low, 0.0),
        high,
        found / n,
        *intervals.share(found, n),
        n,
    )


def _squares(X: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared distances of rows (n, d) to other rows or to one, (n,), in float64."""
    out = np.empty(len(X))
    step = max(1, (32 << 20) // (8 * X.shape[1]))
    for start in range(0, len(X), step):
        part = slice(start, start + step)
        apart = X[part].astype(np.float64) - (other[part] if other.ndim == 2 else other)
        out[part] = np.einsum("ij,ij->i", apart, apart)
    return out
