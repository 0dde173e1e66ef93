"""The one training loop; accelerate says on which device it runs, and nothing else names one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from repviz import progress
from repviz.errors import InputError

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images came to.

    Attributes
    ----------
    number : int
        Counted from 1.
    loss : float
        Mean over the images.
    learning_rate : float
        At the last step, of the first group of parameters.
    """

    number: int
    loss: float
    learning_rate: float


@dataclass(frozen=True)
class Pace:
    """How long training goes on, and how the learning rate rises and falls.

    Attributes
    ----------
    epochs : int
        Passes over the training images.
    steps : int
        Steps in each of them.
    warm_up : float
        Share of all steps in which the rate rises in a straight line from 0, in [0, 1); from there
        it falls along half a cosine.
    """

    epochs: int
    steps: int
    warm_up: float = 0.2

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied with at ``step``, counted from 0; in (0, 1]."""
        total = self.epochs * self.steps
        rising = round(self.warm_up * total)
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


def run(
    module: nn.Module,
    batches: Batches,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    pace: Pace,
    after_epoch: Callable[[Epoch], None],
    label: str,
) -> None:
    """Train ``module`` in place, on the device that accelerate finds.

    Parameters
    ----------
    module : torch.nn.Module
        The network; it comes back to the device that it was on.
    batches : callable
        From the number of an epoch, counted from 1, to its pairs of input and target.
    loss : callable
        From the output and the target to a mean over the batch.
    optimizer : torch.optim.Optimizer
        Over the parameters of ``module``; its rates are the highest that are reached.
    pace : Pace
        For how long, and how the rates fall.
    after_epoch : callable
        Called after each epoch, with the module in evaluation mode.
    label : str
        What progress is called.

    Raises
    ------
    InputError
        More than one process was launched, or the loss is no longer a finite number.
    """
    accelerator = Accelerator()
    if accelerator.num_processes > 1:
        raise InputError(
            f"train: it must run as one process, got {accelerator.num_processes}. "
            "Start it without torchrun."
        )
    home = next(module.parameters()).device
    trained, stepper = accelerator.prepare(module, optimizer)
    highest = [group["lr"] for group in optimizer.param_groups]
    step = 0
    with progress.task(label, pace.epochs * pace.steps, "steps") as advance:
        for number in range(1, pace.epochs + 1):
            trained.train()
            total, seen = 0.0, 0
            for x, target in batches(number):
                for group, rate in zip(optimizer.param_groups, highest, strict=True):
                    group["lr"] = rate * pace.factor(step)
                value = loss(trained(x.to(accelerator.device)), target.to(accelerator.device))
                stepper.zero_grad()
                accelerator.backward(value)
                stepper.step()
                total, seen, step = total + value.item() * len(x), seen + len(x), step + 1
                advance(1)
            if not math.isfinite(total):
                raise InputError(
                    f"train: the loss must stay finite, got {total} in epoch {number}. "
                    "Check the images, or train another model."
                )
            trained.eval()
            after_epoch(Epoch(number, total / seen, optimizer.param_groups[0]["lr"]))
    module.to(home)
    accelerator.free_memory()
