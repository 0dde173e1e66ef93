"""What the fault scripts share: forked children, silenced, killed and waited for.

Children inherit what was imported and compiled in the parent (:func:`import_everything`), so that
their time is spent on what is tested.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import resource
import signal
import time
from collections.abc import Callable


def run_forked(call: Callable[[], object], *, after: float | None = None) -> int:
    """Exit status of ``call`` in a child, 1 if it raises, negative if a signal ended it.

    The child is killed ``after`` so many seconds; never if None.
    """
    pid = os.fork()
    if not pid:
        status = 1
        try:
            call()
            status = 0
        finally:
            os._exit(status)
    if after is not None:
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wait_for(pid: int, seconds: float) -> tuple[int, resource.struct_rusage]:
    """Status and resource usage of a child, which is killed after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        waited, status, usage = os.wait4(pid, os.WNOHANG)
        if waited:
            return status, usage
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def silence() -> None:
    """Connect the standard streams of this process to nothing."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def limit_cpu(seconds: int) -> None:
    """End this process after so many seconds of the processor's time, without a core file."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def import_everything() -> None:
    """Import every module of repviz but the one that runs the command line."""
    import repviz

    for module in pkgutil.walk_packages(repviz.__path__, "repviz."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
