#!/usr/bin/env python3
"""What the training loop costs beside a bare forward, backward and step on preloaded tensors.

    scripts/bench/loop.py [--steps 4] [--rounds 3]

AlexNet, batch 64, one process; the two take turns, a median of their steps in each round. The loop
shuffles, crops, mirrors and normalises its images; the bare steps are given theirs.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: others may use the processor

import numpy as np
import torch
from measuring import Comparison, Row, Spent, seconds, show, table_parser, version_of
from torch.nn import functional

import repviz
from repviz import progress
from repviz.training import loop
from repviz.training.augmentation import Augmenter
from repviz.training.batches import BatchStream
from repviz.training.schedules import CosineSchedule
from repviz.training.settings import parse_augmentations

BATCH = 64


class Clock:
    """Notes the time of each step that the loop reports as done."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    @contextmanager
    def task(self, label, total, unit):
        """Give the loop what notes the time."""
        yield lambda done: self.times.append((time.process_time(), time.perf_counter()))

    def say(self, sentence):
        """Print it."""
        print(sentence)

    def steps(self) -> list[Spent]:
        """The cost of each step but the first."""
        return [Spent(*step) for step in np.diff(self.times, axis=0)]


def measure(steps: int, rounds: int) -> list[Row]:
    """The rows: bare steps to those of the loop."""
    model = repviz.open_model("alexnet", classes=10)
    module, n = model.module, BATCH * steps
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, 3, 256, 256), dtype=np.uint8)
    labels = torch.from_numpy(rng.integers(0, 10, n))
    augmenter = Augmenter(parse_augmentations("crop,flip"), model.preprocessing.size)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9, fused=True)

    def load_batch(rows, part, generator):
        drawn = [numbers[part] for numbers in augmenter.draw(len(rows), generator)]
        images = torch.from_numpy(pixels[rows[part].numpy()])
        return model.preprocessing(augmenter.change(images, drawn)), labels[rows[part]]

    batches = BatchStream(n, BATCH, 0, load_batch, "loop")
    x, target = batches.load(torch.arange(BATCH), 0, 0, slice(None))

    def bare_step() -> None:
        value = functional.cross_entropy(module(x), target)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    def looped() -> list[Spent]:
        clock = Clock()
        with progress.shown_by(clock):
            loop.run(
                module,
                batches,
                loss=functional.cross_entropy,
                score=lambda output, target: (output.argmax(1) == target).sum(),
                optimizer=optimizer,
                schedule=CosineSchedule(1, steps),
                after_epoch=lambda epoch: {},
            )
        return clock.steps()

    costs: dict[str, list[Spent]] = {"bare": [], "ours": []}
    for _ in range(rounds):
        module.train()
        bare = [seconds(bare_step) for _ in range(steps)][1:]
        for name, spent in (("bare", bare), ("ours", looped())):
            costs[name].append(Spent(*np.median(spent, axis=0)))
    shared = Comparison("training", "a training step of AlexNet", n, "images", "loop.py")
    peer = ("bare forward, backward and step", version_of("torch"))
    note = "one batch in memory"
    rows = []
    for name, of_step in (("wall time", "wall"), ("processor time", "cpu")):
        ours, bare = ([getattr(cost, of_step) for cost in costs[side]] for side in ("ours", "bare"))
        rows.append(shared.row(name, "s", peer, ours, bare, note))
    return rows


def main() -> None:
    """Print the rows."""
    options = table_parser(__doc__, times=3)
    options.add_argument("--steps", type=int, default=4)
    given = options.parse_args()
    show(measure(given.steps, given.rounds), given.json)


if __name__ == "__main__":
    main()
