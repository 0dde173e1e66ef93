#!/usr/bin/env python3
"""What all judges together accept over random splits: people not seen, and what is no face.

    .venv/bin/python scripts/bench/judges.py --splits 20 [--images folder:PATH] [--others FOLDER]

Judges are calibrated on 70 % of the people (or images, where nobody is named) and tried on the
others; ``--others`` is a folder of photographs without faces.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import repviz
from repviz.facespace.calibration import JOINT, calibrate
from repviz.facespace.known import Known
from repviz.facespace.panel import judge_negatives
from repviz.facespace.samplers import CONTROLS, SAMPLERS


def main() -> None:
    """Print one line per split, then the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default="orl")
    parser.add_argument("--most", type=int, default=400, help="images used, drawn at random")
    parser.add_argument("--others", default="")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--samples", type=int, default=200, help="of each rung")
    options = parser.parse_args()
    images = repviz.open_images(options.images, size=64, grey=True)
    others = None
    if options.others:
        others = repviz.open_images(options.others, size=64, grey=True).matrix()
    held: list[float] = []
    shares: dict[str, list[float]] = {}
    for seed in range(options.first, options.first + options.splits):
        started = time.process_time()
        rows = np.sort(np.random.default_rng(seed).permutation(len(images))[: options.most])
        drawn = images.take(rows)
        people = np.asarray(drawn.labels) if drawn.labels is not None else np.arange(len(rows))
        by = "label" if drawn.labels is not None else "image"
        first, second = repviz.split(drawn, (0.7, 0.3), by=by, seed=seed)
        X = drawn.matrix()
        known, test = (Known(X[part], people=people[part]) for part in (first, second))
        judges = calibrate(known, seed=seed)
        held.append(float(judges.accepts_jointly(test.faces).mean()))
        table, _ = judge_negatives(judges, test, seed=seed)
        joint = table[table["judge"] == JOINT].set_index("kind")["accepted_share"]
        for kind, share in joint.items():
            shares.setdefault(f"panel: {kind}", []).append(share)
        for name, sampler in (SAMPLERS | CONTROLS).items():
            if not sampler.needs_codes:
                drawn_rows = np.concatenate(list(sampler.chunks(known, options.samples, seed)))
                share = float(judges.accepts_jointly(drawn_rows).mean())
                shares.setdefault(f"rung: {name}", []).append(share)
        if others is not None:
            shares.setdefault("others", []).append(float(judges.accepts_jointly(others).mean()))
        print(
            f"split {seed}: {held[-1]:.3f} of {len(test.faces)} held-out images accepted "
            f"({time.process_time() - started:.0f} CPU s)",
            flush=True,
        )
    print(
        f"held-out images, mean over splits: {np.mean(held):.4f} (sd {np.std(held):.3f}), "
        f"from {min(held):.3f} to {max(held):.3f}"
    )
    for name, values in shares.items():
        print(f"{name:36s} mean {100 * np.mean(values):6.2f} %  worst {100 * max(values):6.2f} %")


if __name__ == "__main__":
    main()
