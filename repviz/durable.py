"""Atomic writing of files, complete or absent whatever kills the process, and checksummed records.

Everything that repviz writes goes through :func:`replacing`: to a temporary name in the same
folder, flushed to the disk, then renamed. A reader never sees half a file. Manifests and other JSON
records carry a checksum over their own content (:func:`write_record`, :func:`read_record`).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

from repviz import progress, provenance
from repviz.errors import Damaged, StoreError

CHECKSUM = "checksum"  # the entry of a record that holds the sum of all the others
# What systems answer where a folder, opened for reading, cannot be locked.
NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
RESTORE = "Restore it from a copy, or create the folder again."
MOST_JSON = 256 * 2**20  # bytes of a JSON file that are read
# What reading a damaged .npy or .npz file can raise: numpy parses the header as Python text, and
# passes on what Python, zipfile and mmap raise.
UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, EOFError, RuntimeError, MemoryError),
    *(ArithmeticError, SyntaxError, tokenize.TokenError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)
# The temporary name of a file: its own name, the process that writes it, and an ending of ours.
TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)\.repviz\.tmp")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to, which is renamed to ``path`` when the block succeeds.

    The block may also make a folder there, if nothing is called ``path`` yet.

    Raises
    ------
    StoreError
        The disk is full, or the folder cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        with named_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            for file in [*temporary.rglob("*"), temporary]:
                flush(file)
            os.replace(temporary, path)
            flush(path.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        elif temporary.exists():
            temporary.unlink()


def publish(temporary: Path, path: Path) -> None:
    """Give a complete file its name ``path``: flushed to the disk, then renamed."""
    with named_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        flush(temporary)
        os.replace(temporary, path)
        flush(path.parent)


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Within the block an OSError becomes one sentence about ``path``, a StoreError."""
    try:
        yield
    except OSError as error:
        raise _sentence(path, error) from error


@contextmanager
def locked(folder: str | Path, *, shared: bool = False) -> Iterator[None]:
    """Within the block no other process can lock ``folder``; a killed process releases it.

    Where ``shared``, others may, if they share it too. On a file system that has no locks of
    folders (NFS, Lustre without them) one line says so, and nothing is locked.

    Raises
    ------
    StoreError
        Another process holds it, or it cannot be created.
    """
    folder = Path(folder)
    with named_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                f"{folder}: only one process at a time may write to this folder, and another one "
                "is writing to it. Wait until it ends, or choose another folder."
            ) from error
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            progress.say(
                f"{folder}: this file system cannot lock folders, so make sure that no other "
                "process writes to it."
            )
        yield
    finally:
        os.close(handle)


def leftovers(folder: str | Path) -> list[Path]:
    """The temporary files under ``folder`` that killed processes left behind.

    Only names that :func:`replacing` gives count. Delete them only in a folder that is proved to be
    one of ours, and locked.
    """
    return [
        path
        for path in Path(folder).rglob(".*.repviz.tmp")
        if TEMPORARY.fullmatch(path.name) and _is_regular(path)
    ]


def foreign_files(folder: str | Path) -> list[str]:
    """Names of a user's files in a folder without a manifest, sorted; empty if it is absent.

    A run that was killed before it wrote its manifest leaves the temporary file of that, or its
    lock, and nothing else. Nothing is changed.
    """
    folder = Path(folder)
    if not folder.exists():
        return []
    if not folder.is_dir():
        return [folder.name]
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.name != ".manifest.json.repviz.lock"
        and not ((name := TEMPORARY.fullmatch(path.name)) and name["name"] == "manifest.json")
    )


def remove_abandoned(path: str | Path) -> None:
    """Delete the temporary files of killed processes that were writing ``path`` itself."""
    path = Path(path)
    for found in path.parent.glob(".*.repviz.tmp"):
        name = TEMPORARY.fullmatch(found.name)
        if name is None or name["name"] != path.name or _runs(int(name["process"])):
            continue
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        else:
            found.unlink()


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, with codes for what that cannot hold, all or nothing."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_record(path: str | Path, record: dict[str, Any]) -> None:
    """Write ``record`` to ``path`` as JSON with a checksum over itself, all or nothing.

    Entries keep their order. Values that are equal as JSON have the same checksum, so a file may be
    indented anew by an editor.
    """
    record = {name: value for name, value in record.items() if name != CHECKSUM}
    text = json.dumps({**record, CHECKSUM: _sum(record)}, indent=1, ensure_ascii=False)
    # Names that are no UTF-8 come from the system as lone surrogates, which JSON can escape.
    write_bytes(path, (text + "\n").encode("utf-8", "backslashreplace"))


