"""The one training loop: any step of it can be the last, and the first of the rest."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from repviz import progress
from repviz.errors import InputError
from repviz.memory import recycled
from repviz.streams import stream_seed
from repviz.training.feeding import BatchStream
from repviz.training.machine import Machine
from repviz.training.stopping import Stopped, StopRequest, catch_stop_signals

Row = dict[str, float]  # what one epoch came to
AGREE = 8  # steps after which several processes ask each other whether one was told to stop


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
    score : float
        Mean over the images of what ``score`` counted; 0 without one.
    """

    number: int
    loss: float
    learning_rate: float
    score: float = 0.0


@dataclass(frozen=True)
class CosineSchedule:
    """How long training goes on, and how the learning rate rises and falls.

    Attributes
    ----------
    epochs : int
        Passes over the training images.
    steps : int
        Steps in each of them.
    warm_up : float
        Share of all steps in which the rate rises in a straight line from 0, in [0, 1).
    falls : bool
        Whether it falls from there, along half a cosine, or stays.
    """

    epochs: int
    steps: int
    warm_up: float = 0.2
    falls: bool = True

    def factor(self, step: int, history: list[Row] | None = None) -> float:
        """What the learning rate is multiplied with at ``step``, counted from 0; in (0, 1]."""
        total = self.epochs * self.steps
        rising = round(self.warm_up * total)
        if step < rising:
            return (step + 1) / (rising + 1)
        if not self.falls:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


@dataclass(frozen=True)
class PlateauSchedule:
    """The pace of 2012: the rate is divided by 10 each time validation error stops falling.

    Attributes
    ----------
    epochs : int
        Passes over the training images, at most.
    steps : int
        Steps in each of them.
    watched : str
        The column of the history that must rise.
    patience : int
        Epochs without a new best after which the rate falls.
    drops : int
        Falls in all; when the rate would fall once more, training ends.
    """

    epochs: int
    steps: int
    watched: str
    patience: int = 5
    drops: int = 3

    def factor(self, step: int, history: list[Row] | None = None) -> float:
        """What the learning rate is multiplied with, from the epochs so far; 0 ends training."""
        best, since, falls = -math.inf, 0, 0
        for row in history or []:
            best, since = (
                max(best, row[self.watched]),
                (0 if row[self.watched] > best else since + 1),
            )
            if since == self.patience:
                falls, since = falls + 1, 0
        return 0.0 if falls > self.drops else 10.0**-falls


@dataclass
class State:
    """All that a training is, between two steps.

    Attributes
    ----------
    step : int
        Steps done, over all epochs.
    loss, score : float
        Sums over the images of this epoch so far.
    history : list of dict
        A row an epoch that is over.
    tensors : dict of str to Tensor
        The optimizer's own, by name.
    """

    step: int = 0
    loss: float = 0.0
    score: float = 0.0
    history: list[Row] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)


class Checkpointer(Protocol):
    """Keeps the state of a training, so that whatever ends it does not lose it."""

    every: float  # seconds

    def kept(self) -> State | None:
        """What was kept of this training; the weights are back in the module."""

    def keep(self, state: State, *, over: bool = False) -> None:
        """Write the state and the module's weights, all or nothing."""

    def epoch_over(self, history: list[Row]) -> None:
        """Show the curves as they are now."""


def run(
    module: nn.Module,
    feed: BatchStream,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    pace: CosineSchedule | PlateauSchedule,
    after_epoch: Callable[[Epoch], Row],
    score: Callable[[Tensor, Tensor], Tensor] | None = None,
    machine: Machine | None = None,
    keeper: Checkpointer | None = None,
) -> list[Row]:
    """Train ``module`` in place and give back what each epoch came to.

    The dropout of a step follows, like its batch, from the feed's seed and the step alone.

    Parameters
    ----------
    module : torch.nn.Module
        The network; it comes back to the device that it was on.
    feed : BatchStream
        The batches.
    loss : callable
        From the output and the target to a mean over the batch.
    optimizer : torch.optim.Optimizer
        Over the parameters of ``module``; its rates are the highest that are reached.
    pace : CosineSchedule or PlateauSchedule
        For how long, and how the rates fall.
    after_epoch : callable
        Called after each epoch, with the module in evaluation mode; gives the epoch's row.
    score : callable, optional
        From the output and the target to a sum over the batch of anything else to be reported.
    machine : Machine, optional
        How the hardware is used.
    keeper : Checkpointer, optional
        Where the state is kept meanwhile; with one, SIGINT and SIGTERM save and then end.

    Raises
    ------
    InputError
        The loss is no longer a finite number.
    Stopped
        A signal came, and the state was kept.
    """
    walk = _Run(module, feed, optimizer, pace, machine or Machine(), keeper)
    home = next(module.parameters()).device
    with recycled(), walk.begun(), catch_stop_signals(keeper is not None) as told:
        while walk.goes_on():
            total = walk.train_epoch(loss, score, told)
            walk.end_epoch(after_epoch(total))
            if walk.goes_on():
                walk.keep_if_due(told)
        walk.close(told)
    module.to(home)
    walk.machine.release()
    return walk.state.history


