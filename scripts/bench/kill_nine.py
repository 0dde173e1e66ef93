#!/usr/bin/env python
"""kill -9 at random points of an extraction, and what is on the disk afterwards.

    scripts/bench/kill_nine.py [--points 100] [--seed 0]

For each point a child process extracts into a new folder and is killed there; the folder is looked
at; a second child goes on to the end. Checked: every shard that counts has the bytes of an unbroken
run (so no row of zeros passes for an activation); no shard that counted was made again; at most one
shard that was computed whole is computed again, and the batch in hand; the finished folder is, byte
for byte, that of the unbroken run. Half of the points are moments, half are events of a shard: it
starts, one layer of a batch is appended, it is written, it counts.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a forked child cannot use its parent's threads

from forked import run_forked
from measuring import parser

import repviz
from repviz import progress
from repviz.activations import extraction, layout, preallocated

LAYERS = ["encoder.0", "encoder.2", "code"]
ROWS, BATCH = 12, 4  # a shard; three batches


class Log:
    """Notes the rows of each batch that has been through the network."""

    def __init__(self, log: Path) -> None:
        self.log = log

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[progress.Advance]:
        """What progress calls with the rows of each batch, first with those that are there."""
        batches = 0

        def advance(done: int) -> None:
            nonlocal batches
            batches += 1
            if batches > 1:
                with self.log.open("a") as file:
                    file.write(f"{done}\n")

        yield advance

    def say(self, sentence: str) -> None:
        """Nothing: there is nobody to read it."""


def extract(out: Path, log: Path, die_at: int) -> None:
    """What a child does: note each batch, and die at the event ``die_at`` of what is written."""
    extraction.SHARD_BYTES = 4 * 512 * ROWS
    preallocated.LARGE = layout.PAGE  # so that both ways of writing are taken
    events = 0

    def counted(event: progress.Event) -> None:
        nonlocal events
        events += 1
        if events == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    images = repviz.open_images("digits", limit=173, size=32)
    model = repviz.open_model("autoencoder", form="conv", size=32, bottleneck=3, width=4, seed=1)
    with progress.observed_by(counted), progress.shown_by(Log(log)):
        extraction.extract(model, images, layers=LAYERS, out=out, batch=BATCH)
    log.with_suffix(".events").write_text(str(events))


def child(out: Path, log: Path, die_at: int = 0, after: float | None = None) -> int:
    """Run :func:`extract` in a child; its exit status, negative where a signal ended it."""
    return run_forked(partial(extract, out, log, die_at), after=after)


def files(folder: Path) -> dict[str, bytes]:
    """Every file but the temporary ones."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".tmp")
    }


def look(out: Path, whole: dict[str, bytes]) -> tuple[list[int], list[str]]:
    """The shards that count after a kill, and what is wrong with them."""
    if not (out / "manifest.json").is_file():
        return [], []
    manifest, wrong = json.loads((out / "manifest.json").read_bytes()), []
    done = layout.finished_shards(out, manifest)
    for number in done:
        for layer in manifest["order"]:
            path = layout.shard_path(out, layer, number)
            if path.read_bytes() != whole[str(path.relative_to(out))]:
                wrong.append(f"{path.name} of {layer} counts and is not whole")
    return done, wrong


def main() -> int:
    """Print what was found; 1 if anything was lost or wrong, else 0."""
    options = parser(__doc__)
    options.add_argument("--points", type=int, default=100)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    chance, work = random.Random(given.seed), Path(tempfile.mkdtemp(prefix="repviz-kill-"))
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork, where threads may run: none do
    faults, seen, most_again = [], Counter(), 0
    start = time.perf_counter()
    assert child(work / "whole", work / "whole.log") == 0
    length = time.perf_counter() - start
    events = int((work / "whole.events").read_text())
    whole = files(work / "whole")
    n = json.loads(whole["manifest.json"])["images"]["n"]
    for point in range(given.points):
        out, log = work / f"cut{point}", work / f"log{point}"
        if point % 2:
            status = child(out, log, after=chance.uniform(0, length))
        else:
            status = child(out, log, die_at=chance.randint(1, events))
        done, wrong = look(out, whole)
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
        computed = sum(map(int, log.read_text().split())) if log.is_file() else 0
        seen["killed" if status == -signal.SIGKILL else "ended before the kill"] += 1
        seen[f"{len(done)} shards counted"] += 1
        if child(out, log) != 0:
            wrong.append("going on failed")
        again = sum(map(int, log.read_text().split())) - n
        most_again = max(most_again, again)
        if again > ROWS + BATCH:
            wrong.append(f"{again} rows were begun twice, a shard and a batch have {ROWS + BATCH}")
        kept = {layout.shard_path(out, layer, k) for layer in LAYERS for k in done}
        if any(path.stat().st_mtime_ns != before[path] for path in kept):
            wrong.append("a shard that counted was made again")
        if files(out) != whole:
            wrong.append("the finished folder differs from the unbroken run")
        if list(out.rglob("*.tmp")):
            wrong.append("a temporary file was left")
        faults += [f"point {point} (computed {computed}): {what}" for what in wrong]
        shutil.rmtree(out)
    shutil.rmtree(work)
    for what, count in sorted(seen.items()):
        print(f"  {what}: {count}")
    print(f"  most rows begun twice: {most_again} (a shard is {ROWS}, a batch {BATCH})")
    print("\n".join(faults) or f"{given.points} points: nothing lost, nothing wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
