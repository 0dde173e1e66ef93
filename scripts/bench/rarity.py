#!/usr/bin/env python3
"""How rare an accepted image is: log10 of the probability for three kinds of random points.

    .venv/bin/python scripts/bench/rarity.py OUT [--images orl] [--particles 20]

The table that ``repviz study faces --rarity`` makes, without the counts of a ladder: for the joint
verdict by multilevel splitting within an envelope whose probability is an exact upper bound, for
the nearest known image alone by importance sampling. In thousands of dimensions points move slowly:
with few moves the estimate of splitting lags behind, and is too low; the floor is a lower limit all
the same (97.5 %). Writes OUT/rarity.csv.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import repviz
from repviz.facespace.calibration import calibrate
from repviz.facespace.known import Known
from repviz.facespace.rarity_table import MOVES, rarity_table


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", default="orl")
    parser.add_argument("--populations", type=int, default=10)
    parser.add_argument("--particles", type=int, default=20)
    parser.add_argument("--moves", type=int, default=MOVES)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images = repviz.open_images(options.images, size=64, grey=True)
    train, _ = repviz.split(images, (0.7, 0.3), by="label", seed=options.seed)
    known = Known(images.matrix()[train], people=np.asarray(images.labels)[train])
    started = time.process_time()
    judges = calibrate(known, seed=options.seed)
    print(f"{len(known.faces)} known images, calibrated in {time.process_time() - started:.0f} s")
    started = time.process_time()
    table = rarity_table(
        judges, known, populations=options.populations, particles=options.particles,
        moves=options.moves, seed=options.seed,
    )  # fmt: skip
    table.to_csv(options.out / "rarity.csv", index=False)
    print(table.to_string(index=False))
    print(f"{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
