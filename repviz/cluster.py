"""Running an extraction or a sweep as tasks of a Ray cluster, on one machine or many.

Each task computes one part and writes its files to a folder that all machines share. Tasks are
repeatable: those of a worker or machine that dies are run elsewhere. They return no data. The
caller ends with the same call without a part, which finds all parts done and finishes the folder::

    call = functools.partial(repviz.extract, "alexnet", images, "/shared/acts")
    run_parts(call, 16, address="auto")
    acts = call()

In a sweep each fit (one engine, size and seed) is a task::

    with on_cluster("auto"):
        repviz.sweep(images, out="/shared/sweep")
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from statistics import median
from typing import Any

from repviz import checks, progress
from repviz.errors import InputError, RepvizError, StoreError, Unavailable
from repviz.remote import started_by

PER_WORKER = 4  # parts for each worker, so that a slow one holds up little
RETRIES = 5  # of a part whose worker or machine died
WAITS, WAIT = 12, 5.0  # how often, and seconds: for the lock of a worker that is about to end
# A part is slow that takes over so many times the median of the finished ones, and so many seconds.
SLOW, LEAST = 3, 60.0
GRACE = 20.0  # seconds in which a worker that was told to stop may save its work
TICK = 1.0  # seconds between two looks at the parts
MOST = 10_000  # CPUs or GPUs of a part


def run_parts(
    call: Callable[..., Any],
    size: int | None = None,
    *,
    address: str = "auto",
    cpus: float = 1,
    gpus: float = 0,
) -> int:
    """Run ``call(part=(rank, size))`` for every rank as Ray tasks; returns the number of parts.

    A part whose worker or machine dies is run elsewhere. So is one that takes more than three times
    the median of the finished ones (and a minute) while a worker is free: it is issued a second
    time, once, and the first to finish counts. One process at a time computes a part, so the first
    worker is told to stop, and killed after 20 s; the second goes on from what it has saved.

    Parameters
    ----------
    call : callable
        :func:`repviz.extract` with all arguments but the part, which may be pickled.
    size : int, optional
        Number of parts; four per worker that the cluster has room for, if left out.
    address : str
        Of a running cluster, such as ``"10.0.0.1:6379"`` or ``"ray://..."``; ``"auto"`` is the one
        that this machine belongs to; ``"local"`` starts one on this machine.
    cpus, gpus : float
        What Ray reserves for each part on one machine, above 0 and at least 0. It has as many
        threads as CPUs: the bytes are those of a process with so many. With 0 GPUs it runs on the
        processor, with 1 on a GPU of its own, with 0.5 two parts share one and its memory.

    Raises
    ------
    Unavailable
        Ray is not installed, there is no cluster at ``address``, or none of its machines has so
        many CPUs and GPUs; or a worker had too little memory.
    RepvizError
        What a part raised. Parts that are done stay done.
    """
    ray = _ray()
    with _connected(ray, address):
        workers = _workers(ray, cpus, gpus)
        count = checks.integer(
            "cluster", "the number of parts", size or PER_WORKER * workers, low=1
        )
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_run)
        shared = ray.put(call)
        _Parts(ray, lambda rank: task.remote(shared, (rank, count), gpus), count, workers).wait()
    return count


@contextmanager
def on_cluster(address: str = "auto", *, cpus: float = 1, gpus: float = 0) -> Iterator[None]:
    """Within the block the fits of a sweep are tasks of a cluster, as in :func:`run_parts`.

    A fit whose worker dies is run elsewhere; a slow one is waited for, since fits of different
    engines and sizes take different times.

    Raises
    ------
    Unavailable
        As :func:`run_parts` says.
    """
    ray = _ray()
    waiting: list[Any] = []

    def start(call: Callable[[], Any]) -> Callable[[], Any]:
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_called)
        waiting.append(task.remote(call, gpus))
        return partial(_result, ray, waiting[-1])

    with _connected(ray, address), started_by(start):
        _workers(ray, cpus, gpus)
        try:
            yield
        finally:
            for task in waiting:
                ray.cancel(task)


def _called(call: Callable[[], Any], gpus: float) -> Any:
    _hide_gpus(gpus)
    return call()


def _hide_gpus(reserved: float) -> None:
    """Hide the GPUs from a task that reserved none; not every release of Ray does so."""
    if not reserved:  # read when CUDA or HIP is first used
        os.environ.update(CUDA_VISIBLE_DEVICES="", HIP_VISIBLE_DEVICES="")


def _run(call: Callable[..., Any], part: tuple[int, int], gpus: float) -> float:
    """Compute one part on a worker, and return the seconds that it took."""
    from repviz.models.device import on_device  # loads torch

    _hide_gpus(gpus)
    start = time.monotonic()
    for left in reversed(range(WAITS)):
        try:
            with on_device("auto"):
                call(part=part)
            break
        except StoreError:  # a worker that was given up may hold the part's lock for a moment
            if not left:
                raise
            time.sleep(WAIT)
    return time.monotonic() - start


class _Parts:
    """The tasks of all parts, with a second task for each part that is slow.

    Parameters
    ----------
    ray : module
        Ray, connected.
    start : callable
        From the rank of a part to a new task that computes it.
    size, workers : int
        How many parts there are, and how many run at a time.
    """

    def __init__(self, ray: Any, start: Callable[[int], Any], size: int, workers: int) -> None:
        self.ray, self.start, self.workers = ray, start, workers
        self.left = set(range(size))
        self.tasks = {start(rank): rank for rank in range(size)}  # that may still end
        self.seconds: list[float] = []  # of the parts that are done
        self.again: set[int] = set()  # parts that were issued a second time
        self.errors: dict[int, Exception] = {}  # of parts, those of stopped tasks last
        self.stopped: dict[Any, float] = {}  # tasks that were told to stop, and when
        self.free_since: float | None = None  # when a worker first had nothing to do

    def wait(self) -> None:
        """Wait for all parts; an error or Ctrl-C cancels the remaining tasks."""
        try:
            with progress.task("cluster", len(self.left), "parts") as advance:
                while self.left:
                    for task in self.ray.wait(list(self.tasks), timeout=TICK)[0]:
                        advance(self._ended(task))
                    self._issue_slow_ones_again()
                    self._kill_what_does_not_stop()
        finally:
            for task in self.tasks:
                self._stop(task)

    def _ended(self, task: Any) -> int:
        """The number of parts that ``task`` completes by ending: 0 if it failed or came second."""
        rank = self.tasks.pop(task)
        if rank not in self.left:
            return 0
        others = [other for other, same in self.tasks.items() if same == rank]
        try:
            self.seconds.append(_result(self.ray, task))
        except Exception as error:
            if task not in self.stopped or rank not in self.errors:
                self.errors[rank] = error
            if others:  # the first to finish counts: it may be the other one
                return 0
        else:
            self.errors.pop(rank, None)
        if rank in self.errors:
            raise self.errors[rank]
        self.left.remove(rank)
        for other in others:
            self._stop(other)
        return 1

    def _issue_slow_ones_again(self) -> None:
        """While a worker is free, restart slow parts on it and stop their first tasks."""
        if not self.seconds or len(self.left) >= self.workers:
            return
        now = time.monotonic()
        self.free_since = self.free_since or now
        if now - self.free_since <= max(LEAST, SLOW * median(self.seconds)):
            return  # all that are left have run for at least so long
        for task, rank in list(self.tasks.items()):
            if rank in self.left - self.again:
                progress.say(
                    f"cluster: part {rank} takes over {SLOW} times as long as the others, so "
                    "another worker goes on with it."
                )
                self.again.add(rank)
                self.tasks[self.start(rank)] = rank  # on the free worker, since ours is busy yet
                self._stop(task)

    def _stop(self, task: Any) -> None:
        if task not in self.stopped:
            self.ray.cancel(task)  # as Ctrl-C does: what a worker has done of its shard is kept
            self.stopped[task] = time.monotonic()

    def _kill_what_does_not_stop(self) -> None:
        for task, told in list(self.stopped.items()):
            if task in self.tasks and time.monotonic() - told > GRACE:
                self.ray.cancel(task, force=True)
                self.stopped[task] = inf


def _result(ray: Any, task: Any) -> Any:
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RepvizError):
            raise error.cause from error
        if isinstance(error.cause, MemoryError):
            raise Unavailable(
                "cluster: a worker must have memory enough for its part, and one had too little "
                f"('{error.cause}'). Reserve more CPUs for each (--cpus), so that fewer share a "
                "machine, and run the same again: what is finished is kept."
            ) from error
        raise


def _workers(ray: Any, cpus: float, gpus: float) -> int:
    """The number of parts that the cluster can run at the same time.

    Raises
    ------
    InputError
        No part can have so many CPUs or GPUs.
    Unavailable
        No machine has them.
    """
    checks.real("cluster", "cpus", cpus, low=0.01, high=MOST)
    checks.real("cluster", "gpus", gpus, low=0, high=MOST)
    if gpus > 1 and gpus % 1:
        raise InputError(
            f"cluster: gpus must be a fraction of one GPU, or a whole number, got {gpus:g}. For "
            "example: --gpus 0.5, where two parts share one."
        )
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {name: share for name, share in (("CPU", cpus), ("GPU", gpus)) if share}
    found = sum(
        int(min(there.get(name, 0) // share for name, share in wanted.items()))
        for there in machines
    )
    if not found:
        got = "; ".join(f"{m.get('CPU', 0):g} and {m.get('GPU', 0):g}" for m in machines)
        raise Unavailable(
            f"cluster: a machine must have {cpus:g} CPUs and {gpus:g} GPUs for a part, got "
            f"machines with {got}. Use smaller --cpus and --gpus, or add a machine."
        )
    return found


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise Unavailable(
            "cluster: the package ray is needed, and it is not installed. Install it: pip install "
            "'repviz-toolkit[cluster]'."
        ) from error
    return ray


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Connect Ray to a cluster within the block, unless the caller has already done so."""
    if ray.is_initialized():
        yield
        return
    checks.text("cluster", "address", address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise Unavailable(
            f"cluster: a Ray cluster must run at '{address}', got "
            f"'{str(error).splitlines()[0]}'. Start one (ray start --head), or use 'local'."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
