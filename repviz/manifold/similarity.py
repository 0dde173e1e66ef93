"""Similarity of two representations of the same images: layers, models, bottleneck sizes.

CKA is the correlation of two Gram matrices; its usual estimate is far from 0 for unrelated rows
when images are few (0.2 and more), so ours uses the unbiased estimate of HSIC. All measures are
invariant to rotation and isotropic scaling. Each comes with its null distribution: the same rows
paired at random.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from repviz import checks
from repviz.errors import Degenerate, InputError
from repviz.manifold.neighbors import neighbors
from repviz.manifold.stored_rows import matching_rows

ROUNDING = 1e-12  # of a Gram matrix's squares: a smaller debiased HSIC is 0 up to rounding


@dataclass(frozen=True)
class Similarity:
    """The similarity of two representations.

    Attributes
    ----------
    value : float
        1 if they are equal up to rotation and scale; about 0 if they are unrelated ("cka" may be
        slightly below, "procrustes" stays above: compare with ``null``).
    null : float
        The 95 % quantile of ``value`` when the rows of one are shuffled.
    p : float
        The fraction of shuffles at least as similar, (1 + count) / (1 + shuffles), in (0, 1].
    n : int
        The number of rows.
    method : str
        A name in :data:`SIMILARITIES`.
    permutations : int
        The number of shuffles.
    seed : int
        Seed of the shuffles.
    warnings : tuple of str
        Which rows were left out, where any were.
    """

    value: float
    null: float
    p: float
    n: int
    method: str
    permutations: int
    seed: int
    warnings: tuple[str, ...] = ()


def similarity(
    X: Any,
    Y: Any,
    *,
    method: str = "cka",
    permutations: int = 199,
    k: int = 10,
    seed: int = 0,
) -> Similarity:
    """The similarity of X and Y, and whether it exceeds chance.

    Parameters
    ----------
    X, Y : array_like, shapes (n, d) and (n, e)
        The same n images in two representations, in the same order. The rows of two stored layers
        are paired by the content of their images (by their ids, where one was imported), and those
        that only one of them holds are left out.
    method : str
        A name in :data:`SIMILARITIES`.
    permutations : int
        Shuffles of the rows of one, from 0 to 10^6; with none, ``null`` and ``p`` are NaN.
    k : int
        For "mutual-knn": the number of neighbours, from 1 to n - 2; with n - 1, all rows agree.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    Similarity

    Raises
    ------
    InputError
        The two have different numbers of rows, fewer than 4, rows that are all the same, or are of
        other images.
    UnknownName
        There is no such method.
    """
    checks.one_of("similarity", "method", method, SIMILARITIES)
    own, others, notes = matching_rows("similarity", X, Y)
    if own is not None:
        X, Y = X[own], Y[others]
    X, Y = (checks.matrix("similarity", rows, rows=4).astype(np.float64) for rows in (X, Y))
    permutations = checks.integer("similarity", "permutations", permutations, low=0, high=10**6)
    if len(X) != len(Y):
        raise InputError(
            f"similarity: X and Y must be of the same images, got {len(X)} and {len(Y)} rows."
        )
    n = len(X)
    k = checks.integer("similarity", "k", k, low=1)
    seed = checks.seed("similarity", seed)
    measure, rng = SIMILARITIES[method], np.random.default_rng(seed)
    A, B = (prepare("similarity", name, M, method, k) for name, M in (("X", X), ("Y", Y)))
    value = measure.compare(A, B)
    orders = (rng.permutation(n) for _ in range(permutations))
    shuffled = np.array([measure.compare(A, measure.shuffle(B, order)) for order in orders])
    return Similarity(
        value=value,
        null=float(np.quantile(shuffled, 0.95, method="higher")) if permutations else np.nan,
        p=float((1 + (shuffled >= value).sum()) / (1 + permutations)) if permutations else np.nan,
        n=n,
        method=method,
        permutations=permutations,
        seed=seed,
        warnings=notes,
    )


def prepare(who: str, name: str, X: np.ndarray, method: str, k: int) -> np.ndarray:
    """The form of X (n, d) that ``method`` compares, float64.

    Raises
    ------
    InputError
        The rows of X are all the same, or fewer than "mutual-knn" needs; ``who`` is named.
    """
    if not (X[0] != X).any():
        raise Degenerate(f"{who}: the rows of {name} must not all be identical.")
    return SIMILARITIES[method].prepare(who, name, X, k)


def _gram(who: str, name: str, X: np.ndarray, k: int) -> np.ndarray:
    """The Gram matrix (n, n), centred so that products of two are unbiased, and of norm 1.

    Debiased linear CKA (Kornblith et al. 2019 with the HSIC of Song et al. 2012, equation 5) is the
    sum of the products of two such matrices: Székely and Rizzo 2014, "Partial distance correlation
    with methods for dissimilarities", The Annals of Statistics, proposition 1.
    """
    K = _hollow(X)
    n, total = len(K), np.square(K).sum()
    means = K.sum(axis=1) / (n - 2)
    K += means.sum() / (n - 1)
    K -= means[:, None]
    K -= means
    np.fill_diagonal(K, 0)
    square = np.square(K).sum()
    if not square > ROUNDING * total:
        raise Degenerate(
            f"{who}: the rows of {name} must not be identical except one, nor all equally far "
            "apart: debiased CKA would be 0 / 0. Use method='procrustes'."
        )
    K /= np.sqrt(square)
    return K


def _unit_rows(who: str, name: str, X: np.ndarray, k: int) -> np.ndarray:
    """The centred rows, in at most n columns, of norm 1 in all."""
    X = _reduced(X)
    return X / np.linalg.norm(X)


def _procrustes(A: np.ndarray, B: np.ndarray) -> float:
    """Procrustes similarity: 1 - (angular distance after the best rotation)^2 / 2.

    Williams, Kunz, Kornblith, Linderman 2021, "Generalized shape metrics on neural
    representations": the sum of singular values of X'Y over the product of the two norms.
    """
    return float(np.linalg.svd(A.T @ B, compute_uv=False).sum())


def _nearest(who: str, name: str, X: np.ndarray, k: int) -> np.ndarray:
    """The k nearest rows of each row, (n, k)."""
    k = checks.integer(who, "k", k, low=1, high=len(X) - 2)
    return neighbors(X, k=k).indices


def _relabelled(indices: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The neighbour lists of the rows, permuted by ``order``."""
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    return position[indices[order]]


