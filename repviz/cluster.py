"""Parts of one piece of work as tasks of a Ray cluster, on one machine or many.

Each task runs one part and commits its own files to a folder that all machines share, so it may be
repeated: those of a worker or a machine that dies are run elsewhere. Nothing but the work goes out,
and nothing comes back; whoever called ends with the same call without a part, which finds all
parts done and finishes the folder::

    call = functools.partial(repviz.extract, "alexnet", images, "/shared/acts")
    run_parts(call, 16, address="auto")
    acts = call()

Of a sweep each fit is a task, of one engine, size and seed::

    with on_cluster("auto"):
        repviz.sweep(images, out="/shared/sweep")
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from repviz import checks, progress
from repviz.errors import RepvizError, StoreError, Unavailable
from repviz.remote import started_by

PER_WORKER = 4  # parts for each worker, so that a slow one holds up little
RETRIES = 5  # of a part whose worker or machine died
WAITS, WAIT = 12, 5.0  # how often, and seconds: for the lock of a worker that is about to end


def run_parts(
    call: Callable[..., Any],
    size: int | None = None,
    *,
    address: str = "auto",
    cpus: float = 1,
    gpus: float = 0,
) -> int:
    """The number of parts that were run: ``call(part=(rank, size))`` for each rank.

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
        What each part takes of a machine. Ray gives it as many threads as CPUs: the bytes are those
        of a process with so many threads.

    Raises
    ------
    Unavailable
        Ray is not installed, or there is no cluster at ``address``.
    RepvizError
        What a part raised. Parts that are done stay done.
    """
    ray = _ray()
    with _connected(ray, address):
        size = size or PER_WORKER * _workers(ray, cpus, gpus)
        size = checks.integer("cluster", "the number of parts", size, low=1)
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_run)
        shared = ray.put(call)
        _wait(ray, [task.remote(shared, (rank, size)) for rank in range(size)])
    return size


@contextmanager
def on_cluster(address: str = "auto", *, cpus: float = 1, gpus: float = 0) -> Iterator[None]:
    """Within the block the fits of a sweep run on a cluster, each as :func:`run_parts` says.

    Raises
    ------
    Unavailable
        Ray is not installed, or there is no cluster at ``address``.
    """
    ray = _ray()
    waiting: list[Any] = []

    def start(call: Callable[[], Any]) -> Callable[[], Any]:
        task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES)(_called)
        waiting.append(task.remote(call))
        return partial(_result, ray, waiting[-1])

    with _connected(ray, address), started_by(start):
        try:
            yield
        finally:
            for task in waiting:
                ray.cancel(task)


def _called(call: Callable[[], Any]) -> Any:
    return call()


def _run(call: Callable[..., Any], part: tuple[int, int]) -> None:
    for left in reversed(range(WAITS)):
        try:
            call(part=part)
            return
        except StoreError:  # a worker that was given up may hold the part's lock for a moment
            if not left:
                raise
            time.sleep(WAIT)


def _wait(ray: Any, waiting: list[Any]) -> None:
    """Wait for all tasks; an error or Ctrl-C ends those that are left."""
    try:
        with progress.task("cluster", len(waiting), "parts") as advance:
            while waiting:
                done, waiting = ray.wait(waiting)
                for task in done:
                    _result(ray, task)
                advance(len(done))
    finally:
        for task in waiting:
            ray.cancel(task)  # as Ctrl-C does: what a worker has done of its shard is kept


def _result(ray: Any, task: Any) -> Any:
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, RepvizError):
            raise error.cause from error
        raise


def _workers(ray: Any, cpus: float, gpus: float) -> int:
    """How many parts the cluster has room for at a time."""
    there = ray.cluster_resources()
    room = [there.get(name, 0) // share for name, share in (("CPU", cpus), ("GPU", gpus)) if share]
    return max(int(min(room, default=1)), 1)


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
    """Within the block Ray is connected to a cluster: a new connection, or that of the caller."""
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
