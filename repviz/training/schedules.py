"""Learning-rate schedules: the multiplier of the learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

Row = dict[str, float]  # the results of one epoch


class Schedule(Protocol):
    """The number of epochs, and the multiplier of the learning rates."""

    @property
    def epochs(self) -> int:
        """Passes over the training images, at most."""

    def factor(self, step: int, history: list[Row] | None = None) -> float:
        """The multiplier at ``step``, counted from 0, given one row per epoch; 0 ends training."""


@dataclass(frozen=True)
class CosineSchedule:
    """A linear warm-up of the learning rate, then half a cosine down.

    Attributes
    ----------
    epochs : int
        Passes over the training images.
    steps : int
        Steps in each of them.
    warm_up : float
        Fraction of all steps in which the rate rises linearly from 0, in [0, 1).
    decays : bool
        Whether the rate then falls along half a cosine, or stays constant.
    """

    epochs: int
    steps: int
    warm_up: float = 0.2
    decays: bool = True

    def factor(self, step: int, history: list[Row] | None = None) -> float:
        """The multiplier of the learning rate at ``step``, counted from 0; in (0, 1]."""
        total = self.epochs * self.steps
        rising = round(self.warm_up * total)
        if step < rising:
            return (step + 1) / (rising + 1)
        if not self.decays:
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


@dataclass(frozen=True)
class PlateauSchedule:
    """The schedule of 2012: the rate is divided by 10 when validation accuracy stops rising.

    Attributes
    ----------
    epochs : int
        Passes over the training images, at most.
    steps : int
        Steps in each of them.
    metric : str
        The column of the history that must rise.
    patience : int
        Epochs without a new best after which the rate is divided.
    drops : int
        Divisions in all; where one more is due, training ends.
    """

    epochs: int
    steps: int
    metric: str
    patience: int = 5
    drops: int = 3

    def factor(self, step: int, history: list[Row] | None = None) -> float:
        """The multiplier of the learning rate after the epochs so far; 0 ends training."""
        best, since_best, drops = -math.inf, 0, 0
        for row in history or []:
            since_best = 0 if row[self.metric] > best else since_best + 1
            best = max(best, row[self.metric])
            if since_best == self.patience:
                drops, since_best = drops + 1, 0
        return 0.0 if drops > self.drops else 10.0**-drops


@dataclass(frozen=True)
class StepSchedule:
    """The rate is divided by 10 after fixed fractions of the epochs.

    Attributes
    ----------
    epochs : int
        Passes over the training images.
    steps : int
        Steps in each of them.
    ends : tuple of float
        Fractions of the epochs, in (0, 1), increasing. By default those after which the rate was
        lowered by hand in 2012: 25, 51 and 79 of 91 epochs (``layers/layer-params-145.cfg``).
    """

    epochs: int
    steps: int
    ends: tuple[float, ...] = (25 / 91, 51 / 91, 79 / 91)

    def factor(self, step: int, history: list[Row] | None = None) -> float:
        """The multiplier of the learning rate at ``step``, counted from 0."""
        epoch = step // self.steps
        return 10.0 ** -sum(epoch >= round(end * self.epochs) for end in self.ends)
