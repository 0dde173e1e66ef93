"""Files that are either wholly there or not there at all, whatever kills the process.

Everything that repviz keeps is written through :func:`replacing`: to a temporary name in the same
folder, flushed to the disk, then renamed. A reader never sees half a file.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from repviz.errors import Damaged, StoreError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to; it takes the name ``path`` when the block ends well.

    Raises
    ------
    StoreError
        The disk is full, or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with named_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _flush(temporary)
            os.replace(temporary, path)
            _flush(path.parent)
    finally:
        if temporary.exists():
            temporary.unlink()


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Within the block what the system says of ``path`` becomes one sentence, a StoreError."""
    try:
        yield
    except OSError as error:
        raise _sentence(path, error) from error


@contextmanager
def creating(path: str | Path) -> Iterator[Path]:
    """As :func:`replacing`, for something new that may be a file or a folder.

    Raises
    ------
    StoreError
        ``path`` is there already, the disk is full, or the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with named_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            yield temporary
            for file in [*temporary.rglob("*"), temporary]:
                _flush(file)
            os.replace(temporary, path)
            _flush(path.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        elif temporary.exists():
            temporary.unlink()


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Within the block no other process holds ``folder``; a killed process holds it no longer.

    Raises
    ------
    StoreError
        Another process holds it, or it cannot be made.
    """
    folder = Path(folder)
    with named_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{folder}: one process at a time must write this folder, and another one is at "
                "it. Wait until it ends, or choose another folder."
            ) from error
        yield
    finally:
        os.close(handle)


def leftovers(folder: str | Path) -> list[Path]:
    """The temporary files under ``folder`` that killed processes left behind."""
    return [path for path in Path(folder).rglob(".*.tmp") if path.is_file()]


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, all or nothing."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` to ``path`` as JSON, keys in their own order, all or nothing."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """What the JSON file ``path`` holds.

    Raises
    ------
    Damaged
        The file is missing, cannot be read, or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "is not readable JSON"
        raise Damaged(f"{path}: this file {reason}. Make the folder anew.") from error


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sentence(path: Path, error: OSError) -> StoreError:
    full = "Free some space and run again: what is finished is kept"
    denied = "permission was denied. Choose a folder that you may write"
    reasons = {
        errno.ENOSPC: f"the disk is full. {full}",
        errno.EDQUOT: f"the disk quota is used up. {full}",
        errno.EROFS: "the disk is read-only. Choose another folder",
        errno.EACCES: denied,
        errno.EPERM: denied,
        errno.ENOTDIR: "a part of this path is a file, not a folder. Choose another folder",
        errno.EEXIST: "a file of this name is in the way. Choose another folder",
    }
    reason = reasons.get(error.errno or 0, f"the system says '{error.strerror or error}'")
    return StoreError(f"{path}: cannot be written, {reason}.")
