#!/usr/bin/env python3
"""A million uniform points judged as faces: time, memory, and the bare matrix products beside it.

    .venv/bin/python scripts/bench/million_points.py [--images orl] [--count 1000000]

The bare products draw as many points and find the nearest of the same known images by one product
each, in chunks of the same size: below that no judge of distance can go. Times are of the
processor; the peak of memory is that of the process, calibration included.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import repviz
from repviz import memory
from repviz.facespace.calibration import calibrate
from repviz.facespace.known import Known
from repviz.facespace.ladder import CHUNK, ladder
from repviz.streams import stream


def bare(known: Known, count: int) -> None:
    """Draw, multiply and take the nearest, and nothing else."""
    faces = known.faces
    sizes = np.einsum("ij,ij->i", faces, faces) / 2
    for number, start in enumerate(range(0, count, CHUNK)):
        shape = min(CHUNK, count - start), faces.shape[1]
        rows = stream(0, "bare", number).random(shape, dtype=np.float32)
        np.argmax(rows @ faces.T - sizes, axis=1)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default="orl")
    parser.add_argument("--count", type=int, default=1_000_000)
    options = parser.parse_args()
    images = repviz.open_images(options.images, size=64, grey=True)
    train, test = repviz.split(images, (0.7, 0.3), by="label", seed=0)
    X, people = images.matrix(), np.asarray(images.labels)
    known = Known(X[train], people=people[train])
    judges = calibrate(known, seed=0)
    started = time.process_time()
    options_of_rung = {"samplers": ["uniform-pixels"], "judges": judges, "count": options.count}
    found = ladder(known, X[test], people=people[test], **options_of_rung)
    ours, started = time.process_time() - started, time.process_time()
    bare(known, options.count)
    floor = time.process_time() - started
    first = found.table.iloc[0]
    print(f"{first.accepted:,} of {first.n:,} accepted, at most {first.accepted_share_high:.2g}")
    print(f"judged: {ours:.0f} CPU-s, bare products {floor:.0f} CPU-s, {ours / floor:.2f} times")
    print(f"peak of memory {memory.peak_bytes() / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
