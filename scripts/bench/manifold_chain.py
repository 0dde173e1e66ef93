#!/usr/bin/env python3
"""From rows to graph, dimensions, map and its quality: repviz against the peers one after another.

    .venv/bin/python scripts/bench/manifold_chain.py

20,000 x 256 rows on a curved 8-dimensional set. Each side in its own process, compiled beforehand
on a few rows: the same five estimators, UMAP with a seed, trustworthiness. Prints seconds of wall
and of processors, peak RSS, and the trustworthiness of both maps by one measure. Needs the extra
``bench``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROWS, FEATURES, INTRINSIC, K = 20_000, 256, 8, 20


def rows(n: int) -> np.ndarray:
    """Rows on a smooth set of known dimension, float32 (n, 256)."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((n, INTRINSIC))
    waves = np.sin(Z @ rng.standard_normal((INTRINSIC, 64)) / 2 + rng.random(64) * 6)
    return (waves @ rng.standard_normal((64, FEATURES)) / 8).astype(np.float32)


def ours(X: np.ndarray) -> np.ndarray:
    """One graph for everything."""
    import repviz

    graph = repviz.neighbors(X, k=K)
    for method in ("twonn", "mle", "moments", "mind-ml", "correlation"):
        repviz.dimension(graph, method=method)
    xy = repviz.umap(graph)
    repviz.quality(graph, xy)
    return xy


def peers(X: np.ndarray) -> np.ndarray:
    """scikit-dimension, umap-learn and scikit-learn, each from the rows."""
    import skdim
    import umap
    from sklearn.manifold import trustworthiness

    skdim.id.TwoNN().fit(X)
    skdim.id.MLE().fit(X, n_neighbors=10)
    skdim.id.MOM().fit(X, n_neighbors=10)
    skdim.id.MiND_ML(k=10, D=50).fit(X)
    skdim.id.CorrInt().fit(X)
    xy = umap.UMAP(random_state=0).fit_transform(X)
    trustworthiness(X, xy, n_neighbors=15)
    return np.asarray(xy)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["ours", "peers"])
    parser.add_argument("--rows", type=int, default=ROWS)
    options = parser.parse_args()
    if options.only:
        side = globals()[options.only]
        side(rows(600))
        X = rows(options.rows)
        start, cpu = time.perf_counter(), time.process_time()
        xy = side(X)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        status = Path("/proc/self/status").read_text()
        rss = int(status.split("VmHWM:")[1].split()[0]) / 2**20
        import repviz

        trust = repviz.quality(repviz.neighbors(X, k=15), xy).trustworthiness
        print(json.dumps([seconds, cpu, rss, trust]))
        return
    found = {}
    for name in ("ours", "peers"):
        command = [sys.executable, __file__, "--only", name, "--rows", str(options.rows)]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found[name] = json.loads(out.splitlines()[-1])
        seconds, cpu, rss, trust = found[name]
        print(
            f"{name:6s} {seconds:7.1f} s wall  {cpu:7.1f} s processors  peak RSS {rss:5.2f} GiB  "
            f"trustworthiness {trust:.4f}",
            flush=True,
        )
    wall, cpu = (found["peers"][i] / found["ours"][i] for i in (0, 1))
    print(f"ratio  {wall:.2f} in wall time, {cpu:.2f} in processor time")


if __name__ == "__main__":
    main()
