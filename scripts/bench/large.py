#!/usr/bin/env python3
"""Analysis of a stored layer that need not fit in memory, step by step.

    scripts/bench/large.py --folder BIG --rows 25000,50000,100000,200000 --features 4096
    scripts/bench/large.py --folder TALL --rows 1000000 --features 50 --steps embedding,report

Writes a float16 layer of known intrinsic dimension (5) once per size, in chunks, and runs each step
in a process of its own with one thread: CPU seconds and peak RSS, one line of JSON each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

DIMENSION, CHUNK, SEED = 5, 5_000, 0
LANDMARKS, COMPONENTS, K = 20_000, 50, 20
STEPS = ("write", "pca", "neighbors", "dimension", "embedding", "report")


def write(folder: Path, rows: int, features: int) -> dict[str, float]:
    """A curved sheet of five dimensions among ``features``, and a little noise."""
    import repviz

    rng = np.random.default_rng(SEED)
    waves = rng.standard_normal((DIMENSION, 4 * DIMENSION))
    spread = rng.standard_normal((4 * DIMENSION, features)).astype(np.float32)
    file = folder.with_suffix(".npy")
    matrix = np.lib.format.open_memmap(file, "w+", np.float16, (rows, features))
    for start in range(0, rows, CHUNK):
        stop = min(start + CHUNK, rows)
        inner = np.sin(rng.uniform(-1, 1, (stop - start, DIMENSION)) @ waves).astype(np.float32)
        noise = 0.01 * rng.standard_normal((stop - start, features), dtype=np.float32)
        matrix[start:stop] = (inner @ spread + noise).astype(np.float16)
    matrix.flush()
    del matrix
    repviz.import_matrix(file, folder, name="sheet", layer="layer")
    file.unlink()
    return {}


def _landmarks(layer) -> np.ndarray:
    n = len(layer)
    if n <= LANDMARKS:
        return np.arange(n)
    return np.sort(np.random.default_rng(SEED).choice(n, LANDMARKS, replace=False))


def pca(folder: Path) -> dict[str, float]:
    """Streaming PCA, saved for the map."""
    import repviz

    layer = repviz.open_activations(folder)["layer"]
    found = repviz.pca(layer, components=min(COMPONENTS, layer.shape[1] - 1), solver="streaming")
    np.save(folder.with_suffix(".scores.npy"), found.scores.astype(np.float32))
    return {"explained": float(found.explained_variance_ratio.sum())}


def neighbors(folder: Path) -> dict[str, float]:
    """The exact graph of the landmarks."""
    import repviz

    layer = repviz.open_activations(folder)["layer"]
    graph = repviz.neighbors(layer[_landmarks(layer)], k=K, cache=folder.with_suffix(".graphs"))
    return {"graph_rows": len(graph.indices)}


def dimension(folder: Path) -> dict[str, float]:
    """The intrinsic dimension of the landmarks, with its interval."""
    import repviz

    layer = repviz.open_activations(folder)["layer"]
    graph = repviz.neighbors(layer[_landmarks(layer)], k=K, cache=folder.with_suffix(".graphs"))
    found = repviz.dimension(graph, method="mle")
    return {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def embedding(folder: Path) -> dict[str, float]:
    """UMAP by landmarks, of the components where they were found, else of the layer."""
    import repviz

    scores = folder.with_suffix(".scores.npy")
    layer = repviz.open_activations(folder)["layer"]
    found = repviz.umap_by_landmarks(np.load(scores) if scores.exists() else layer)
    return {"map_rows": len(found.embedding), "finite": bool(np.isfinite(found.embedding).all())}


def report(folder: Path) -> dict[str, float]:
    """The page of the store, on a drawn sample."""
    import repviz

    out = folder.with_suffix(".report")
    page = repviz.build_report(folder, out=out, setup=repviz.ActivationsSetup(sample=2000))
    size = page.stat().st_size
    shutil.rmtree(out)
    return {"bytes": size}


def main() -> None:
    """Every step of every size, or one step where this is the process of one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", default="25000,50000")
    parser.add_argument("--features", type=int, default=4096)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--step", choices=STEPS)
    options = parser.parse_args()
    sizes = [int(text) for text in options.rows.split(",")]
    if options.step:
        extra = (sizes[0], options.features) if options.step == "write" else ()
        found = globals()[options.step](options.folder, *extra)
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu = round(used.ru_utime + used.ru_stime, 1)
        about = {"rows": sizes[0], "features": options.features, "step": options.step}
        print(json.dumps({**about, "cpu_s": cpu, "peak_gb": used.ru_maxrss / 2**20, **found}))
        return
    one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "NUMBA", "MKL", "OPENBLAS")}
    options.folder.mkdir(parents=True, exist_ok=True)
    for rows in sizes:
        folder = options.folder / f"{rows}x{options.features}"
        for step in ["write", *(s for s in options.steps.split(",") if s != "write")]:
            if step == "write" and (folder / "rows.parquet").is_file():
                continue
            words = ["--folder", folder, "--rows", rows, "--features", options.features]
            subprocess.run(
                [sys.executable, __file__, *[str(word) for word in words], "--step", step],
                env=os.environ | one,
                check=False,
            )


if __name__ == "__main__":
    main()
