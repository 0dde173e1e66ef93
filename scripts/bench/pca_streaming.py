#!/usr/bin/env python3
"""PCA of a stored layer, block by block, against scikit-learn's IncrementalPCA.

    scripts/bench/pca_streaming.py [--n 50000] [--features 9216] [--layers FOLDER]

Writes a layer of float16 (a decaying spectrum under noise), then fits 100 components and computes
the scores of every row, on either side from blocks of 1,000 rows. The error is the largest of the
leading 50 explained variances, relative to those of the covariance matrix in float64. The complete
size is 50,000 x 9,216 (0.9 GB); the layers are kept in the folder --layers.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
from arms import Arm, Workload, main

BLOCK, COMPONENTS, COMPARED = 1_000, 100, 50


def prepare(given: Namespace) -> None:
    """The layers, as an extraction would have left them, and the exact variances."""
    n = given.n or TASK.n
    for rows in (TASK.few, n):
        if not (folder_of(given, rows) / "rows.parquet").exists():
            write(folder_of(given, rows), rows, given.features)
    np.save(given.work / "exact.npy", exact(folder_of(given, n)))


def folder_of(given: Namespace, n: int) -> Path:
    """Where the layer of ``n`` rows is."""
    return (given.layers or given.work) / f"{n}x{given.features}"


def write(folder: Path, rows: int, features: int) -> None:
    """A layer of ``rows`` rows."""
    import repviz

    rng = np.random.default_rng(0)
    strength = (10 / np.sqrt(np.arange(1, 301))).astype(np.float32)
    directions = np.linalg.qr(rng.standard_normal((features, 300)).astype(np.float32))[0].T
    file = folder.with_suffix(".npy")
    file.parent.mkdir(parents=True, exist_ok=True)
    matrix = np.lib.format.open_memmap(file, "w+", np.float16, (rows, features))
    for start in range(0, rows, BLOCK):
        stop = min(start + BLOCK, rows)
        X = (rng.standard_normal((stop - start, 300), dtype=np.float32) * strength) @ directions
        matrix[start:stop] = X + 0.1 * rng.standard_normal(X.shape, dtype=np.float32) + 1
    matrix.flush()
    repviz.import_matrix(file, folder, name="wide", layer="wide")
    file.unlink()


def ours(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """``repviz.pca``, which returns the scores too."""
    import repviz

    layer = repviz.open_activations(folder_of(given, n))["wide"]

    def work() -> dict[str, float]:
        return error(given, repviz.pca(layer, components=COMPONENTS).explained_variance)

    return work


def incremental(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """``IncrementalPCA``: one pass to fit, one for the scores."""
    from sklearn.decomposition import IncrementalPCA

    import repviz

    layer = repviz.open_activations(folder_of(given, n))["wide"]

    def work() -> dict[str, float]:
        fit = IncrementalPCA(COMPONENTS)
        for _, block in layer.blocks(BLOCK):
            fit.partial_fit(block.astype(np.float32))
        for _, block in layer.blocks(BLOCK):
            fit.transform(block.astype(np.float32))
        return error(given, fit.explained_variance_)

    return work


def error(given: Namespace, variances: np.ndarray) -> dict[str, float]:
    """The leading variance, and the largest relative error of the leading 50."""
    off = np.abs(variances[:COMPARED] / np.load(given.work / "exact.npy") - 1).max()
    return {"leading variance": float(variances[0]), "error of variances": float(off)}


def exact(folder: Path) -> np.ndarray:
    """Explained variances from the covariance matrix, in float64."""
    import scipy.linalg

    import repviz

    layer = repviz.open_activations(folder)["wide"]
    features = layer.shape[1]
    mean = sum(block.sum(axis=0, dtype=np.float64) for _, block in layer.blocks(BLOCK)) / len(layer)
    gram = np.zeros((features, features))
    for _, block in layer.blocks(2 * BLOCK):
        centred = (block - mean).astype(np.float32)
        gram += centred.T @ centred
    leading = (features - COMPARED, features - 1)
    values = scipy.linalg.eigvalsh(gram, subset_by_index=leading)
    return values[::-1] / (len(layer) - 1)


def add_options(options: ArgumentParser) -> None:
    """The width of the layer, and where it is kept."""
    options.add_argument("--features", type=int, default=4_096)
    options.add_argument("--layers", type=Path, help="a folder to keep the layers in")


TASK = Workload(
    f"{COMPONENTS} principal components of a stored layer, and the scores",
    "rows",
    n=10_000,
    few=2_000,
    measures=("wall time", "processor time", "peak memory", "error of variances"),
    equal={"leading variance": 0.01},
    arms=(
        Arm(ours, "repviz", "repviz-toolkit"),
        Arm(incremental, "scikit-learn IncrementalPCA", "scikit-learn"),
    ),
)

if __name__ == "__main__":
    main(__doc__, "pca", [TASK], times=2, prepare=prepare, add_options=add_options)