class _Run:
    """One training under way."""

    def __init__(
        self,
        module: nn.Module,
        feed: BatchStream,
        optimizer: torch.optim.Optimizer,
        pace: CosineSchedule | PlateauSchedule,
        machine: Machine,
        keeper: Checkpointer | None,
    ) -> None:
        self.module, self.feed, self.optimizer, self.pace = module, feed, optimizer, pace
        self.machine, self.keeper = machine, keeper
        self.highest = [group["lr"] for group in optimizer.param_groups]
        self.state = (keeper.kept() if keeper else None) or State()
        self.began = self.state.step
        self.network = machine.prepared(module)
        _give_back(optimizer, self.state.tensors)
        self.state.tensors = {}
        self.last_kept = time.monotonic()
        self.advance: progress.Advance = lambda done: None
        self.waiting: list[tuple[Tensor, Tensor | None, int]] = []

    @contextmanager
    def begun(self) -> Iterator[None]:
        steps = self.pace.epochs * self.feed.steps
        with (
            torch.random.fork_rng(),
            progress.task(self.feed.label, steps, "steps") as self.advance,
        ):
            if self.state.step:
                progress.say(f"{self.feed.label}: goes on after step {self.state.step} of {steps}.")
                self.advance(self.state.step)
            yield

    def goes_on(self) -> bool:
        left = self.state.step < self.pace.epochs * self.feed.steps
        return left and self.pace.factor(self.state.step, self.state.history) > 0

    def train_epoch(self, loss: Any, score: Any, told: StopRequest) -> Epoch:
        """The steps of this epoch that are left."""
        epoch, done = divmod(self.state.step, self.feed.steps)
        self.network.train()
        for step, rows in list(enumerate(self.feed.rows(epoch)))[done:]:
            for group, highest in zip(self.optimizer.param_groups, self.highest, strict=True):
                group["lr"] = highest * self.pace.factor(self.state.step, self.state.history)
            self._step(rows, epoch, step, loss, score)
            self.state.step += 1
            self.advance(1)
            if step + 1 < self.feed.steps:
                self.keep_if_due(told)
        self._add_up()
        self.network.eval()
        n = self.feed.n
        rate = self.optimizer.param_groups[0]["lr"]
        return Epoch(epoch + 1, self.state.loss / n, rate, self.state.score / n)

    def _step(self, rows: Tensor, epoch: int, step: int, loss: Any, score: Any) -> None:
        machine, size = self.machine, len(rows)
        part = machine.share(size)
        # A process without an image in this batch still has to take part: with a weight of nothing.
        idle = part.start == part.stop
        x, target = self.feed.load(rows, epoch, step, slice(0, 1) if idle else part)
        x = x.to(machine.device, non_blocking=True)
        target = target.to(machine.device, non_blocking=True)
        torch.manual_seed(stream_seed(self.feed.seed, "dropout", epoch, step, machine.process))
        with machine.rounding():
            output = self.network(x).float()
        value = loss(output, target)
        # The processes' gradients are averaged: weighted so, that is the mean over the batch.
        mine = 0.0 if idle else len(x) / size
        self.optimizer.zero_grad()
        (value * (mine * machine.processes) if machine.processes > 1 else value).backward()
        self.optimizer.step()
        counted = score(output.detach(), target) if score and not idle else None
        self.waiting.append((value.detach(), counted, 0 if idle else len(x)))
        if len(self.waiting) == 64:
            self._add_up()

    def _add_up(self) -> None:
        """Fetch what the steps came to: seldom, for a GPU has to be waited for."""
        totals = torch.tensor(
            [
                sum(value.item() * n for value, _, n in self.waiting),
                sum(float(counted.item()) for _, counted, _ in self.waiting if counted is not None),
            ],
            dtype=torch.float64,
        )
        if self.machine.processes > 1:
            totals = self.machine.summed(totals.float()).double().cpu()
        self.waiting.clear()
        self.state.loss += float(totals[0])
        self.state.score += float(totals[1])
        if not math.isfinite(self.state.loss):
            raise InputError(
                f"train: the loss must stay finite, got {self.state.loss} by step "
                f"{self.state.step}. Lower the learning rate, check the images, or train another "
                "model."
            )

    def keep_if_due(self, told: StopRequest) -> None:
        if self.keeper is None:
            return
        stop, machine = told.by, self.machine
        due = time.monotonic() - self.last_kept > self.keeper.every
        if machine.processes > 1:
            if self.state.step % AGREE and self.state.step % self.feed.steps:
                return  # asking costs, so it is done seldom
            agreed = machine.summed(torch.tensor([float(stop), float(due)]))
            stop, due = int(agreed[0].item()), bool(agreed[1].item() > 0)
        if not (stop or due):
            return
        self._add_up()
        if machine.process == 0:
            self.state.tensors = _own_tensors(self.optimizer)
            self.keeper.keep(self.state)
            self.state.tensors = {}
        machine.wait()
        self.last_kept = time.monotonic()
        if stop:
            raise Stopped(told.by or signal.SIGTERM)

    def end_epoch(self, row: Row) -> None:
        """An epoch is over."""
        self.state.history.append(row)
        self.state.loss = self.state.score = 0.0
        if self.keeper and self.machine.process == 0:
            self.keeper.epoch_over(self.state.history)

    def close(self, told: StopRequest) -> None:
        """Keep the end, unless it was over before."""
        if self.keeper and self.machine.process == 0 and self.state.step > self.began:
            self.keeper.keep(self.state, over=True)
        self.machine.wait()
        if told.by:
            raise Stopped(told.by)


def _own_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimizer remembers of each parameter, as ``"3/momentum_buffer"``."""
    return {
        f"{place}/{name}": torch.as_tensor(value).detach()
        for place, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def _give_back(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    if not tensors:
        return
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        place, _, name = key.partition("/")
        parameter = parameters[int(place)].detach()
        if value.shape == parameter.shape:
            # In the parameter's own order of axes: fused steps walk through both side by side.
            value = torch.empty_like(parameter).copy_(value)
        state.setdefault(int(place), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
