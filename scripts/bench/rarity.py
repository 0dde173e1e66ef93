#!/usr/bin/env python3
"""How rare an accepted image is: log10 of the probability for three kinds of random points.

    .venv/bin/python scripts/bench/rarity.py OUT [--images orl] [--particles 20]

For the joint verdict by multilevel splitting within an envelope whose probability is an exact upper
bound, for the nearest known image alone by importance sampling: ``high`` is the smaller of the
interval's end and the bound. In thousands of dimensions points move slowly: with few moves the
estimate of splitting lags behind, and is too low; ``floor`` is a lower limit all the same (97.5 %).
Writes OUT/rarity.csv after each row.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import repviz
from repviz.facespace.acceptance import log10_accepted
from repviz.facespace.calibration import JOINT, calibrate
from repviz.facespace.envelopes import log10_bound
from repviz.facespace.known import Known
from repviz.facespace.ladder import joint_limits

SAMPLERS = ("uniform-pixels", "pixelwise-gaussian", "full-covariance-gaussian")


def bound(known: Known, judges, sampler: str, verdict: str) -> float:
    """The exact upper bound of log10 of the probability; NaN where there is none."""
    if verdict == JOINT:
        statistics = ("distance", "within", "residual")
        limits = {name: joint_limits(judges, name)[1] for name in statistics}
    else:
        place = [judge.name for judge in judges.judges].index(verdict)
        limits = {"distance": float(judges.bands[place].limits()[1][0])}
    return log10_bound(known, sampler, **limits)


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", default="orl")
    parser.add_argument("--populations", type=int, default=10)
    parser.add_argument("--particles", type=int, default=20)
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verdicts", default=f"nearest-face,{JOINT}", help="separated by commas")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images = repviz.open_images(options.images, size=64, grey=True)
    train, _ = repviz.split(images, (0.7, 0.3), by="label", seed=options.seed)
    known = Known(images.matrix()[train], people=np.asarray(images.labels)[train])
    started = time.process_time()
    judges = calibrate(known, seed=options.seed)
    print(f"{len(known.faces)} known images, calibrated in {time.process_time() - started:.0f} s")
    rows = []
    for verdict in options.verdicts.split(","):
        for sampler in reversed(SAMPLERS):
            started = time.process_time()
            found = log10_accepted(
                judges, known, sampler, verdict=verdict, populations=options.populations,
                particles=options.particles, moves=options.moves, seed=options.seed,
            )  # fmt: skip
            limit = bound(known, judges, sampler, verdict)
            row = {
                "sampler": sampler,
                "verdict": verdict,
                "log10_probability": found.log10,
                "low": found.low,
                "high": float(np.fmin(found.high, limit)),
                "floor": found.floor,
                "log10_bound": limit,
                "populations": found.populations,
                "particles": found.particles,
                "moves": options.moves,
                "evaluations": found.evaluations,
                "cpu_seconds": round(time.process_time() - started, 1),
                "seed": options.seed,
            }
            rows.append(row)
            print(row, flush=True)
            pd.DataFrame(rows).to_csv(options.out / "rarity.csv", index=False)


if __name__ == "__main__":
    main()
