#!/usr/bin/env python3
"""Similarity of two representations with a shared signal, by width; and the best of many layers.

    .venv/bin/python scripts/bench/similarity_simulation.py [--trials 5] [--quick]

The simulation of Gröger, Wen and Brbić 2026 (arXiv:2602.14486, "dimension padding"): n = 1,024
rows, d from 256 to 8,192, X = s Z A + sqrt(1 - s^2) N and Y = s Z B + sqrt(1 - s^2) M, with Z of
rank 10, A and B orthonormal, and s = strength / sqrt(strength^2 + 1), for strength 0 and 2. The
covariances give the CKA of infinitely many rows, the column "truth". The second table counts, among
data sets of unrelated layers, those in which some pair of layers is significant at 5 %.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from repviz.manifold.layer_similarity import layer_similarity
from repviz.streams import stream

RANK = 10
PERMUTATIONS = {"cka": 199, "procrustes": 19, "mutual-knn": 199}  # each SVD takes a second


def pair(
    rng: np.random.Generator, n: int, d: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """X and Y, (n, d) each, with a shared signal of rank 10."""
    s = strength / np.sqrt(strength**2 + 1)
    Z = rng.standard_normal((n, RANK))
    X, Y = (
        s * Z @ np.linalg.qr(rng.standard_normal((d, RANK)))[0].T
        + np.sqrt(1 - s**2) * rng.standard_normal((n, d))
        for _ in range(2)
    )
    return X, Y


def truth(d: int, strength: float) -> float:
    """The CKA of infinitely many rows: signal covariance over the product of the two norms."""
    share = strength**2 / (strength**2 + 1)
    return share**2 * RANK / (RANK + (d - RANK) * (1 - share) ** 2)


def usual_cka(X: np.ndarray, Y: np.ndarray) -> float:
    """Linear CKA without the correction of its bias (Kornblith et al. 2019)."""
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    K, L = X @ X.T, Y @ Y.T
    return float((K * L).sum() / np.linalg.norm(K) / np.linalg.norm(L))


def by_width(n: int, widths: list[int], trials: int, permutations: dict[str, int]) -> pd.DataFrame:
    """One row per strength and width: means over trials, with their standard errors."""
    rows = []
    for strength in (0.0, 2.0):
        for d in widths:
            found: dict[str, list[float]] = {}
            for trial in range(trials):
                rng = stream(trial, "similarity simulation", str(d), str(strength))
                X, Y = pair(rng, n, d, strength)
                found.setdefault("usual CKA", []).append(usual_cka(X, Y))
                for method, count in permutations.items():
                    one = layer_similarity(X, Y, method=method, permutations=count, seed=trial)
                    found.setdefault(method, []).append(one.value.item())
                    found.setdefault(f"{method} calibrated", []).append(one.calibrated.item())
                    found.setdefault(f"{method} p <= 0.05", []).append(one.p_max.item() <= 0.05)
            row = {"strength": strength, "d": d, "truth": f"{truth(d, strength):.3f}"}
            for name, values in found.items():
                error = np.std(values, ddof=1) / np.sqrt(trials) if trials > 1 else np.nan
                share = name.endswith("0.05")
                row[name] = f"{sum(values)}/{trials}" if share else f"{np.mean(values):.3f}"
                row[name] += "" if share else f" +- {error:.3f}"
            rows.append(row)
            print(row, flush=True)
    return pd.DataFrame(rows)


def by_depth(data_sets: int, n: int = 40, d: int = 16, permutations: int = 19) -> pd.DataFrame:
    """One row per number of layers: how often unrelated networks have a significant pair."""
    rows = []
    for layers in (1, 2, 4, 8):
        rng = stream(0, "similarity simulation", "depth", str(layers))
        largest, single, family = [], 0, 0
        for _ in range(data_sets):
            bases = rng.standard_normal((2, n, d))  # layers of one network are related
            sides = [
                {str(i): base + rng.standard_normal((n, d)) for i in range(layers)}
                for base in bases
            ]
            found = layer_similarity(*sides, permutations=permutations)
            largest.append(found.value.max())
            single += bool(found.p.min() <= 0.05)
            family += bool(found.p_max.min() <= 0.05)
        rows.append(
            {
                "layers": f"{layers} x {layers}",
                "largest CKA, mean": f"{np.mean(largest):.3f}",
                "some p <= 0.05": f"{single}/{data_sets}",
                "some p_max <= 0.05": f"{family}/{data_sets}",
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--data-sets", type=int, default=400)
    parser.add_argument("--methods", default=",".join(PERMUTATIONS))
    parser.add_argument("--quick", action="store_true", help="n = 256, d to 1,024")
    options = parser.parse_args()
    start = time.perf_counter()
    n, widths = (256, [64, 256, 1024]) if options.quick else (1024, [256, 512, 1024, 2048, 4096])
    widths = widths if options.quick else [*widths, 8192]
    counts = {name: PERMUTATIONS[name] for name in options.methods.split(",")}
    table = by_width(n, widths, options.trials, counts)
    print(f"\nn = {n}, signal of rank {RANK}, {options.trials} trials, mean +- standard error")
    print(table.T.to_string(header=False))
    print("\nUnrelated networks (n = 40, d = 16, debiased CKA, 19 shuffles)")
    print(by_depth(options.data_sets).to_string(index=False))
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
