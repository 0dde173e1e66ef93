"""Ctrl-C and SIGTERM during a training: recorded, so that a checkpoint is written first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from repviz import progress


class Stopped(KeyboardInterrupt):
    """A signal ended the training after its checkpoint had been written."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signal_number).name}")
        self.signal = signal_number


class StopRequest:
    """The number of the signal that asked the process to end; 0 until one comes."""

    signal = 0


@contextmanager
def catch_stop_signals(enabled: bool) -> Iterator[StopRequest]:
    """Within the block a first SIGINT or SIGTERM is recorded; a second one ends the process."""
    request = StopRequest()
    if not enabled or threading.current_thread() is not threading.main_thread():
        yield request
        return

    def record(number: int, frame: FrameType | None) -> None:
        request.signal = number
        progress.say("Stopping: a checkpoint is written first. Once more ends it at once.")
        restore()

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    previous = {number: signal.signal(number, record) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        restore()
