"""Looking up and reading image and array files: regular files of bounded size only."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from repviz.errors import ImageError, escaped

MAX_BYTES = 512 * 2**20  # of an image file
_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def kind_of(path: Path) -> str:
    """What ``path`` is: "a file", "a folder", "nothing", or why it cannot be read."""
    try:
        return _KINDS[stat.S_IFMT(path.stat().st_mode)]
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except OSError as error:
        return f"'{error.strerror}'"
    except ValueError:
        return "a name with a zero byte"


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of at most 512 MiB; pipes and devices are not waited for.

    Raises
    ------
    ImageError
        It cannot be read, is no regular file, or is larger.
    """
    where = printable(str(path))
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            kind = _KINDS[stat.S_IFMT(status.st_mode)]
            if kind != "a file":
                raise ImageError(
                    f"{where}: an image must be a regular file, got {kind}. Leave it out."
                )
            if status.st_size > MAX_BYTES:
                raise ImageError(
                    f"{where}: an image file must be at most {MAX_BYTES:,} bytes, got "
                    f"{status.st_size:,}. Leave it out."
                )
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or error
        raise ImageError(
            f"{where}: the file must be readable, got '{reason}'. Restore it or leave it out."
        ) from error


def open_if_regular(path: Path) -> BinaryIO | None:
    """A regular file, opened to be read; None for anything else."""
    try:
        file = open(path, "rb", opener=_open_without_waiting)  # noqa: SIM115  the caller closes it
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    return None


def printable(name: str) -> str:
    """A file name as text to print and store.

    Bytes that are no UTF-8, and control characters (which a terminal would obey), become backslash
    codes.
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return escaped(text)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
