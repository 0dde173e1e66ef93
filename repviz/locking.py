"""Locks for files that one process at a time may write, and protection of existing files.

A lock is an empty file beside the one that is locked; it ends with the process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from repviz.durable import named_errors, remove_abandoned
from repviz.errors import StoreError


@contextmanager
def reserved(path: str | Path, *beside: Path, overwrite: bool) -> Iterator[None]:
    """Within the block only this process writes the file ``path`` and the files ``beside`` it.

    Parameters
    ----------
    path : path
        The file that will be written. Its folder is created.
    *beside : Path
        What is written along with it, such as its card.
    overwrite : bool
        Whether files that already exist may be replaced. A folder never is.

    Raises
    ------
    StoreError
        One of them exists, another process writes ``path``, or the folder cannot be written.
    """
    path = Path(path)
    for file in (path, *beside):
        if file.is_dir():
            raise StoreError(
                f"{file}: a file must be written here, and this is a folder. Choose another name."
            )
    with locked_file(path):
        for file in (path, *beside):
            if not overwrite and (file.exists() or file.is_symlink()):
                raise StoreError(
                    f"{file}: this file already exists and would be overwritten. Choose another "
                    "name, or allow it: overwrite=True (--overwrite)."
                )
            remove_abandoned(file)
        yield


@contextmanager
def locked_file(path: str | Path, *, wait: bool = False) -> Iterator[None]:
    """Within the block no other process can lock the file ``path``, whether it exists or not.

    Parameters
    ----------
    path : path
        The file.
    wait : bool
        Whether to wait for another process that holds it; else it is an error.

    Raises
    ------
    StoreError
        Another process holds it, or its folder cannot be written.
    """
    path = Path(path)
    lock = path.with_name(f".{path.name}.repviz.lock")
    handle = None
    try:
        with named_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            while handle is None:
                handle = _held(lock, wait)
                if handle is None and not wait:
                    raise StoreError(
                        f"{path}: only one process at a time may write to this file, and another "
                        "one is writing to it. Wait until it ends, or choose another file."
                    )
        try:
            yield
        finally:
            if not os.fstat(handle).st_size:  # what is not empty is no lock of ours
                lock.unlink(missing_ok=True)
    finally:
        if handle is not None:
            os.close(handle)


def _held(lock: Path, wait: bool) -> int | None:
    """The open and locked file ``lock``; None where another process holds or has removed it."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        if os.path.samestat(os.fstat(handle), lock.stat()):
            return handle
    os.close(handle)
    return None
