"""The batches of a training: the images of each step, and their random augmentation.

Both follow from the seed, the epoch and the step alone. So a training that was interrupted anywhere
resumes with exactly the batches it would have had, and several processes share each batch without
communicating.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from repviz.streams import stream_seed
from repviz.training.augmentation import shuffled

LoadBatch = Callable[[Tensor, slice, torch.Generator], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class BatchStream:
    """The batches of a training.

    Attributes
    ----------
    n : int
        Images per epoch, each seen once.
    batch : int
        Images per step, over all processes; the last step of an epoch may have fewer.
    seed : int
        Seed of the order and of the augmentation.
    load_batch : callable
        From the rows of a batch, the part of them that is wanted and a generator, to that part's
        input and target. Random numbers are drawn for the entire batch, so that an image is
        changed alike whichever process sees it.
    label : str
        The name under which progress is shown.
    """

    n: int
    batch: int
    seed: int
    load_batch: LoadBatch
    label: str

    @property
    def steps(self) -> int:
        """Steps per epoch."""
        return -(-self.n // self.batch)

    def rows(self, epoch: int) -> tuple[Tensor, ...]:
        """The rows of each step of ``epoch``."""
        return shuffled(self.n, self.batch, torch_stream(self.seed, "order", epoch))

    def load(self, rows: Tensor, epoch: int, step: int, part: slice) -> tuple[Tensor, Tensor]:
        """Input and target of ``part`` of ``rows``, the same in every process."""
        return self.load_batch(rows, part, torch_stream(self.seed, "change", epoch, step))


def torch_stream(*names: object) -> torch.Generator:
    """The random generator that belongs to ``names`` alone."""
    return torch.Generator().manual_seed(stream_seed(*names))
