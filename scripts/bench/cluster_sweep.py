#!/usr/bin/env python3
"""A sweep on two machines of a Ray cluster, played on this one; one dies on the way.

    scripts/bench/cluster_sweep.py OUT [--images digits:200]

Prints, as JSON, the seconds, and whether tables, arrays and models are those of one process.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

import repviz
from repviz.cluster import on_cluster


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a sweep but its manifest and report, which hold times."""
    kinds = ("results", "arrays", "models")
    files = sorted(path for kind in kinds for path in (folder / kind).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def main() -> None:
    """Sweep while one machine dies, then in one process, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", default="digits")
    parser.add_argument("--limit", type=int, default=200)
    options = parser.parse_args()
    images = repviz.open_images(options.images, size=16, grey=True, limit=options.limit)

    def sweep(name: str) -> float:
        start = time.perf_counter()
        repviz.sweep(
            images,
            bottlenecks=[2, 4],
            out=options.out / name,
            engines=["linear-start"],
            seed=[0, 1],
            setup=repviz.SweepSetup(effort=0.05),
        )
        return round(time.perf_counter() - start, 1)

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    doomed = machines.add_node(num_cpus=1)
    ray.init(address=machines.address, log_to_driver=False, logging_level="error")
    found = {"killed_at": 0}

    def kill() -> None:
        while not found["killed_at"]:
            time.sleep(0.05)
            there = len(list((options.out / "cluster" / "arrays").glob("*_errors.npy")))
            if there >= 2:
                found["killed_at"] = there
        machines.remove_node(doomed, allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with on_cluster():
        found["seconds"] = sweep("cluster")
    killer.join()
    ray.shutdown()
    machines.shutdown()
    found["fits"] = len(list((options.out / "cluster" / "arrays").glob("*_errors.npy")))
    found["seconds_of_one_process"] = sweep("one")
    cluster, one = (bytes_of(options.out / name) for name in ("cluster", "one"))
    found["files"] = len(one)
    found["different"] = sorted(
        name for name in cluster.keys() | one.keys() if cluster.get(name) != one.get(name)
    )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
