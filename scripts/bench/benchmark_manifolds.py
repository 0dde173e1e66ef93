#!/usr/bin/env python3
"""Mean percentage error on the 24 manifolds of scikit-dimension, clean and under noise.

    .venv/bin/python scripts/bench/benchmark_manifolds.py --seeds 5 --first 0

n = 2,500. The rule, fixed beforehand: the calibrated value at each estimator's own defaults. Noise
is a Gaussian vector in all features whose root mean square length is 0.4 times the median distance
of the clean rows to their nearest. Needs the extra ``bench``.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import repviz

METHODS: dict[str, dict[str, Any]] = {
    **{
        name: {} for name in ("twonn", "gride", "mle", "mind-ml", "moments", "l2n2", "tle", "danco")
    },
    "danco-integer": {"method": "danco", "integer": True},
}
NOISE = 0.4
HEADS = ("clean raw", "calibrated", "noisy raw", "calibrated")


def main() -> None:
    """Print the tables."""
    from skdim.datasets import BenchmarkManifolds

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--methods", default=",".join(METHODS), help="separated by commas")
    parser.add_argument("--clean", action="store_true", help="leave the noisy sets out")
    options = parser.parse_args()
    methods = options.methods.split(",")
    truth = BenchmarkManifolds()._dict_truth
    errors: dict[str, list[list[float]]] = {}
    print(f"{'manifold':18s} {'d':>3s} {'TwoNN raw':>10s} {'calibrated':>10s} {'noisy GRIDE':>12s}")
    for name, (d, _, _) in truth.items():
        found: dict[str, list[float]] = {}
        for seed in range(options.first, options.first + options.seeds):
            X = BenchmarkManifolds(random_state=seed).generate(
                name=name, n=options.rows, **size(truth, name)
            )
            graph = repviz.neighbors(X, k=40)
            spacing = float(np.median(graph.distances[:, 0]))
            rng = np.random.default_rng(seed)
            noise = rng.standard_normal(X.shape) * NOISE * spacing / np.sqrt(X.shape[1])
            states = {"clean": graph}
            if not options.clean:
                states["noisy"] = repviz.neighbors(X + noise, k=40)
            for state, rows in states.items():
                for method in methods:
                    one = repviz.dimension(rows, **{"method": method, **METHODS[method]})
                    found.setdefault(f"{state} {method}", []).append(one.calibrated)
                    found.setdefault(f"{state} {method} raw", []).append(one.value)
        for key, values in found.items():
            errors.setdefault(key, []).append([100 * abs(value - d) / d for value in values])
        means = [
            np.mean(found.get(key, np.nan))
            for key in ("clean twonn raw", "clean twonn", "noisy gride")
        ]
        print(f"{name:18s} {d:3d} {means[0]:10.2f} {means[1]:10.2f} {means[2]:12.2f}", flush=True)
    print(f"\nmean percentage error over {len(truth)} manifolds: mean over {options.seeds} seeds")
    print("and, in brackets, standard deviation over seeds")
    print(f"{'':15s}" + "".join(f"{head:>15s}" for head in HEADS))
    for method in methods:
        cells = []
        for state in ("clean", "noisy")[: 1 if options.clean else 2]:
            for raw in (" raw", ""):
                by_seed = np.mean(errors[f"{state} {method}{raw}"], axis=0)
                spread = np.std(by_seed, ddof=1) if len(by_seed) > 1 else np.nan
                cells.append(f"{by_seed.mean():8.2f} ({spread:.2f})")
        print(f"{method:15s}" + "".join(f"{cell:>15s}" for cell in cells))


def size(truth: dict[str, tuple[int, int, str]], name: str) -> dict[str, int]:
    """The dimensions that the generator wants named."""
    d, features, _ = truth[name]
    return {"d": d, "dim": features}


if __name__ == "__main__":
    main()