def _overlap(A: np.ndarray, B: np.ndarray) -> float:
    """The fraction of a row's k neighbours that are the same in both.

    Huh, Cheung, Wang, Isola 2024, "The platonic representation hypothesis", ICML, section 2; by
    euclidean distance, where they take cosine.
    """
    return float((A[:, :, None] == B[:, None, :]).any(axis=2).mean())


@dataclass(frozen=True)
class Measure:
    """A measure of similarity: an entry of :data:`SIMILARITIES`.

    Each representation is prepared once, however many it is compared with and however often its
    rows are shuffled.

    Attributes
    ----------
    summary : str
        One line on what it compares.
    prepare : callable
        From the caller's name, the name of X, X (n, d) and k to what is compared.
    shuffle : callable
        From what ``prepare`` gave and an order (n,) to what it would give of the rows in that
        order.
    compare : callable
        From what ``prepare`` gave of X and of Y to their similarity.
    """

    summary: str
    prepare: Callable[[str, str, np.ndarray, int], np.ndarray]
    shuffle: Callable[[np.ndarray, np.ndarray], np.ndarray]
    compare: Callable[[np.ndarray, np.ndarray], float]


SIMILARITIES: dict[str, Measure] = {
    "cka": Measure(
        "debiased linear CKA: correlation of the two Gram matrices",
        _gram,
        lambda K, order: K[np.ix_(order, order)],
        lambda K, L: float(np.vdot(K, L)),
    ),
    "procrustes": Measure(
        "overlap after the best rotation and scale",
        _unit_rows,
        lambda X, order: X[order],
        _procrustes,
    ),
    "mutual-knn": Measure(
        "fraction of the k nearest rows that agree", _nearest, _relabelled, _overlap
    ),
}


