"""Memory that a loop frees and asks for again: kept meanwhile, since new pages cost more than use.

A network's pass frees its activations and the next pass asks for as much again. glibc gives large
blocks back to the system at once, and the system hands out each page anew, set to zero: for AlexNet
on a processor that is a seventh of the pass.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

# glibc's numbers for its options (malloc.h), and the values that its own adjustment ends at.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
USUAL_TRIM, USUAL_MMAP = 64 * 2**20, 32 * 2**20
KEPT = 2**31 - 1

_lock, _depth = Lock(), 0


@contextmanager
def recycled() -> Iterator[None]:
    """Within the block freed memory stays with the process, up to 2 GiB; afterwards it goes back.

    For loops that allocate the same sizes again and again. Blocks may be nested. With another C
    library than glibc it does nothing.
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
            libc.mallopt(MMAP_THRESHOLD, KEPT)
            libc.mallopt(TRIM_THRESHOLD, KEPT)
        elif _depth == 0:
            libc.mallopt(MMAP_THRESHOLD, USUAL_MMAP)
            libc.mallopt(TRIM_THRESHOLD, USUAL_TRIM)
            libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
