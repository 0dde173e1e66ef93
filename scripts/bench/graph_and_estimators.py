#!/usr/bin/env python3
"""The graph against faiss Flat, all distance-based estimators against the graph, TwoNN's peers.

    .venv/bin/python scripts/bench/graph_and_estimators.py

n = 10,000, d = 512, k = 100. Medians of five, in turns, in one process; the peak RSS is that of the
process with our graph and estimators alone. Needs the extra ``bench``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

N, D, K, REPEATS = 10_000, 512, 100, 5
DISTANCE_BASED = ("twonn", "gride", "mle", "mind-ml", "moments", "l2n2", "correlation")


def rows() -> np.ndarray:
    """Rows on a curved 10-dimensional set, float32."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((N, 10))
    waves = np.sin(Z @ rng.standard_normal((10, 64)) / 2 + rng.random(64) * 6)
    return (waves @ rng.standard_normal((64, D))).astype(np.float32)


def flat(X: np.ndarray) -> None:
    """The floor: faiss on centred float32."""
    import faiss

    centred = X - X.mean(axis=0)
    index = faiss.IndexFlatL2(D)
    index.add(centred)
    index.search(centred, K + 1)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def estimators(graph: object) -> None:
    """Each with its interval, calibration and warnings; nothing is kept from an earlier round."""
    from dataclasses import replace

    import repviz

    fresh = replace(graph)  # type: ignore[type-var]
    for method in DISTANCE_BASED:
        repviz.dimension(fresh, method=method)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args()
    import repviz

    X = rows()
    if options.memory:
        estimators(repviz.neighbors(X, k=K))
        status = Path("/proc/self/status").read_text()  # ru_maxrss would be the parent's
        print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
        return
    graph = repviz.neighbors(X, k=K)
    estimators(graph)
    flat(X)
    times: dict[str, list[float]] = {"flat": [], "graph": [], "estimators": [], "twonn": []}
    for _ in range(REPEATS):
        times["flat"].append(seconds(lambda: flat(X)))
        times["graph"].append(seconds(lambda: repviz.neighbors(X, k=K)))
        times["estimators"].append(seconds(lambda: estimators(graph)))
        times["twonn"].append(seconds(lambda: repviz.dimension(X)))
    middle = {name: statistics.median(of) for name, of in times.items()}
    for name, value in middle.items():
        print(f"{name:12s} {value:7.3f} s")
    print(f"graph / flat                    {middle['graph'] / middle['flat']:.3f}")
    share = (middle["graph"] + middle["estimators"]) / middle["graph"]
    print(f"(graph + estimators) / graph    {share:.3f}")
    import skdim

    peer = statistics.median(seconds(lambda: skdim.id.TwoNN().fit(X)) for _ in range(3))
    print(f"scikit-dimension TwoNN {peer:7.3f} s, {peer / middle['twonn']:.1f} times ours")
    command = [sys.executable, __file__, "--memory"]
    rss = float(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    print(f"peak RSS {rss:.0f} MB")


if __name__ == "__main__":
    main()
