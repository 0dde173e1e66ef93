"""Which images each step of a training sees, and which random numbers change them.

Both follow from the seed, the epoch and the step alone. So a training that was stopped anywhere
goes on with the very batches it would have had, and several processes share each batch without a
word between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from repviz.streams import stream_seed
from repviz.training.augmenting import shuffled

Make = Callable[[Tensor, slice, torch.Generator], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class BatchStream:
    """The batches of a training.

    Attributes
    ----------
    n : int
        Images an epoch, each seen once.
    batch : int
        Images a step, over all processes; an epoch's last may be smaller.
    seed : int
        Of the order and of the changes.
    make : callable
        From the rows of a whole batch, the part of them that is wanted and a generator, to that
        part's input and target. What it draws, it draws for the whole batch, so that an image is
        changed alike whichever process sees it.
    label : str
        What progress is called.
    """

    n: int
    batch: int
    seed: int
    make: Make
    label: str

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return -(-self.n // self.batch)

    def rows(self, epoch: int) -> tuple[Tensor, ...]:
        """The rows of each step of ``epoch``."""
        return shuffled(self.n, self.batch, torch_stream(self.seed, "order", epoch))

    def load(self, rows: Tensor, epoch: int, step: int, part: slice) -> tuple[Tensor, Tensor]:
        """Input and target of ``part`` of ``rows``, as every process would make them."""
        return self.make(rows, part, torch_stream(self.seed, "change", epoch, step))


def torch_stream(*names: object) -> torch.Generator:
    """Random numbers that belong to ``names`` alone."""
    return torch.Generator().manual_seed(stream_seed(*names))
