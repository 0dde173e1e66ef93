"""The training loop: it can be interrupted after any step and resumed from there."""

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
from repviz.training.batches import BatchStream
from repviz.training.machine import Machine
from repviz.training.schedules import Row, Schedule
from repviz.training.signals import Stopped, StopRequest, catch_stop_signals

SYNC_STEPS = 8  # steps after which several processes agree on whether to save or to stop


@dataclass(frozen=True)
class Epoch:
    """The results of one pass over the training images.

    Attributes
    ----------
    number : int
        Counted from 1.
    loss : float
        Mean over the images.
    learning_rate : float
        At the last step, of the first group of parameters.
    score : float
        Mean over the images of ``score``; 0 without one.
    """

    number: int
    loss: float
    learning_rate: float
    score: float = 0.0


@dataclass
class State:
    """The complete state of a training between two steps.

    Attributes
    ----------
    step : int
        Steps done, over all epochs.
    loss, score : float
        Sums over the images of this epoch so far.
    history : list of dict
        One row per completed epoch.
    tensors : dict of str to Tensor
        The optimizer's tensors, by name.
    """

    step: int = 0
    loss: float = 0.0
    score: float = 0.0
    history: list[Row] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)


class Checkpointer(Protocol):
    """Saves the state of a training, so that it can be resumed however it ends."""

    interval: float  # seconds between two saves

    def load(self) -> State | None:
        """The saved state of this training, if any; its weights are then in the module."""

    def save(self, state: State, *, finished: bool = False) -> None:
        """Write the state and the module's weights, all or nothing."""

    def end_epoch(self, history: list[Row]) -> None:
        """Write the curves of the epochs so far."""


def run(
    module: nn.Module,
    batches: BatchStream,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    after_epoch: Callable[[Epoch], Row],
    score: Callable[[Tensor, Tensor], Tensor] | None = None,
    machine: Machine | None = None,
    checkpointer: Checkpointer | None = None,
) -> list[Row]:
    """Train ``module`` in place; returns one row per epoch.

    The dropout of a step depends, like its batch, on the seed of ``batches`` and the step alone.

    Parameters
    ----------
    module : torch.nn.Module
        The network; it is moved back to the device that it was on.
    batches : BatchStream
        The batches.
    loss : callable
        From the output and the target to a mean over the batch.
    optimizer : torch.optim.Optimizer
        An optimizer of the parameters of ``module``; its rates are the peak learning rates.
    schedule : Schedule
        The number of epochs, and the multiplier of the learning rates.
    after_epoch : callable
        Called after each epoch, with the module in evaluation mode; gives the epoch's row.
    score : callable, optional
        From the output and the target to a sum over the batch of any other number to be reported.
    machine : Machine, optional
        How the hardware is used.
    checkpointer : Checkpointer, optional
        Saves the state meanwhile; with one, SIGINT and SIGTERM save before they end the process.

    Raises
    ------
    InputError
        The loss is no longer a finite number.
    Stopped
        A signal came, and the state was saved.
    """
    this_run = _Run(module, batches, optimizer, schedule, machine or Machine(), checkpointer)
    home = next(module.parameters()).device
    saves = checkpointer is not None
    with recycled(), this_run.started(), catch_stop_signals(saves) as stop_request:
        while this_run.is_unfinished():
            epoch = this_run.train_epoch(loss, score, stop_request)
            this_run.end_epoch(after_epoch(epoch))
            if this_run.is_unfinished():
                this_run.save_if_due(stop_request)
        this_run.finish(stop_request)
    module.to(home)
    this_run.machine.release()
    return this_run.state.history


