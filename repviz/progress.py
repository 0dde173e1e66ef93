"""Progress without a place to print it: the work says how far it is, a front end shows it.

A library call is silent. The command line (or a notebook) puts a reporter in with :func:`shown_by`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

Advance = Callable[[int], None]  # called with the number of units that were just finished


class Reporter(Protocol):
    """What a front end gives."""

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        """Show a bar for ``total`` units of work until the block ends."""

    def say(self, sentence: str) -> None:
        """Show one line."""


class _Silent:
    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(lambda done: None)

    def say(self, sentence: str) -> None:
        return None


SILENT: Reporter = _Silent()
_reporter: ContextVar[Reporter] = ContextVar("reporter", default=SILENT)


@contextmanager
def shown_by(reporter: Reporter) -> Iterator[None]:
    """Within the block, progress goes to ``reporter``."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def task(label: str, total: int, unit: str = "images") -> AbstractContextManager[Advance]:
    """A block of ``total`` units of work; call what it yields with each number finished."""
    return _reporter.get().task(label, total, unit)


def say(sentence: str) -> None:
    """One line about what happens now."""
    _reporter.get().say(sentence)
