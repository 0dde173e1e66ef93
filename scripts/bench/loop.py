"""What the training loop costs beside a bare forward, backward and step on preloaded tensors.

    python scripts/bench/loop.py [STEPS]

AlexNet, batch 64, one process; the two take turns, and the medians are compared. The loop shuffles,
cuts, mirrors and normalises its images; the bare steps are given theirs.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from contextlib import contextmanager

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before torch: others may use the processor

import numpy as np
import torch
from torch.nn import functional

import repviz
from repviz import progress
from repviz.training import loop
from repviz.training.augmentation import Augmenter
from repviz.training.batches import BatchStream
from repviz.training.schedules import CosineSchedule
from repviz.training.settings import parse_augmentations

BATCH = 64


def clocks() -> tuple[float, float]:
    """Seconds on the wall and of this process's processors."""
    return time.perf_counter(), time.process_time()


class Clock:
    """Notes the time of each step that the loop says is done."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    @contextmanager
    def task(self, label, total, unit):
        """Give the loop what notes the time."""
        yield lambda done: self.times.append(clocks())

    def say(self, sentence):
        """Print it."""
        print(sentence)


def main(steps: int = 6, rounds: int = 3) -> None:
    """Print both medians and their ratio."""
    model = repviz.open_model("alexnet", classes=10)
    module, n = model.module, BATCH * steps
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, 3, 256, 256), dtype=np.uint8)
    labels = torch.from_numpy(rng.integers(0, 10, n))
    augmenter = Augmenter(parse_augmentations("crop,flip"), model.preprocessing.size)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9, fused=True)

    def make(rows, part, generator):
        drawn = [numbers[part] for numbers in augmenter.draw(len(rows), generator)]
        images = torch.from_numpy(pixels[rows[part].numpy()])
        return model.preprocessing(augmenter.change(images, drawn)), labels[rows[part]]

    batches = BatchStream(n, BATCH, 0, make, "loop")
    ready = batches.load(torch.arange(BATCH), 0, 0, slice(None))
    bare, looped = [], []
    for _ in range(rounds):
        module.train()
        for step in range(steps + 1):
            start = clocks()
            value = functional.cross_entropy(module(ready[0]), ready[1])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            bare += [np.subtract(clocks(), start)] if step else []
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
        looped += list(np.diff(clock.times, axis=0))
    for place, name in enumerate(("seconds", "processor seconds")):
        one, other = (
            statistics.median(float(step[place]) for step in steps) for steps in (bare, looped)
        )
        counts = f"({len(bare)} and {len(looped)} steps)"
        print(f"{name} a step {counts}: bare {one:.3f}, loop {other:.3f}: {other / one - 1:+.1%}")


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