def read_record(path: str | Path) -> dict[str, Any]:
    """The JSON object in ``path``, verified by its checksum where it has one.

    Files of older releases have none: whoever knows the version asks for the entry "checksum".

    Raises
    ------
    Damaged
        The file is missing, is no regular file, is no JSON object, or has another content than was
        written.
    """
    record = read_json(path)
    if not isinstance(record, dict):
        raise Damaged(f"{path}: this file must hold a JSON object, got {_kind(record)}. {RESTORE}")
    content = {name: value for name, value in record.items() if name != CHECKSUM}
    if CHECKSUM in record and record[CHECKSUM] != _sum(content):
        raise Damaged(f"{path}: the content of this file does not match its checksum. {RESTORE}")
    return record


def check_fields(path: str | Path, record: dict[str, Any], fields: Mapping[str, type]) -> None:
    """Refuse a record from ``path`` that lacks one of ``fields``, or holds another type there.

    Raises
    ------
    Damaged
        The message names the file and the entry.
    """
    for name, kind in fields.items():
        good = isinstance(record.get(name), kind)
        if not good or (kind is int and isinstance(record[name], bool)):
            got = _kind(record[name]) if name in record else "no such entry"
            raise Damaged(
                f"{path}: the entry '{name}' must be {_KINDS[kind]}, got {got}. {RESTORE}"
            )


def read_json(path: str | Path) -> Any:
    """The value that the JSON file ``path`` holds.

    Raises
    ------
    Damaged
        The file is missing, is no regular file, is larger than 256 MiB, or is not JSON.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST_JSON:
                raise Damaged(
                    f"{path}: this file must be at most {MOST_JSON >> 20} MiB, got {size >> 20}. "
                    f"{RESTORE}"
                )
            return json.loads(file.read().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = "is not readable JSON"
        if isinstance(error, FileNotFoundError):
            reason = "is missing"
        elif isinstance(error, OSError):
            reason = f"cannot be read ('{error.strerror or error}')"
        raise Damaged(f"{path}: this file {reason}. {RESTORE}") from error


@contextmanager
def open_regular(path: str | Path) -> Iterator[BufferedReader]:
    """A regular file, opened for reading; a pipe or a device, which could block, is refused.

    Raises
    ------
    OSError
        It cannot be opened, or is no regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        yield file


def contained(folder: str | Path, relative: Any) -> Path:
    """The path of a file that a manifest in ``folder`` lists; outside of it is refused.

    Raises
    ------
    Damaged
        ``relative`` is no text, is absolute, holds ``..``, or leads out of the folder by a link.
    """
    folder = Path(folder)
    if isinstance(relative, str) and relative and "\0" not in relative:
        parts = PurePosixPath(relative)
        path = folder / parts
        if not (parts.is_absolute() or ".." in parts.parts) and (
            path.resolve().is_relative_to(folder.resolve())
        ):
            return path
    raise Damaged(
        f"{folder}: the manifest must list files inside this folder, got {relative!r}. {RESTORE}"
    )


def changed_files(folder: str | Path, sums: dict[str, str]) -> list[tuple[str, str]]:
    """The listed files (relative path to SHA-256) that are changed or missing, with the reason.

    Raises
    ------
    Damaged
        A listed path leads out of the folder.
    """
    wrong = []
    for relative, expected in sums.items():
        path = contained(folder, relative)
        if not path.exists():
            wrong.append((relative, "is missing"))
        elif not _is_regular(path):
            wrong.append((relative, "is no regular file"))
        elif provenance.file_sha256(path) != expected:
            wrong.append((relative, "was changed since it was written"))
    return wrong


_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _kind(value: Any) -> str:
    return _KINDS[type(value)]


def _sum(record: dict[str, Any]) -> str:
    """The checksum of a record's values, whatever their layout in the file."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    # Read again first: a tuple is a list in the file, and the number 1 as a key is the text "1".
    text = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    return provenance.checksum(text.encode()).hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.repviz.tmp")


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def flush(path: Path) -> None:
    """Wait until the file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sentence(path: Path, error: OSError) -> StoreError:
    full = "Free some space and run again: what is finished is kept"
    denied = "permission was denied. Choose a folder that you can write to"
    reasons = {
        errno.ENOSPC: f"the disk is full. {full}",
        errno.EDQUOT: f"the disk quota is used up. {full}",
        errno.EROFS: "the disk is read-only. Choose another folder",
        errno.EACCES: denied,
        errno.EPERM: denied,
        errno.ENOTDIR: "a part of this path is a file, not a folder. Choose another folder",
        errno.EEXIST: "a file with this name already exists. Choose another folder",
        errno.ENAMETOOLONG: "its name is too long. Choose a shorter name",
    }
    reason = reasons.get(error.errno or 0, f"got '{error.strerror or error}'")
    return StoreError(f"{path}: cannot be written: {reason}.")
