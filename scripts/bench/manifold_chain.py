#!/usr/bin/env python3
"""From rows to graph, dimensions, map and its quality: repviz against the peers one after another.

    scripts/bench/manifold_chain.py [--n 20000] [--rounds 3]

Rows of 256 features on a curved 8-dimensional set. The same five estimators, UMAP with a seed, and
trustworthiness of 15 neighbours on either side; the other side is scikit-dimension, umap-learn and
scikit-learn, each from the rows. Trustworthiness has one definition in both, and ours computes
continuity, recall and the Shepard correlation beside it. A smaller set by default: --n 20000.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

import numpy as np
from arms import Arm, Workload, main
from measuring import curved_rows

FEATURES, INTRINSIC, K, JUDGED = 256, 8, 20, 15


def ours(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """One graph for everything."""
    import repviz

    X = curved_rows(n, FEATURES, INTRINSIC)

    def work() -> dict[str, float]:
        graph = repviz.neighbors(X, k=K)
        for method in ("twonn", "mle", "moments", "mind-ml", "correlation"):
            repviz.dimension(graph, method=method)
        xy = repviz.umap(graph)
        return {"trustworthiness": repviz.quality(graph, xy, k=JUDGED).trustworthiness}

    return work


def peers(given: Namespace, n: int) -> Callable[[], dict[str, float]]:
    """scikit-dimension, umap-learn and scikit-learn."""
    import skdim
    import umap
    from sklearn.manifold import trustworthiness

    X = curved_rows(n, FEATURES, INTRINSIC)

    def work() -> dict[str, float]:
        skdim.id.TwoNN().fit(X)
        skdim.id.MLE().fit(X, n_neighbors=10)
        skdim.id.MOM().fit(X, n_neighbors=10)
        skdim.id.MiND_ML(k=10, D=50).fit(X)
        skdim.id.CorrInt().fit(X)
        xy = umap.UMAP(random_state=0).fit_transform(X)
        return {"trustworthiness": float(trustworthiness(X, np.asarray(xy), n_neighbors=JUDGED))}

    return work


TASK = Workload(
    f"graph, five dimensions, UMAP and its trustworthiness, {FEATURES} features",
    "rows",
    n=5_000,
    few=600,
    measures=("wall time", "processor time", "peak memory", "trustworthiness"),
    arms=(
        Arm(ours, "repviz", "repviz-toolkit"),
        Arm(peers, "scikit-dimension, umap-learn and scikit-learn", "umap-learn"),
    ),
)

if __name__ == "__main__":
    main(__doc__, "manifold", [TASK], times=2)
