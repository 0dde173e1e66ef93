"""Progress reporting: library code reports its progress, and a front end may show it.

A library call is silent. The command line (or a notebook) installs a reporter with
:func:`shown_by`. What becomes permanent on disk is announced to an observer (:func:`observed_by`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

Advance = Callable[[int], None]  # called with the number of units that were just finished


class Reporter(Protocol):
    """The interface of a front end that shows progress."""

    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        """Show a bar for ``total`` units of work until the block ends."""

    def say(self, sentence: str) -> None:
        """Show one line."""


@dataclass(frozen=True)
class Event:
    """A step of resumable work whose result is now on disk.

    Attributes
    ----------
    kind : str
        ``"stage"`` of a study, or ``"shard"`` of activations.
    name : str
        Which one: the stage's name, the shard's number.
    state : str
        ``"started"``; ``"appended"``: more of a file is on disk, which a kill loses; ``"saved"``:
        what there is of it so far survives a kill; ``"written"``: its files are on disk, but do not
        count yet; ``"finished"``: it counts, and is not computed again after a kill.
    """

    kind: Literal["stage", "shard"]
    name: str
    state: Literal["started", "appended", "saved", "written", "finished"]


class _Silent:
    def task(self, label: str, total: int, unit: str) -> AbstractContextManager[Advance]:
        return nullcontext(lambda done: None)

    def say(self, sentence: str) -> None:
        return None


SILENT: Reporter = _Silent()
_reporter: ContextVar[Reporter] = ContextVar("reporter", default=SILENT)
_observer: ContextVar[Callable[[Event], None] | None] = ContextVar("observer", default=None)


@contextmanager
def shown_by(reporter: Reporter) -> Iterator[None]:
    """Within the block, progress goes to ``reporter``."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


@contextmanager
def observed_by(observer: Callable[[Event], None]) -> Iterator[None]:
    """Within the block, ``observer`` is called with every :class:`Event`, in the thread it is in.

    An exception that it raises ends the work at that very point, as an interruption would.
    """
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def announce(event: Event) -> None:
    """Call the observer, if there is one."""
    observer = _observer.get()
    if observer is not None:
        observer(event)


def task(label: str, total: int, unit: str = "images") -> AbstractContextManager[Advance]:
    """A block of ``total`` units of work; call what it yields with each number finished."""
    return _reporter.get().task(label, total, unit)


def say(sentence: str) -> None:
    """One line about what happens now."""
    _reporter.get().say(sentence)