def minibatch_cka(X: Any, Y: Any, *, batch: int = 256, epochs: int = 1, seed: int = 0) -> float:
    """Debiased linear CKA from small batches, for stored layers whose n x n matrices do not fit.

    Nguyen, Raghu, Kornblith 2021, "Do wide and deep networks learn the same things?", ICLR,
    equation 4: the unbiased HSIC is averaged over batches before the ratio is taken.

    Parameters
    ----------
    X, Y : array_like, shapes (n, d) and (n, e)
        Arrays or stored layers of the same images; rows are read batch by batch. Stored layers are
        paired as in :func:`similarity`.
    batch : int
        Rows in a batch, from 4 to n.
    epochs : int
        The number of passes over the rows, each in a new order, from 1.
    seed : int
        Seed of the orders.

    Returns
    -------
    float
        About 0 for unrelated rows, 1 for rows that are equal up to rotation and scale.

    Raises
    ------
    InputError
        The two have different numbers of rows, or an option is out of its range.

    Warns
    -----
    UserWarning
        Rows of a stored layer were left out.
    """
    X, Y = (M if _is_sliceable(M) else checks.matrix("minibatch_cka", M) for M in (X, Y))
    own, others, notes = matching_rows("minibatch_cka", X, Y)
    if own is None or others is None:
        own, others = np.arange(len(X)), np.arange(len(Y))
    for note in notes:
        warnings.warn(f"minibatch_cka: {note}", stacklevel=2)
    n = len(own)
    if len(others) != n:
        raise InputError(
            f"minibatch_cka: X and Y must be of the same images, got {n} and {len(others)} rows."
        )
    batch = checks.integer("minibatch_cka", "batch", batch, low=4, high=n)
    epochs = checks.integer("minibatch_cka", "epochs", epochs, low=1, high=checks.MOST_EPOCHS)
    seed = checks.seed("minibatch_cka", seed)
    rng = np.random.default_rng(seed)
    sums = np.zeros(3)
    for _ in range(epochs):
        order = rng.permutation(n)
        for start in range(0, n - batch + 1, batch):
            rows = np.sort(order[start : start + batch])
            K, L = (
                _hollow(checks.matrix("minibatch_cka", matrix[place[rows]]).astype(np.float64))
                for matrix, place in ((X, own), (Y, others))
            )
            sums += _hsic(K, L), _hsic(K, K), _hsic(L, L)
    if sums[1] <= 0 or sums[2] <= 0:
        raise Degenerate("minibatch_cka: the rows must not all be identical.")
    return float(sums[0] / np.sqrt(sums[1] * sums[2]))


def _is_sliceable(M: Any) -> bool:
    """Whether ``M`` can be read in blocks of rows: an array or a stored layer."""
    return hasattr(M, "blocks") or (isinstance(M, np.ndarray) and M.ndim == 2)


def _hollow(X: np.ndarray) -> np.ndarray:
    """The Gram matrix of the centred rows, (n, n), with a diagonal of zeros."""
    X = X - X.mean(axis=0)
    K = X @ X.T
    np.fill_diagonal(K, 0)
    return K


def _hsic(K: np.ndarray, L: np.ndarray) -> float:
    """The unbiased HSIC of two Gram matrices with diagonals of zeros, up to a factor of n alone."""
    n = len(K)
    k, l = K.sum(axis=1), L.sum(axis=1)  # noqa: E741
    correction = k.sum() * l.sum() / ((n - 1) * (n - 2))
    return float(np.einsum("ij,ij->", K, L) + correction - 2 / (n - 2) * (k @ l))


def _reduced(X: np.ndarray) -> np.ndarray:
    """The centred rows, rotated into at most n columns, (n, min(n, d))."""
    X = X - X.mean(axis=0)
    if X.shape[1] <= len(X):
        return X
    values, vectors = np.linalg.eigh(X @ X.T)
    return vectors * np.sqrt(values.clip(0))
