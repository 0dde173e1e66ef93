#!/usr/bin/env python3
"""What all judges together accept over random splits: people not seen, and what is no face.

    .venv/bin/python scripts/bench/judges.py --splits 20 --panels 5 [--images folder:PATH]
        [--others folder:SCENES,folder:OBJECTS]

Judges are calibrated on 70 % of the people (or images, where nobody is named) and tried on the
others: their own images on every split, panel, rungs and ``--others``, photographs without faces,
on the first ``--panels`` of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

import repviz
from repviz.facespace.calibration import JOINT, CalibratedJudges, calibrate
from repviz.facespace.known import Known
from repviz.facespace.panel import judge_negatives
from repviz.facespace.samplers import CONTROLS, SAMPLERS


def accepted(
    judges: CalibratedJudges,
    known: Known,
    test: Known,
    others: dict[str, np.ndarray],
    samples: int,
    seed: int,
) -> Iterator[tuple[str, float]]:
    """Each kind of image that is no face, and the share that all judges together accept."""
    table, _, _ = judge_negatives(judges, test, seed=seed)
    for row in table[table["judge"] == JOINT].itertuples():
        yield f"panel: {row.kind}", row.accepted_share
    for name, sampler in (SAMPLERS | CONTROLS).items():
        if not sampler.needs_codes:
            rows = np.concatenate(list(sampler.chunks(known, samples, seed)))
            yield f"rung: {name}", float(judges.accepts_jointly(rows).mean())
    for name, rows in others.items():
        yield f"others: {name}", float(judges.accepts_jointly(rows).mean())


def main() -> None:
    """Print one line per split, then the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default="orl")
    parser.add_argument("--most", type=int, default=400, help="images used, drawn at random")
    parser.add_argument("--others", default="", help="sources separated by commas")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--panels", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--samples", type=int, default=200, help="of each rung")
    options = parser.parse_args()
    images = repviz.open_images(options.images, size=64, grey=True)
    others = {
        name: repviz.open_images(name, size=64, grey=True).matrix()
        for name in filter(None, options.others.split(","))
    }
    held: list[float] = []
    shares: dict[str, list[float]] = {}
    started = time.process_time()
    for seed in range(options.first, options.first + options.splits):
        rows = np.sort(np.random.default_rng(seed).permutation(len(images))[: options.most])
        drawn = images.take(rows)
        people = np.asarray(drawn.labels) if drawn.labels is not None else np.arange(len(rows))
        by = "label" if drawn.labels is not None else "image"
        first, second = repviz.split(drawn, (0.7, 0.3), by=by, seed=seed)
        X = drawn.matrix()
        known, test = (Known(X[part], people=people[part]) for part in (first, second))
        judges = calibrate(known, seed=seed)
        held.append(float(judges.accepts_jointly(test.faces).mean()))
        if seed < options.first + options.panels:
            for kind, share in accepted(judges, known, test, others, options.samples, seed):
                shares.setdefault(kind, []).append(share)
        print(
            f"split {seed}: {held[-1]:.3f} of {len(test.faces)} held-out images accepted "
            f"({time.process_time() - started:.0f} CPU s)",
            flush=True,
        )
    print(
        f"held-out images, mean over splits: {np.mean(held):.4f} (sd {np.std(held):.3f}), "
        f"from {min(held):.3f} to {max(held):.3f}"
    )
    print(
        f"panel, rungs and others: mean and worst of {min(options.panels, options.splits)} splits"
    )
    for name, values in shares.items():
        print(f"{name:36s} mean {100 * np.mean(values):6.2f} %  worst {100 * max(values):6.2f} %")


if __name__ == "__main__":
    main()
