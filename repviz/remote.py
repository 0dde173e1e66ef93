"""Running independent calls in parallel: in processes, or on a cluster (:mod:`repviz.cluster`)."""

from __future__ import annotations

import os
import pickle
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, TypeVar

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from repviz import memory, progress
from repviz.cores import usable_cores
from repviz.errors import InputError, Unavailable

T = TypeVar("T")
Start = Callable[[Callable[[], Any]], Callable[[], Any]]
_start: ContextVar[Start | None] = ContextVar("start", default=None)

WORKER_BYTES = 1 << 30  # free memory for each process: 0.5 GB for its libraries, and its data
IDLE = 60  # seconds after which a process without work ends


@contextmanager
def started_by(start: Start) -> Iterator[None]:
    """Within the block :func:`results` starts its calls by ``start``.

    ``start`` takes a call and returns a function that waits for the call's result.
    """
    token = _start.set(start)
    try:
        yield
    finally:
        _start.reset(token)


@contextmanager
def results(
    calls: Sequence[Callable[[], T]],
    *,
    unit: str = "calls",
    in_turn: bool = False,
    worker_bytes: int = WORKER_BYTES,
) -> Iterator[Iterator[T]]:
    """Iterator over the results of parallel calls, in order; the end of the block cancels the rest.

    On a cluster all calls start at once. Otherwise as many run at a time as this machine has cores,
    each in a process of one thread, since small steps gain nothing from a second one. So a result
    depends neither on the number of cores nor on the number of calls.

    Parameters
    ----------
    calls : sequence of callable
        Functions without arguments, which must be picklable.
    unit : str
        The noun for them in the progress, in the plural.
    in_turn : bool
        Whether to run them sequentially in this process, as where they share a GPU.
    worker_bytes : int
        Free memory that a process needs; with too little for two, the calls run sequentially.

    Raises
    ------
    InputError
        A call cannot be pickled.
    Unavailable
        A process was killed.
    """
    start = _start.get()
    if start is not None:
        waiting = [start(call) for call in calls]
        yield (wait() for wait in waiting)
    elif in_turn or not calls or (n_workers := workers(worker_bytes)) < 2:
        yield _in_turn(calls, unit)
    else:
        with joblib.parallel_config("loky", inner_max_num_threads=1, idle_worker_timeout=IDLE):
            pool = joblib.Parallel(n_workers, return_as="generator", max_nbytes=None)
        outputs = pool(joblib.delayed(_with_warnings)(call, os.getpid()) for call in calls)
        try:
            with progress.task(f"{n_workers} at a time", len(calls), unit) as advance:
                yield _received(outputs, advance)
        finally:
            with warnings.catch_warnings(action="ignore"):  # that some are not used
                outputs.close()


def cores() -> int:
    """The number of cores that this process may use, at most ``OMP_NUM_THREADS`` if it is set."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(usable_cores(), int(limit)) if limit.isdigit() else usable_cores()


def workers(worker_bytes: int = WORKER_BYTES) -> int:
    """How many processes run at once here: at most one per core, and with memory for each."""
    return min(cores(), int(memory.free_bytes() // worker_bytes))


def _in_turn(calls: Sequence[Callable[[], T]], unit: str) -> Iterator[T]:
    with progress.task("one at a time", len(calls), unit) as advance:
        for call in calls:
            yield call()
            advance(1)


def _received(outputs: Iterator[Any], advance: progress.Advance) -> Iterator[Any]:
    try:
        for result, caught in outputs:
            for one in caught:
                warnings.warn_explicit(*one)
            advance(1)
            yield result
    except pickle.PicklingError as error:
        lines = [line for line in str(error.__cause__ or error).splitlines() if line.strip('" ')]
        raise InputError(
            "processes: calls that run in worker processes must be picklable, got "
            f"'{lines[-1]}'. Define it in a module, or set OMP_NUM_THREADS=1."
        ) from error
    except TerminatedWorkerError as error:
        raise Unavailable(
            "processes: every worker process must run to its end, got one that was killed "
            "(out of memory?). Run the same command again: what is finished is kept. With "
            "OMP_NUM_THREADS=1 set, one part runs at a time."
        ) from error


def _with_warnings(
    call: Callable[[], T], parent: int
) -> tuple[T, list[tuple[Any, type[Warning], str, int]]]:
    _end_with(parent)
    with warnings.catch_warnings(record=True) as caught:
        result = call()
    return result, [(one.message, one.category, one.filename, one.lineno) for one in caught]


@cache
def _end_with(parent: int) -> None:
    """Make this process end when its ``parent`` does, even if that is killed."""

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
