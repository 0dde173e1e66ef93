#!/usr/bin/env python3
"""The same numbers as scikit-dimension and DADApy, where they compute what they say.

    .venv/bin/python scripts/bench/agreement.py

Relative differences on 1,500 rows of a 4-ball in 20 features, with the known reason for each.
scikit-dimension comes with the extra ``bench``; DADApy needs numpy below 2 and is left out where it
is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

import repviz
from repviz.manifold.neighbors import Neighbors

N = 1_500


def rows() -> np.ndarray:
    """A uniform 4-ball, rotated into 20 features."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 4))
    X *= rng.random((N, 1)) ** (1 / 4) / np.linalg.norm(X, axis=1, keepdims=True)
    return X @ np.linalg.qr(rng.standard_normal((20, 20)))[0][:4]


def scikit_dimension(X: np.ndarray) -> Iterator[tuple[str, float, float, str]]:
    """Name, ours, theirs, remark."""
    import skdim

    graph = repviz.neighbors(X, k=60)

    def ours(method: str, **options: object) -> float:
        return repviz.dimension(graph, method=method, **options).value

    yield "TwoNN linear", ours("twonn", fit="linear"), skdim.id.TwoNN().fit(X).dimension_, ""
    theirs = skdim.id.TwoNN(discard_fraction=0, method="mle").fit(X).dimension_
    unbiased = "they take 1 from n (Denti et al. 2022); compared at n - 1"
    yield "TwoNN likelihood", ours("twonn") * (N - 1) / N, theirs, unbiased
    for k in (5, 10, 20):
        theirs = skdim.id.MLE().fit(X, n_neighbors=k).dimension_
        yield f"MLE k = {k}", ours("mle", k=k), theirs, ""
    theirs = skdim.id.MLE(unbiased=True).fit(X, n_neighbors=10, comb="mean").dimension_
    yield "MLE unbiased, mean", ours("mle", unbiased=True, average="mean"), theirs, ""
    theirs = skdim.id.MOM().fit(X, n_neighbors=10).dimension_
    yield "moments, mean", ours("moments", average="mean"), theirs, ""
    theirs = skdim.id.MiND_ML(k=10, D=50).fit(X).dimension_
    yield "MiND-ML", ours("mind-ml"), theirs, "their L-BFGS stops at about 1e-5"
    yield (
        "correlation",
        ours("correlation"),
        skdim.id.CorrInt().fit(X).dimension_,
        "n^2 for n (n - 1) cancels",
    )
    theirs = skdim.id.TLE().fit(X, n_neighbors=20).dimension_
    yield "TLE, mean", ours("tle", average="mean"), theirs, "they drop what is below 1e-4 units"
    yield "FisherS", ours("fishers"), skdim.id.FisherS().fit(X).dimension_, ""
    theirs = skdim.id.lPCA(ver="participation_ratio").fit(X).dimension_
    yield "participation", ours("participation"), theirs, ""
    theirs = skdim.id.lPCA(ver="ratio", alphaRatio=0.9).fit(X).dimension_
    yield "PCA 90 %", ours("pca-90"), theirs, ""
    theirs = skdim.id.GRIDE(n1=4).fit(X).dimension_
    yield "GRIDE m = 4", ours("gride", m=4), theirs, "they write (n - 1) log d and drop outliers"
    yield "GRIDE m = 4", gride(graph, 4, N - 1), theirs, "ours with n - 1: the same"
    theirs = skdim.id.DANCo(random_state=0, D=20).fit(X).dimension_
    yield (
        "DANCo",
        ours("danco"),
        theirs,
        "they simulate one ball per dimension; we smooth over many",
    )
    calibrated = repviz.dimension(graph).calibrated
    theirs = skdim.id.PH(nsteps=20, random_state=0).fit(X).dimension_
    yield "PH0", calibrated, theirs, "not offered here; beside calibrated TwoNN"
    local = repviz.dimension(graph, method="local-pca").calibrated
    for rule, name in (("MP", "Marchenko-Pastur"), ("KN", "Kritchman-Nadler")):
        pointwise = skdim.id.lPCA(ver=rule).fit_pw(X, n_neighbors=50).dimension_pw_
        remark = f"random-matrix rule ({name}), k = 50; beside calibrated local PCA"
        yield f"local PCA {rule}", local, float(np.mean(pointwise)), remark


def dadapy(X: np.ndarray) -> Iterator[tuple[str, float, float, str]]:
    """Name, ours, theirs, remark."""
    from dadapy import Data

    data = Data(X, maxk=100)
    graph = repviz.neighbors(X, k=60)
    theirs = data.compute_id_2NN(algorithm="base")[0]
    yield "TwoNN linear", repviz.dimension(graph, fit="linear").value, theirs, ""
    theirs = data.compute_id_2NN(algorithm="ml")[0]
    yield "TwoNN likelihood", repviz.dimension(graph).value * (N - 1) / N, theirs, "at n - 1"
    curve, _, _ = data.return_id_scaling_gride(range_max=64)
    for place, m in enumerate((1, 2, 4, 8, 16)):
        yield f"GRIDE m = {m}", gride(graph, m, N - 1), curve[place], "at n - 1"


def gride(graph: Neighbors, m: int, count: int) -> float:
    """Our likelihood with the peers' count in place of n."""
    from scipy.optimize import brentq

    x = np.log(graph.distances[:, 2 * m - 1] / graph.distances[:, m - 1])

    def score(d: float) -> float:
        return float(count / d - (m - 1) * (x / np.expm1(-d * x)).sum() - (2 * m - 1) * x.sum())

    return float(brentq(score, 1e-3, 1e3, xtol=1e-12))


def main() -> None:
    """Print the table."""
    X = rows()
    sides: tuple[Callable[[np.ndarray], Iterator[tuple[str, float, float, str]]], ...] = (
        scikit_dimension,
        dadapy,
    )
    for side in sides:
        print(side.__name__.replace("_", "-"))
        try:
            for name, ours, theirs, remark in side(X):
                off = abs(ours / theirs - 1)
                print(f"  {name:20s} {ours:10.6f} {theirs:10.6f} {off:9.1e}  {remark}", flush=True)
        except ImportError as error:
            print(f"  not installed ({error})")


if __name__ == "__main__":
    main()
