"""Principal components: exact where the matrix fits, streaming over a store where it does not."""

from __future__ import annotations

from typing import Any

from repviz import checks
from repviz.errors import InputError
from repviz.principal.record import PCA

__all__ = ["PCA", "pca"]

SOLVERS = ("auto", "exact", "streaming")
# Beyond these, "auto" streams: numbers in X, and lines of the smaller Gram matrix.
MOST_NUMBERS, MOST_LINES = 1 << 28, 6000


def pca(X: Any, *, components: int | None = None, solver: str = "auto", seed: int = 0) -> PCA:
    """The principal components of the rows of X.

    "exact" sums the smaller of the two Gram matrices, rows by rows or columns by columns, in
    float64 block by block and decomposes it, so that 400 rows of 290,400 numbers take little more
    memory than themselves. Directions below 1e-7 of the largest standard deviation are beyond its
    reach. "streaming" reads X in a few passes, in blocks of 64 MB as float32, and holds beside one
    of them and the scores at most 28 (components + 20) columns of d numbers in float32: its leading
    variances agree with the exact ones to about 1e-4, and its participation ratio is an estimate.

    Parameters
    ----------
    X : array_like, shape (n, d)
        One row per image: an array, a memory map, a stored layer.
    components : int, optional
        Number of components, from 1 to min(n - 1, d); all of these if None.
    solver : {"auto", "exact", "streaming"}
        "auto" streams where components are given, and X holds more than 268 million numbers or
        6,000 of rows and of columns.
    seed : int
        Random seed of the initial directions of "streaming".

    Returns
    -------
    PCA

    Raises
    ------
    InputError
        ``X`` is not a finite matrix of two rows or more, or ``components`` is out of its range.
    UnknownName
        No such solver.
    """
    checks.one_of("pca", "solver", solver, SOLVERS)
    seed = checks.seed("pca", seed)
    X = checks.sliceable("pca", X)
    shape: tuple[int, ...] = tuple(X.shape)
    if solver == "auto":
        large = len(shape) == 2 and (shape[0] * shape[1] > MOST_NUMBERS or min(shape) > MOST_LINES)
        solver = "streaming" if large and components is not None else "exact"
    if solver == "exact" or len(shape) != 2:
        X = checks.matrix("pca", X)
    if solver == "streaming":
        checks.numeric("pca", X[0:1])
    n, d = X.shape
    if n < 2 or d < 1:
        raise InputError(f"pca: X must have at least 2 rows and 1 column, got shape {(n, d)}.")
    most = min(n - 1, d)
    k = most if components is None else checks.integer("pca", "components", components, low=1)
    if k > most:
        raise InputError(
            f"pca: components must be at most min(n - 1, d) = {most}, got {k}. Use fewer "
            "components or more images."
        )
    if solver == "exact":
        from repviz.principal.exact import exact_pca

        return exact_pca(X, k)
    from repviz.principal.streaming import streaming_pca

    return streaming_pca(X, k, seed=seed)
