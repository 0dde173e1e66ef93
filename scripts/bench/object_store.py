#!/usr/bin/env python3
"""Activations at an S3 address, on a server of this machine (moto): kills, two writers, bit flips.

    pip install 'moto[server]' s3fs
    scripts/bench/object_store.py OUT [--images 400] [--kills 20] [--seed 0]

An extraction to the address is killed (SIGKILL) after random objects and started again until it
ends; then two writers without a common cache write one address together, and two jobs share
another; last, one byte is flipped in every object, one object at a time. Prints, as JSON, how often
each happened, whether the rows are those of a folder, and which flips were not found and named.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import s3fs

import repviz
from repviz.errors import RepvizError

BUCKET = "bucket"
MODEL = ["autoencoder", "--size", "16", "--grey", "--layers", "code,core.h", "--batch", "4"]
EXTRACT = """
import sys
from repviz.activations import extraction
extraction.SHARD_ROWS = 16
import repviz.cli
repviz.cli.main()
"""


def server() -> tuple[subprocess.Popen, str]:
    """An S3 server in a process of its own, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"http://127.0.0.1:{port}"
        time.sleep(0.1)
    raise SystemExit("the server does not answer")


def begin(out: str, options: argparse.Namespace, cache: str, *words: str) -> subprocess.Popen:
    """An extraction of drawn faces in a process of its own."""
    images = ["--images", f"drawn-faces:{options.images}"]
    command = [sys.executable, "-c", EXTRACT, "--quiet", "extract", *MODEL, *images, "--out", out]
    environment = os.environ | {"REPVIZ_CACHE": str(options.out / cache)}
    return subprocess.Popen(
        [*command, *words], env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


def ended(process: subprocess.Popen) -> None:
    """Wait for a process that must end well."""
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(said.decode())


def kill_until_finished(
    files: s3fs.S3FileSystem, out: str, options: argparse.Namespace, rng: random.Random
) -> int:
    """How often the extraction was killed, each time after another object was there."""
    ended(begin(f"s3://{BUCKET}/whole", options, "whole"))
    total = len(files.find(f"s3://{BUCKET}/whole"))
    kills = 0
    for target in sorted(rng.sample(range(1, total), min(options.kills, total - 1))):
        process = begin(out, options, "killed")
        while process.poll() is None and len(files.find(out, refresh=True)) < target:
            time.sleep(0.01)
        kills += process.poll() is None
        process.kill()
        process.communicate()
    ended(begin(out, options, "killed"))
    return kills


def flips_missed(files: s3fs.S3FileSystem, out: str, rng: random.Random) -> list[str]:
    """The objects in which a flipped byte is not found, or not named."""
    missed = []
    for name in files.find(out):
        content = files.cat_file(name)
        place = rng.randrange(len(content))
        flipped = content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))])
        files.pipe_file(name, flipped + content[place + 1 :])
        try:
            repviz.verify(out)
            missed.append(name)
        except RepvizError as error:
            if Path(name).name not in str(error):
                missed.append(f"{name}: {error}")
        files.pipe_file(name, content)
    return missed


def main() -> None:
    """Run all, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(options.seed)
    process, url = server()
    try:
        own = {
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "eu-west-1",
        }
        os.environ |= own | {"AWS_ENDPOINT_URL": url, "OMP_NUM_THREADS": "1"}
        os.environ["REPVIZ_CACHE"] = str(options.out / "read")
        files = s3fs.S3FileSystem(endpoint_url=url)
        files.mkdir(BUCKET)
        ended(begin(str(options.out / "folder"), options, "none"))
        folder = repviz.open_activations(options.out / "folder")

        def equal(place: str) -> bool:
            acts = repviz.open_activations(place)
            repviz.verify(place)
            same = all(np.array_equal(acts[layer], folder[layer]) for layer in folder.layers)
            return same and acts.rows.equals(folder.rows)

        killed, both, parts = (f"s3://{BUCKET}/{name}" for name in ("killed", "both", "parts"))
        found = {"images": options.images, "seed": options.seed}
        found["kills"] = kill_until_finished(files, killed, options, rng)
        found["equal_after_kills"] = equal(killed)
        for writer in [begin(both, options, f"both{number}") for number in range(2)]:
            ended(writer)
        found["equal_of_two_writers"] = equal(both)
        shares = [("--rank", str(rank), "--of", "2") for rank in range(2)]
        for job in [begin(parts, options, f"part{share[1]}", *share) for share in shares]:
            ended(job)
        found["equal_of_two_parts"] = equal(parts)
        found["objects"] = len(files.find(killed))
        found["flips_missed"] = flips_missed(files, killed, rng)
        caches = [*options.out.glob("*/staging/*")]
        found["staging_left"] = [str(one.relative_to(options.out)) for one in caches]
    finally:
        process.kill()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
