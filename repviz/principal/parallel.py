"""Parallel analysis: principal components that exceed those of independently shuffled columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from repviz import checks
from repviz.principal import pca


@dataclass(frozen=True, eq=False)
class ParallelAnalysis:
    """The spectrum, and its null distribution for independent columns.

    Attributes
    ----------
    explained_variance : ndarray of float64, shape (k,)
        Spectrum of the rows, in squared units of ``X``.
    null : ndarray of float64, shape (k,)
        The quantile of the explained variance at each place when columns are shuffled.
    n_components : int
        Number of leading components above it, without a gap.
    permutations : int
        Number of times the columns were shuffled.
    quantile : float
        Which quantile ``null`` is, in (0, 1).
    """

    explained_variance: np.ndarray = field(repr=False)
    null: np.ndarray = field(repr=False)
    n_components: int
    permutations: int
    quantile: float


def parallel_analysis(
    X: Any,
    *,
    components: int | None = None,
    permutations: int = 19,
    quantile: float = 0.95,
    seed: int = 0,
) -> ParallelAnalysis:
    """The spectrum and its permutation null: how many components chance does not explain.

    Each column is shuffled by itself, which keeps every column's values and removes their
    dependence. Horn 1965, "A rationale and test for the number of factors in factor analysis",
    Psychometrika 30; by permutation, Buja and Eyuboglu 1992, Multivariate Behavioral Research 27.
    A component above the null holds something that columns share. It says nothing of curved sets,
    and with n rows fewer than columns it misses weak directions.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row per image; it must fit into memory.
    components : int, optional
        Number of components to compare, from 1 to min(n - 1, d); all if None.
    permutations : int
        Number of shuffles, from 1 to 10^6; 19 are the fewest that show the 0.95 quantile.
    quantile : float
        Quantile of the shuffled spectra, from 0.5 to 0.999.
    seed : int
        Random seed of the shuffles.

    Raises
    ------
    InputError
        ``X`` or an option is not what it must be.
    """
    X = checks.matrix("parallel_analysis", X)
    permutations = checks.integer(
        "parallel_analysis", "permutations", permutations, low=1, high=10**6
    )
    quantile = checks.real("parallel_analysis", "quantile", quantile, low=0.5, high=0.999)
    spectrum = pca(X, components=components).explained_variance
    rng = np.random.default_rng(checks.seed("parallel_analysis", seed))
    shuffled = [
        pca(rng.permuted(X, axis=0), components=len(spectrum)).explained_variance
        for _ in range(permutations)
    ]
    null = np.quantile(shuffled, quantile, axis=0, method="higher")
    above = spectrum > null
    n_components = len(above) if above.all() else int(np.argmin(above))
    return ParallelAnalysis(spectrum, null, n_components, permutations, quantile)