class _Run:
    """One training under way."""

    def __init__(
        self,
        module: nn.Module,
        batches: BatchStream,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        machine: Machine,
        checkpointer: Checkpointer | None,
    ) -> None:
        self.module, self.batches, self.optimizer, self.schedule = (
            module,
            batches,
            optimizer,
            schedule,
        )
        self.machine, self.checkpointer = machine, checkpointer
        self.peak_rates = [group["lr"] for group in optimizer.param_groups]
        self.state = (checkpointer.load() if checkpointer else None) or State()
        self.first_step = self.state.step
        self.network = machine.prepare(module)
        _restore(optimizer, self.state.tensors)
        self.state.tensors = {}
        self.last_saved = time.monotonic()
        self.advance: progress.Advance = lambda done: None
        self.pending: list[tuple[Tensor, Tensor | None, int]] = []

    @contextmanager
    def started(self) -> Iterator[None]:
        steps = self.schedule.epochs * self.batches.steps
        with (
            torch.random.fork_rng(),
            progress.task(self.batches.label, steps, "steps") as self.advance,
        ):
            if self.state.step:
                progress.say(
                    f"{self.batches.label}: resumes after step {self.state.step} of {steps}."
                )
                self.advance(self.state.step)
            yield

    def is_unfinished(self) -> bool:
        left = self.state.step < self.schedule.epochs * self.batches.steps
        return left and self.schedule.factor(self.state.step, self.state.history) > 0

    def train_epoch(self, loss: Any, score: Any, stop_request: StopRequest) -> Epoch:
        """Do the remaining steps of this epoch."""
        epoch, n_done = divmod(self.state.step, self.batches.steps)
        self.network.train()
        for step, rows in list(enumerate(self.batches.rows(epoch)))[n_done:]:
            for group, peak in zip(self.optimizer.param_groups, self.peak_rates, strict=True):
                group["lr"] = peak * self.schedule.factor(self.state.step, self.state.history)
            self._step(rows, epoch, step, loss, score)
            self.state.step += 1
            self.advance(1)
            if step + 1 < self.batches.steps:
                self.save_if_due(stop_request)
        self._collect()
        self.network.eval()
        n = self.batches.n
        rate = self.optimizer.param_groups[0]["lr"]
        return Epoch(epoch + 1, self.state.loss / n, rate, self.state.score / n)

    def _step(self, rows: Tensor, epoch: int, step: int, loss: Any, score: Any) -> None:
        machine, size = self.machine, len(rows)
        part = machine.share(size)
        # A process without an image in this batch still has to take part, with weight 0.
        idle = part.start == part.stop
        x, target = self.batches.load(rows, epoch, step, slice(0, 1) if idle else part)
        x = x.to(machine.device, non_blocking=True)
        target = target.to(machine.device, non_blocking=True)
        torch.manual_seed(stream_seed(self.batches.seed, "dropout", epoch, step, machine.process))
        with machine.precision_context():
            output = self.network(x).float()
        value = loss(output, target)
        # The processes' gradients are averaged: so weighted, that is the mean over the batch.
        weight = 0.0 if idle else len(x) / size
        self.optimizer.zero_grad()
        (value * (weight * machine.processes) if machine.processes > 1 else value).backward()
        self.optimizer.step()
        scored = score(output.detach(), target) if score and not idle else None
        self.pending.append((value.detach(), scored, 0 if idle else len(x)))
        if len(self.pending) == 64:
            self._collect()

    def _collect(self) -> None:
        """Add up the pending losses: seldom, since reading one waits for the GPU."""
        totals = torch.tensor(
            [
                sum(value.item() * n for value, _, n in self.pending),
                sum(float(scored.item()) for _, scored, _ in self.pending if scored is not None),
            ],
            dtype=torch.float64,
        )
        if self.machine.processes > 1:
            totals = self.machine.summed(totals.float()).double().cpu()
        self.pending.clear()
        self.state.loss += float(totals[0])
        self.state.score += float(totals[1])
        if not math.isfinite(self.state.loss):
            raise InputError(
                f"train: the loss must stay finite, got {self.state.loss} by step "
                f"{self.state.step}. Lower the learning rate, or check the images."
            )

    def save_if_due(self, stop_request: StopRequest) -> None:
        if self.checkpointer is None:
            return
        stop, machine = stop_request.signal, self.machine
        due = time.monotonic() - self.last_saved > self.checkpointer.interval
        if machine.processes > 1:
            if self.state.step % SYNC_STEPS and self.state.step % self.batches.steps:
                return  # communication costs, so it is done seldom
            agreed = machine.summed(torch.tensor([float(stop), float(due)]))
            stop, due = int(agreed[0].item()), bool(agreed[1].item() > 0)
        if not (stop or due):
            return
        self._collect()
        if machine.process == 0:
            self.state.tensors = _optimizer_tensors(self.optimizer)
            self.checkpointer.save(self.state)
            self.state.tensors = {}
        machine.wait()
        self.last_saved = time.monotonic()
        if stop:
            raise Stopped(stop_request.signal or signal.SIGTERM)

    def end_epoch(self, row: Row) -> None:
        """Record a completed epoch."""
        self.state.history.append(row)
        self.state.loss = self.state.score = 0.0
        if self.checkpointer and self.machine.process == 0:
            self.checkpointer.end_epoch(self.state.history)

    def finish(self, stop_request: StopRequest) -> None:
        """Save the final state, unless it had been reached before."""
        if self.checkpointer and self.machine.process == 0 and self.state.step > self.first_step:
            self.checkpointer.save(self.state, finished=True)
        self.machine.wait()
        if stop_request.signal:
            raise Stopped(stop_request.signal)


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state of each parameter, under names such as ``"3/momentum_buffer"``."""
    return {
        f"{index}/{name}": torch.as_tensor(value).detach()
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    if not tensors:
        return
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition("/")
        parameter = parameters[int(index)].detach()
        if value.shape == parameter.shape:
            # In the parameter's memory format: fused steps traverse both together.
            value = torch.empty_like(parameter).copy_(value)
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
