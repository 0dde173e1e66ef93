#!/usr/bin/env python3
"""PCA of a stored layer that is larger than the memory allowed, against IncrementalPCA.

    .venv/bin/python scripts/bench/pca_streaming.py --folder /tmp/wide --exact

Writes a layer of 50,000 x 9,216 float16 (0.9 GB; a decaying spectrum under noise) once, then runs
each in its own process: seconds, peak RSS, and how far the leading 50 explained variances are from
those of the covariance matrix, summed in float64 from float32 blocks (--exact: a few minutes).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROWS, FEATURES, SHARD, COMPONENTS, COMPARED = 50_000, 9_216, 1_000, 100, 50


def write(folder: Path, rows: int) -> None:
    """The layer, as an extraction would have left it."""
    import pandas as pd

    from repviz.activations import writer

    manifest = {
        "order": ["wide"],
        "layers": {"wide": {"dtype": "float16", "features": FEATURES, "shape": [FEATURES]}},
        "rows_per_shard": SHARD,
        "images": {"n": rows},
    }
    writer.begin(folder, manifest)
    rng = np.random.default_rng(0)
    strength = (10 / np.sqrt(np.arange(1, 301))).astype(np.float32)
    directions = np.linalg.qr(rng.standard_normal((FEATURES, 300)).astype(np.float32))[0].T
    for number in range(rows // SHARD):
        X = (rng.standard_normal((SHARD, 300), dtype=np.float32) * strength) @ directions
        X += 0.1 * rng.standard_normal(X.shape, dtype=np.float32) + 1
        sizes, of = {"wide": FEATURES}, {"rows": SHARD, "dtype": "float16"}
        with writer.Shard(folder, number, sizes, **of) as shard:
            shard.append({"wide": np.ascontiguousarray(X, dtype=np.float16)})
            shard.commit({"unreadable": {}})
    writer.finish(folder, pd.DataFrame({"row": np.arange(rows)}))


def ours(folder: Path) -> np.ndarray:
    """Explained variances by repviz."""
    import repviz

    layer = repviz.open_activations(folder)["wide"]
    return repviz.pca(layer, components=COMPONENTS).explained_variance


def peer(folder: Path) -> np.ndarray:
    """Explained variances by scikit-learn, in batches of 1,000 rows, and the scores, as ours."""
    from sklearn.decomposition import IncrementalPCA

    import repviz

    layer = repviz.open_activations(folder)["wide"]
    fit = IncrementalPCA(COMPONENTS)
    for _, block in layer.blocks(SHARD):
        fit.partial_fit(block.astype(np.float32))
    for _, block in layer.blocks(SHARD):
        fit.transform(block.astype(np.float32))
    return np.asarray(fit.explained_variance_)


def exact(folder: Path) -> np.ndarray:
    """Explained variances from the covariance matrix."""
    import scipy.linalg

    import repviz

    layer = repviz.open_activations(folder)["wide"]
    mean = sum(block.sum(axis=0, dtype=np.float64) for _, block in layer.blocks(SHARD)) / len(layer)
    gram = np.zeros((FEATURES, FEATURES))
    for _, block in layer.blocks(2 * SHARD):
        centred = (block - mean).astype(np.float32)
        gram += centred.T @ centred
    last = FEATURES - 1
    values = scipy.linalg.eigvalsh(gram, subset_by_index=(last - COMPARED + 1, last))
    return values[::-1] / (len(layer) - 1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("--only", choices=["ours", "peer", "exact"])
    options = parser.parse_args()
    if options.only:
        start, cpu = time.perf_counter(), time.process_time()
        variances = globals()[options.only](options.folder)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        status = Path("/proc/self/status").read_text()
        rss = int(status.split("VmHWM:")[1].split()[0]) / 2**20
        print(json.dumps([seconds, cpu, rss, variances.tolist()]))
        return
    if not (options.folder / "rows.parquet").exists():
        write(options.folder, options.rows)
    found = {}
    for name in ["ours", "peer"] + ["exact"] * options.exact:
        command = [sys.executable, __file__, "--folder", str(options.folder), "--only", name]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds, cpu, rss, variances = json.loads(out)
        found[name] = seconds, np.array(variances[:COMPARED]), cpu
        print(
            f"{name:6s} {seconds:8.1f} s wall {cpu:8.1f} s processors   peak RSS {rss:5.2f} GiB",
            flush=True,
        )
    for place, what in ((0, "wall"), (2, "processor")):
        ratio = found["peer"][place] / found["ours"][place]
        print(f"ratio  {ratio:8.1f} times IncrementalPCA in {what} time")
    for name in ("ours", "peer"):
        if options.exact:
            off = np.abs(found[name][1] / found["exact"][1] - 1).max()
            print(f"{name:6s} leading {COMPARED} variances within {100 * off:.3f} % of the exact")


if __name__ == "__main__":
    main()
