"""Threads that read files with a time limit, and that do not block the end of the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from repviz.errors import ImageError

P = ParamSpec("P")
A = TypeVar("A")
T = TypeVar("T")

LIMIT = 120.0  # seconds that reading a file may take: a dead network share would block for ever
GRACE = 1.0  # seconds that threads are waited for at the end


class ReadingThreads:
    """A pool of daemon threads that read files.

    A :class:`concurrent.futures.ThreadPoolExecutor` joins its threads when the process ends, which
    would wait for ever for a file system that does not answer.

    Parameters
    ----------
    count : int
        The number of threads, at least 1.
    """

    def __init__(self, count: int) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> ReadingThreads:
        return self

    def __exit__(self, *error: object) -> None:
        """Cancel the calls that have not started, and end the threads."""
        with suppress(Empty):
            while True:
                self._calls.get_nowait()
        for _ in self._threads:
            self._calls.put(None)
        end = time.monotonic() + GRACE
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future of a call; :func:`read` waits for its result."""
        future: Future[T] = Future()
        self._calls.put((future, lambda: call(*args, **kwargs)))
        return future

    def each(
        self, call: Callable[[A], T], files: Iterable[A], name: Callable[[A], str]
    ) -> Iterator[T]:
        """The result of ``call`` for each file, in order; ``name`` names a file in errors."""
        calls = [(file, self.submit(call, file)) for file in files]
        for file, future in calls:
            since = time.monotonic()
            yield read(future, partial(_one_file, name, file, since))

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            future, call = task
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
            del task, future, call  # with what they hold, while this thread waits


def _one_file(name: Callable[[A], str], file: A, since: float) -> tuple[str, float]:
    return name(file), since


def read(future: Future[T], now_read: Callable[[], tuple[str, float]]) -> T:
    """The result of a call of :class:`ReadingThreads`; the time limit is for each file it reads.

    Parameters
    ----------
    future : Future
        The future of the call.
    now_read : callable
        Returns the name of the file that is being read, and since when (:func:`time.monotonic`).

    Raises
    ------
    ImageError
        It has been reading one file for longer than :data:`LIMIT`.
    """
    while True:
        name, since = now_read()
        left = since + LIMIT - time.monotonic()
        try:
            # If this process was stopped for so long, the file is there a moment after it goes on.
            return future.result(max(left, GRACE))
        except TimeoutError:
            if future.done():
                return future.result()  # it came just now, or the call raised TimeoutError
        if left <= 0 and now_read() == (name, since):
            raise ImageError(
                f"{name}: an image must be read within {LIMIT:g} s, got no answer. Copy it to "
                "another disk, or leave it out, and run the same command again."
            )
