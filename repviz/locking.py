"""A lock on one file that is about to be written; it ends with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repviz.durable import named_errors
from repviz.errors import StoreError


@contextmanager
def locked_file(path: str | Path) -> Iterator[None]:
    """Within the block no other process can lock the file ``path``, whether it exists or not.

    Raises
    ------
    StoreError
        Another process holds it, or its folder cannot be written.
    """
    path = Path(path)
    lock = path.with_name(f".{path.name}.lock")
    with named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The lock of a file that its holder has just removed would keep nobody out.
            held = lock.exists() and os.path.samestat(os.fstat(handle), lock.stat())
        except BlockingIOError:
            held = False
        if not held:
            raise StoreError(
                f"{path}: only one process at a time may write to this file, and another one is "
                "writing to it. Wait until it ends, or choose another file."
            )
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(handle)
