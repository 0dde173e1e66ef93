#!/usr/bin/env python3
"""How often the calibrated interval covers the true dimension, and how often there is a warning.

    .venv/bin/python scripts/bench/truth_coverage.py --repeats 20 --methods twonn,mle

On the reference families, from other seeds than the table's, and on families that the table has not
seen; then the fraction of runs with a warning on curved, noisy, mixed and clustered sets, and on
uniform balls and cubes. 20 repeats of a true 0.9 have a standard error of 0.07.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from reference_families import REFERENCE, UNSEEN, Family

import repviz
from repviz.streams import stream

DIMENSIONS = (1, 2, 3, 5, 8)


def noisy_circle(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """A circle with noise of 0.03 in ten dimensions."""
    angles = rng.uniform(0, 2 * np.pi, n)
    X = 0.03 * rng.standard_normal((n, 10))
    X[:, :2] += np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return X


def swiss_roll(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """A sheet rolled up in three dimensions."""
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    return np.column_stack([t * np.cos(t), 21 * rng.random(n), t * np.sin(t)])


def line_and_plane(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Half of the rows on a line, half on a plane that it crosses."""
    X = np.zeros((n, 3))
    X[: n // 2, :2] = rng.uniform(-1, 1, (n // 2, 2))
    X[n // 2 :, 2] = rng.uniform(-1, 1, n - n // 2)
    return X


WARNED: dict[str, tuple[Family, tuple[int, ...]]] = {
    "ball": (REFERENCE["ball"], DIMENSIONS),
    "cube": (REFERENCE["cube"], DIMENSIONS),
    "torus": (REFERENCE["torus"], (2, 5, 8)),
    "sphere": (REFERENCE["sphere"], (1, 2, 5)),
    "Swiss roll": (swiss_roll, (2,)),
    "noisy circle": (noisy_circle, (1,)),
    "line and plane": (line_and_plane, (1,)),
    "clusters": (REFERENCE["clusters"], (4,)),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--rows", default="200,1000,5000")
    parser.add_argument("--methods", default="twonn,gride,mle,tle,danco")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    methods = options.methods.split(",")
    for n in map(int, options.rows.split(",")):
        print(f"n = {n}: coverage of the truth, d = {DIMENSIONS}")
        print(f"{'':22s}" + "".join(f"{method:>10s}" for method in methods))
        for name, draw in (REFERENCE | UNSEEN).items():
            covered = np.zeros(len(methods))
            for d in DIMENSIONS:
                for repeat in range(options.repeats):
                    graph = repviz.neighbors(
                        draw(stream(options.seed, name, n, d, repeat), n, d), k=40
                    )
                    for at, method in enumerate(methods):
                        found = repviz.dimension(graph, method=method)
                        covered[at] += found.calibrated_low <= d <= found.calibrated_high
            covered /= len(DIMENSIONS) * options.repeats
            label = name + (" (unseen)" if name in UNSEEN else "")
            print(f"{label:22s}" + "".join(f"{one:10.2f}" for one in covered), flush=True)
        print("fraction of runs with a warning, twonn")
        for name, (draw, dimensions) in WARNED.items():
            warned = [
                bool(repviz.dimension(draw(stream(options.seed, name, n, d, r), n, d)).warnings)
                for d in dimensions
                for r in range(options.repeats)
            ]
            print(f"{name:22s}{np.mean(warned):10.2f}", flush=True)


if __name__ == "__main__":
    main()
