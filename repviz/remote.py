"""Calls that depend on nothing but their arguments, and may run elsewhere: here in turn, unless a
cluster takes them (:mod:`repviz.cluster`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
Start = Callable[[Callable[[], Any]], Callable[[], Any]]
_start: ContextVar[Start | None] = ContextVar("start", default=None)


@contextmanager
def started_by(start: Start) -> Iterator[None]:
    """Within the block ``start`` takes each call and gives one that waits for its result."""
    token = _start.set(start)
    try:
        yield
    finally:
        _start.reset(token)


def started(calls: Mapping[str, Callable[[], T]]) -> dict[str, Callable[[], T]]:
    """Each call as one that gives its result; all run already where there is a cluster."""
    start = _start.get()
    return {name: call if start is None else start(call) for name, call in calls.items()}
