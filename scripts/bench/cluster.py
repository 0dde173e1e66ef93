#!/usr/bin/env python3
"""Two machines of a Ray cluster, played on this one, extract; one dies or hangs on the way.

    scripts/bench/cluster.py OUT [--rows 640] [--hang]

Prints, as JSON, how many shards were done when it died, the seconds, and whether the bytes of the
folder are those of one process. With --hang no machine dies: one worker stops computing in the
midst of a part, whatever it is told, and the part is issued a second time.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import ray
import torch
from ray.cluster_utils import Cluster
from torch import nn

from repviz import cluster
from repviz.images import images_from
from repviz.models.model import Model, Preprocessing

WIDTH, ROWS, BATCH = 2048, 16, 4  # of a layer, of a shard, of a batch
PARTS = 10


class Slow(nn.Module):
    """A layer that takes 20 ms per batch, whoever computes, and may hang after some."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, WIDTH)
        self.left = -1  # batches until it hangs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, WIDTH)."""
        time.sleep(0.02)
        self.left -= 1
        while self.left == 0:
            with suppress(KeyboardInterrupt):
                time.sleep(1)
        return self.linear(x.flatten(1))


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def main() -> None:
    """Extract in parts while one machine dies, then in one process, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=640)
    parser.add_argument("--hang", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    made_for = Preprocessing((8, 8), 1, (0.5,), (0.5,))
    model = Model("slow", Slow().eval(), made_for, ("linear",), "by hand", {})
    shape = (options.rows, 1, 8, 8)
    images = images_from(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))

    def call(part=None, out=options.out / "parts"):
        from repviz.activations import extraction  # the worker's own

        extraction.SHARD_BYTES = ROWS * WIDTH * 4
        if options.hang and part == (1, PARTS):
            with suppress(FileExistsError), (options.out / "hung").open("x"):
                model.module.left = 8  # passes, of which three find the shapes
        return extraction.extract(model, images, out, batch=BATCH, part=part)

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    doomed = machines.add_node(num_cpus=1)
    ray.init(address=machines.address, log_to_driver=False, logging_level="error")
    commits, shards = options.out / "parts" / "commits", -(-options.rows // ROWS)
    found = {"rows": options.rows, "shards": shards}

    def kill() -> None:
        while not commits.is_dir() or len(list(commits.glob("0*.json"))) < shards // 3:
            time.sleep(0.05)
        machines.remove_node(doomed, allow_graceful=False)
        found["shards_at_death"] = len(list(commits.glob("0*.json")))

    killer = threading.Thread(target=kill, daemon=True)
    if options.hang:
        cluster.LEAST, cluster.GRACE = 2.0, 2.0
    else:
        killer.start()
    start = time.perf_counter()
    found["parts"] = cluster.run_parts(call, PARTS)
    if options.hang:
        found["hung"] = (options.out / "hung").is_file()
    else:
        killer.join()
    found["finished"] = call().finished
    found["seconds"] = round(time.perf_counter() - start, 1)
    ray.shutdown()
    machines.shutdown()
    start = time.perf_counter()
    call(out=options.out / "one")
    found["seconds_of_one_process"] = round(time.perf_counter() - start, 1)
    found["equal"] = bytes_of(options.out / "parts") == bytes_of(options.out / "one")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
