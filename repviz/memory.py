"""Free memory, peak memory, and an allocator setting that keeps freed memory during a loop.

A forward pass frees its activations, and the next pass allocates as much again. glibc returns large
blocks to the system at once, and the system zeroes each page that it hands out: for AlexNet on a
CPU this takes a seventh of the pass. ``recycled`` keeps them.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock

# glibc's option numbers (malloc.h), and the limits of its own dynamic adjustment.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
DEFAULT_TRIM, DEFAULT_MMAP = 64 * 2**20, 32 * 2**20
MAX_THRESHOLD = 2**31 - 1

_lock, _depth = Lock(), 0


def free_bytes() -> float:
    """Bytes of memory available to this process; all of the machine's where it cannot be told."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration):
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def peak_bytes() -> int:
    """The peak memory of this process so far, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@contextmanager
def recycled() -> Iterator[None]:
    """Keep freed memory, up to 2 GiB, in the process within the block; return it afterwards.

    For loops that allocate the same sizes again and again. Blocks may be nested. Without glibc
    it does nothing.
    """
    _enter(1)
    try:
        yield
    finally:
        _enter(-1)


def _enter(step: int) -> None:
    global _depth
    libc = _glibc()
    if libc is None:
        return
    with _lock:
        _depth += step
        if step > 0 and _depth == 1:
            libc.mallopt(MMAP_THRESHOLD, MAX_THRESHOLD)
            libc.mallopt(TRIM_THRESHOLD, MAX_THRESHOLD)
        elif _depth == 0:
            libc.mallopt(MMAP_THRESHOLD, DEFAULT_MMAP)
            libc.mallopt(TRIM_THRESHOLD, DEFAULT_TRIM)
            libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
