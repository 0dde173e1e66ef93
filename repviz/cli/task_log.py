"""Progress of one task as log lines, where no bar can be drawn: in a file or a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY = 15.0  # seconds between two lines of one task


class TaskLog:
    """Lines about one task: done of all, units per second, and the time that is left.

    Parameters
    ----------
    label, unit : str
        What is done, and to what: "extract", "images".
    total : int
        How many units there are.
    say : callable
        Shows one line.
    clock : callable
        Seconds from any start.
    """

    def __init__(
        self,
        label: str,
        total: int,
        unit: str,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label, self.total, self.unit, self.say, self.clock = label, total, unit, say, clock
        self.done, self.start = 0, clock()
        self.last = self.start

    @property
    def seconds(self) -> float:
        """How long the task has taken so far."""
        return self.clock() - self.start

    def advance(self, done: int) -> None:
        """Count ``done`` more units; says a line where the last one is 15 s old."""
        self.done += done
        now = self.clock()
        if now - self.last < EVERY or not 0 < self.done < self.total:
            return
        self.last = now
        rate = self.done / self.seconds
        self.say(
            f"  {self.label}: {self.done:,} of {self.total:,} {self.unit}, {rate:,.1f} {self.unit}"
            f"/s, about {_duration((self.total - self.done) / rate)} left"
        )

    def finished(self) -> None:
        """Say how long all of it took."""
        self.say(f"  {self.label}: {self.total} {self.unit} in {self.seconds:.1f} s")


def _duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
