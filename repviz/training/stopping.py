"""Ctrl-C and SIGTERM during a training: noted, so that it can be kept before it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from repviz import progress


class Stopped(KeyboardInterrupt):
    """The process was told to end, and the training is kept."""

    def __init__(self, by: int) -> None:
        super().__init__(f"stopped by {signal.Signals(by).name}")
        self.signal = by


class StopRequest:
    """Whether a signal asked the process to end, and which."""

    by = 0


@contextmanager
def catch_stop_signals(listening: bool) -> Iterator[StopRequest]:
    """Within the block a first SIGINT or SIGTERM is written down; a second ends at once."""
    told = StopRequest()
    if not listening or threading.current_thread() is not threading.main_thread():
        yield told
        return

    def note(by: int, frame: FrameType | None) -> None:
        told.by = by
        progress.say("Stopping: the training is kept first. Once more ends it at once.")
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
