"""Similarity of many layers with many others, all calibrated by the same shuffles.

The level of a measure among unrelated rows grows with the number of features, and the largest of
many similarities is large by chance. One shuffle of the rows for all pairs of layers at once gives
both corrections: each pair's own level, and the distribution of the largest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, progress
from repviz.errors import InputError
from repviz.manifold.similarity import ROUNDING, SIMILARITIES, prepare
from repviz.manifold.stored_rows import matching_rows

if TYPE_CHECKING:
    import pandas as pd

WHO = "layer_similarity"


@dataclass(frozen=True, eq=False)
class LayerSimilarity:
    """The similarities of l layers with m others.

    Attributes
    ----------
    layers, others : tuple of str
        The names of the l and of the m layers.
    value : ndarray of float64, shape (l, m)
        The similarity, as :func:`repviz.similarity` gives it.
    calibrated : ndarray of float64, shape (l, m)
        ``(value - level) / (1 - level)``, where the level of a pair is the mean over the shuffles
        and the order as given: 0 in expectation for unrelated rows, whatever the number of
        features; 1 for rows that are equal up to rotation and scale.
    null : ndarray of float64, shape (l, m)
        The 95 % quantile of ``value`` when the rows of one are shuffled.
    p : ndarray of float64, shape (l, m)
        The fraction of shuffles in which this pair is at least as similar, in (0, 1]; of use for a
        pair that was chosen beforehand.
    p_max : ndarray of float64, shape (l, m)
        The fraction of shuffles in which the most similar pair of all is at least as similar as
        this one, by ``calibrated``, in (0, 1]. Where no pair is related, any is below 0.05 in at
        most 5 % of data sets: for the best pair, and for pairs that were searched for.
    n : int
        Number of rows.
    method : str
        A name in :data:`~repviz.manifold.similarity.SIMILARITIES`.
    permutations : int
        Number of shuffles, the same for all pairs.
    seed : int
        Seed of the shuffles.
    warnings : tuple of str
        Which rows were left out, where any were.
    """

    layers: tuple[str, ...]
    others: tuple[str, ...]
    value: np.ndarray
    calibrated: np.ndarray
    null: np.ndarray
    p: np.ndarray
    p_max: np.ndarray
    n: int
    method: str
    permutations: int
    seed: int
    warnings: tuple[str, ...] = ()

    @property
    def best(self) -> tuple[str, str]:
        """The pair with the largest calibrated similarity."""
        row, column = np.unravel_index(self.calibrated.argmax(), self.calibrated.shape)
        return self.layers[row], self.others[column]

    def table(self) -> pd.DataFrame:
        """One row per pair: layer, other, value, calibrated, null, p, p_max."""
        import pandas as pd

        pairs = pd.MultiIndex.from_product([self.layers, self.others], names=["layer", "other"])
        columns = ("value", "calibrated", "null", "p", "p_max")
        found = {name: getattr(self, name).ravel() for name in columns}
        return pd.DataFrame(found, index=pairs).reset_index()


def layer_similarity(
    X: Any,
    Y: Any,
    *,
    method: str = "cka",
    permutations: int = 199,
    k: int = 10,
    seed: int = 0,
) -> LayerSimilarity:
    """The similarity of every layer of X with every layer of Y, calibrated by common shuffles.

    Parameters
    ----------
    X, Y : Activations, mapping of str to array_like, or array_like
        Layers of the same n images, each (n, d) with a d of its own: a folder of activations, some
        of its layers by name, or one matrix, such as similarities that people judged. Rows of
        stored layers are paired as in :func:`repviz.similarity`.
    method : str
        A name in :data:`~repviz.manifold.similarity.SIMILARITIES`.
    permutations : int
        Shuffles of the rows of Y, from 19 to 10^6; 19 are the fewest whose p can be 0.05.
    k : int
        For "mutual-knn": the number of neighbours, from 1 to n - 2; with n - 1, all rows agree.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    LayerSimilarity

    Raises
    ------
    InputError
        The layers have different numbers of rows, fewer than 4, rows that are all the same, or are
        of other images; or the layers of one side are of several folders with different rows.
    UnknownName
        There is no such method.

    References
    ----------
    F. Gröger, S. Wen, M. Brbić 2026, "Revisiting the Platonic representation hypothesis: an
    Aristotelian view", arXiv:2602.14486, algorithms 1 and 2: one permutation for all pairs of
    layers, and the statistic that is reported (the largest) in each. They subtract the 95 %
    quantile and set to 0 what is below it; we subtract the mean, so that the expectation is 0.
    P. Westfall and S. Young 1993, "Resampling-based multiple testing": the adjusted p, single step.
    """
    checks.one_of(WHO, "method", method, SIMILARITIES)
    permutations = checks.integer(WHO, "permutations", permutations, low=19, high=10**6)
    seed = checks.seed(WHO, seed)
    one, other = _layers_of("X", X), _layers_of("Y", Y)
    rows, others, notes = matching_rows(WHO, next(iter(one.values())), next(iter(other.values())))
    sides = [_matrices(*side) for side in (("X", one, rows), ("Y", other, others))]
    n = min(map(len, sides[0].values()))
    k = checks.integer(WHO, "k", k, low=1)
    _check_rows([*sides[0].values(), *sides[1].values()])
    measure = SIMILARITIES[method]
    A, B = (
        [prepare(WHO, f"layer '{name}'", M, method, k) for name, M in side.items()]
        for side in sides
    )
    rng = np.random.default_rng(seed)
    found = np.empty((permutations + 1, len(A), len(B)))
    with progress.task("layer similarity", permutations, "shuffles") as advance:
        for turn in range(permutations + 1):
            order = rng.permutation(n) if turn else None
            for column, b in enumerate(B):
                shuffled = b if order is None else measure.shuffle(b, order)
                found[turn, :, column] = [measure.compare(a, shuffled) for a in A]
            advance(min(turn, 1))
    return LayerSimilarity(
        tuple(one),
        tuple(other),
        **_calibrated(found),
        n=n,
        method=method,
        permutations=permutations,
        seed=seed,
        warnings=notes,
    )


def _calibrated(found: np.ndarray) -> dict[str, np.ndarray]:
    """Calibrated values and p of each pair, from similarities (1 + permutations, l, m).

    The first similarities are those of the unshuffled rows. The level is the mean over all orders,
    the given one included: for unrelated rows all orders are then exchangeable, and both p exact.
    """
    level = found.mean(axis=0)
    if (level >= 1 - ROUNDING).any():
        raise InputError(
            f"{WHO}: the similarity of shuffled rows must be below 1, got 1 for every shuffle, as "
            "where all rows are equally far apart. Leave such layers out."
        )
    calibrated = (found - level) / (1 - level)
    largest = calibrated.max(axis=(1, 2))
    return {
        "value": found[0],
        "calibrated": calibrated[0],
        "null": np.quantile(found[1:], 0.95, axis=0, method="higher"),
        "p": (found >= found[0]).mean(axis=0),
        "p_max": (largest[:, None, None] >= calibrated[0]).mean(axis=0),
    }


def _layers_of(side: str, layers: Any) -> dict[str, Any]:
    """Name to layer; a single matrix is named "X" or "Y"."""
    if hasattr(layers, "layers") and hasattr(layers, "manifest"):
        return {name: layers[name] for name in layers.layers}
    found = dict(layers) if isinstance(layers, Mapping) else {side: layers}
    if not found:
        raise InputError(f"{WHO}: {side} must have at least one layer, got none.")
    return found


def _matrices(side: str, layers: dict[str, Any], rows: np.ndarray | None) -> dict[str, np.ndarray]:
    """The rows of each layer that have a partner, as float64."""
    ids = [layer.ids for layer in layers.values() if hasattr(layer, "ids")]
    if any(not np.array_equal(one, ids[0]) for one in ids):
        raise InputError(
            f"{WHO}: the layers of {side} must have the same rows in the same order, got layers of "
            "folders with different rows. Compare one folder with another."
        )
    chosen = {name: M if rows is None else M[rows] for name, M in layers.items()}
    return {name: checks.matrix(WHO, M, rows=4).astype(np.float64) for name, M in chosen.items()}


def _check_rows(matrices: list[np.ndarray]) -> None:
    counts = sorted({len(M) for M in matrices})
    if len(counts) > 1:
        raise InputError(
            f"{WHO}: all layers must be of the same images, got layers of "
            f"{' and '.join(map(str, counts))} rows."
        )
