#!/usr/bin/env python3
"""Two machines of a Ray cluster, played on this one, extract; one of them or a worker fails.

    scripts/bench/cluster.py OUT [--rows 640] [--fault machine]

Prints, as JSON, how many shards were done when a machine died, the seconds, and whether the bytes
of the folder are those of one process. With another --fault the machines live, and in the midst of
a part one worker

    hang      stops computing, whatever it is told; the part is issued a second time
    worker    is killed (SIGKILL), as the system does when memory runs out
    memory    takes memory until it gets none (where the system or Ray's monitor kills it instead,
              that is --fault worker); what is said is printed, and the same call made again
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
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
from repviz.errors import Unavailable
from repviz.images import images_from
from repviz.models.model import Model, Preprocessing

WIDTH, ROWS, BATCH = 2048, 16, 4  # of a layer, of a shard, of a batch
PARTS = 10
BLOCK, ALLOWED = 2**26, 2**28  # bytes that a worker takes at a time, and that it can have


def fail(how: str) -> None:
    """Hang, end or take memory, as a worker."""
    while how == "hang":
        with suppress(KeyboardInterrupt):
            time.sleep(1)
    if how == "worker":
        os.kill(os.getpid(), signal.SIGKILL)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    taken = []
    try:
        while how == "memory":
            taken.append(np.ones(BLOCK, np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


class Slow(nn.Module):
    """A layer that takes 20 ms per batch, whoever computes, and may fail after some."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, WIDTH)
        self.left, self.fault = -1, ""  # batches until it fails, and how

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(b, WIDTH)."""
        time.sleep(0.02)
        self.left -= 1
        if self.left == 0:
            fail(self.fault)
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
    faults = ("machine", "hang", "worker", "memory")
    parser.add_argument("--fault", choices=faults, default="machine")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    made_for = Preprocessing((8, 8), 1, (0.5,), (0.5,))
    model = Model("slow", Slow().eval(), made_for, ("linear",), "by hand", {})
    shape = (options.rows, 1, 8, 8)
    images = images_from(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))

    def call(part=None, out=options.out / "parts"):
        from repviz.activations import extraction  # the worker's own

        extraction.SHARD_BYTES = ROWS * WIDTH * 4
        if options.fault != "machine" and part == (1, PARTS):
            with suppress(FileExistsError), (options.out / "failed").open("x"):
                # Passes, of which three find the shapes.
                model.module.left, model.module.fault = 8, options.fault
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
    if options.fault == "hang":
        cluster.LEAST, cluster.GRACE = 2.0, 2.0
    elif options.fault == "machine":
        killer.start()
    start = time.perf_counter()
    if options.fault == "memory":
        try:
            cluster.run_parts(call, PARTS)
        except Unavailable as error:
            found["said"] = str(error)
    found["parts"] = cluster.run_parts(call, PARTS)
    if options.fault == "machine":
        killer.join()
    else:
        found["failed"] = (options.out / "failed").is_file()
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
