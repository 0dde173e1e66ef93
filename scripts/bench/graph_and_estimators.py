#!/usr/bin/env python3
"""The neighbour graph against faiss, and intrinsic dimension against three other packages.

    scripts/bench/graph_and_estimators.py [--rounds 3] [--n 10000]

10,000 x 512 rows on a curved set of 10 dimensions, the 100 nearest neighbours of each. Of faiss
it is the search alone; ours also checks its input and removes duplicates. TwoNN is
compared from rows to number; ours returns an interval, a calibrated value and warnings with it.
The last task puts all estimators that use distances beside the graph that they share.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

import numpy as np
from arms import Arm, Workload, main
from measuring import curved_rows

FEATURES, INTRINSIC, K = 512, 10, 100
DISTANCE_BASED = ("twonn", "gride", "mle", "mind-ml", "moments", "l2n2", "correlation")

Figures = Callable[[], dict[str, float]]


def rows(n: int) -> np.ndarray:
    """The data of every arm, float32 (n, 512)."""
    return curved_rows(n, FEATURES, INTRINSIC)


def graph(given: Namespace, n: int) -> Figures:
    """``repviz.neighbors``."""
    import repviz

    X = rows(n)

    def work() -> dict[str, float]:
        return {"mean distance": float(repviz.neighbors(X, k=K).distances.mean())}

    return work


def faiss_flat(given: Namespace, n: int) -> Figures:
    """Exact search of centred float32 rows."""
    import faiss

    X = rows(n)

    def work() -> dict[str, float]:
        centred = X - X.mean(axis=0)
        index = faiss.IndexFlatL2(FEATURES)
        index.add(centred)
        squares, _ = index.search(centred, K + 1)
        return {"mean distance": float(np.sqrt(np.maximum(squares[:, 1:], 0)).mean())}

    return work


def scikit_learn(given: Namespace, n: int) -> Figures:
    """Exact search by scikit-learn, with the method that it chooses."""
    from sklearn.neighbors import NearestNeighbors

    X = rows(n)

    def work() -> dict[str, float]:
        distances, _ = NearestNeighbors(n_neighbors=K, n_jobs=-1).fit(X).kneighbors()
        return {"mean distance": float(distances.mean())}

    return work


def twonn(given: Namespace, n: int) -> Figures:
    """``repviz.dimension``."""
    import repviz

    X = rows(n)
    return lambda: {"dimension": repviz.dimension(X).value}


def skdim_twonn(given: Namespace, n: int) -> Figures:
    """TwoNN of scikit-dimension."""
    import skdim

    X = rows(n)
    return lambda: {"dimension": skdim.id.TwoNN().fit(X).dimension_}


def dadapy_twonn(given: Namespace, n: int) -> Figures:
    """TwoNN of DADApy, from as many distances as it needs."""
    from dadapy import Data

    X = rows(n)

    def work() -> dict[str, float]:
        data = Data(X, maxk=3, n_jobs=-1)
        data.compute_distances()
        return {"dimension": float(data.compute_id_2NN()[0])}

    return work


def torchid_twonn(given: Namespace, n: int) -> Figures:
    """TwoNN of torchid on the CPU."""
    import torch
    from torchid.estimators import TwoNN

    X = torch.from_numpy(rows(n))
    return lambda: {"dimension": float(TwoNN().fit(X).dimension_)}


def graph_and_all(given: Namespace, n: int) -> Figures:
    """One graph and seven estimators, each with its interval, calibration and warnings."""
    import repviz

    X = rows(n)

    def work() -> dict[str, float]:
        shared = repviz.neighbors(X, k=K)
        values = [repviz.dimension(shared, method=method).value for method in DISTANCE_BASED]
        return {"mean dimension": float(np.mean(values))}

    return work


def skdim_all(given: Namespace, n: int) -> Figures:
    """The five of them that scikit-dimension has, each from the rows."""
    import skdim

    X = rows(n)

    def work() -> dict[str, float]:
        fits = (
            skdim.id.TwoNN().fit(X),
            skdim.id.GRIDE().fit(X),
            skdim.id.MLE().fit(X, n_neighbors=10),
            skdim.id.MOM().fit(X, n_neighbors=10),
            skdim.id.MiND_ML(k=10, D=50).fit(X),
            skdim.id.CorrInt().fit(X),
        )
        return {"mean dimension": float(np.mean([fit.dimension_ for fit in fits]))}

    return work


TASKS = (
    Workload(
        f"exact graph of {K} neighbours, {FEATURES} features",
        "rows",
        n=10_000,
        few=1_000,
        equal={"mean distance": 1e-3},
        arms=(
            Arm(graph, "repviz", "repviz-toolkit"),
            Arm(faiss_flat, "faiss IndexFlatL2", "faiss-cpu", note="the search alone"),
            Arm(scikit_learn, "scikit-learn NearestNeighbors", "scikit-learn"),
        ),
    ),
    Workload(
        f"TwoNN from rows of {FEATURES} features",
        "rows",
        n=10_000,
        few=1_000,
        equal={"dimension": 0.1},  # they fit a line, we maximise the likelihood
        arms=(
            Arm(twonn, "repviz", "repviz-toolkit"),
            Arm(skdim_twonn, "scikit-dimension", "scikit-dimension"),
            Arm(dadapy_twonn, "DADApy", "dadapy", environment="dadapy"),
            Arm(
                torchid_twonn,
                "torchid on the CPU",
                "torchid",
                note="declares Python 3.13",
                missing="declares Python 3.13; scripts/bench/peers installs it all the same",
            ),
        ),
    ),
    Workload(
        "a graph and seven estimators of dimension",
        "rows",
        n=10_000,
        few=1_000,
        arms=(
            Arm(graph_and_all, "repviz", "repviz-toolkit"),
            Arm(graph, "our graph alone", "repviz-toolkit"),
            Arm(
                skdim_all,
                "scikit-dimension",
                "scikit-dimension",
                note="the six of the seven that it has",
            ),
        ),
    ),
)

if __name__ == "__main__":
    main(__doc__, "dimension", TASKS)
