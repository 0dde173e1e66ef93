#!/usr/bin/env python
"""The store against plain files: writing, random rows, and memory as the number of images grows.

    scripts/bench/store_speed.py [--rounds 7]

Writing: shards of one layer, hashed, flushed and renamed, against one file that the same blocks are
appended to and that is flushed at the end. Random rows: 256 of 10,000, from a store opened anew
each time, against a memory map opened anew each time (both from the system's cache). Memory: the
peak of a process that extracts 1,000 or 10,000 images.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from measuring import parser, peak_memory, ratios, rounds, verdict, work_folder

import repviz
from repviz.activations import writer

D, BLOCK, SHARD, N = 4096, 512, 4096, 12288  # 201 MB
ROWS = 10_000


class Noise:
    """Pictures that take no room: each is drawn when it is asked for."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, row: int) -> np.ndarray:
        return np.random.default_rng(row).integers(0, 256, (64, 64), dtype=np.uint8)


def peak(n: int) -> int:
    """Megabytes at the peak of a process that extracts ``n`` images."""
    code = f"from store_speed import extracted; extracted({n})"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    )
    return int(ran.stdout)


def extracted(n: int) -> None:
    """Extract ``n`` images and print the peak of this process's memory."""
    model = repviz.open_model("autoencoder", form="conv", size=64, bottleneck=16, width=8)
    with work_folder() as work:
        repviz.extract(model, Noise(n), layers=["encoder.0", "code"], out=work / "acts")
    print(round(peak_memory()))


def main() -> int:
    """Print the ratios; 1 if one is missed, else 0."""
    options = parser(__doc__)
    options.add_argument("--rounds", type=int, default=7)
    times = options.parse_args().rounds
    rng = np.random.default_rng(0)
    block = rng.normal(size=(BLOCK, D)).astype(np.float32)
    good = []
    with work_folder() as work:

        def store() -> None:
            for number in range(N // SHARD):
                with writer.Shard(work, number, {"fc7": D}, rows=SHARD, dtype="float32") as shard:
                    for _ in range(SHARD // BLOCK):
                        shard.append({"fc7": block})
                    shard.commit({})

        def append() -> None:
            with (work / "raw").open("wb") as file:
                for _ in range(N // BLOCK):
                    file.write(block.data)
                file.flush()
                os.fsync(file.fileno())

        found = rounds({"store": store, "append": append}, times)
        speed = N * D * 4 / 1e6 / np.median([wall for _, wall in found["store"]])
        print(f"writing {N * D * 4 / 1e6:.0f} MB, {speed:.0f} MB/s")
        got = ratios(found, "append", "store")[1]
        good.append(verdict("speed of writing to a raw append, wall", got, 0.8, most=False))

        X = rng.normal(size=(ROWS, D)).astype(np.float32)
        np.save(work / "plain.npy", X)
        repviz.import_matrix(X, work / "acts")
        acts = repviz.open_activations(work / "acts")
        picks = [rng.choice(ROWS, 256, replace=False) for _ in range(20)]
        assert np.array_equal(acts["matrix"][picks[0]], X[picks[0]])

        def ours() -> None:
            for rows in picks:
                acts["matrix"][rows]

        def plain() -> None:
            for rows in picks:
                np.load(work / "plain.npy", mmap_mode="r")[rows]

        found = rounds({"ours": ours, "plain": plain}, times)
        got = ratios(found, "ours", "plain")[1]
        good.append(verdict("256 random rows to a memory map, wall", got, 3))
    few, many = peak(1000), peak(10_000)
    print(f"peak memory: {few} MB with 1,000 images, {many} MB with 10,000")
    good.append(verdict("peak memory, 10,000 images to 1,000", many / few, 1.1))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
