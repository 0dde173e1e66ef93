"""A file of known size, written block by block from the start, with a running checksum."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np

from repviz import durable, provenance
from repviz.activations.layout import PAGE

CHUNK = 1 << 20  # bytes per write, still in the processor's cache after the checksum
LARGE = 4 * CHUNK  # larger blocks bypass the system's page cache where possible
DIRECT = getattr(os, "O_DIRECT", 0)  # Linux


class PreallocatedFile:
    """A new file ``path`` of ``size`` bytes; :meth:`append` fills it.

    Its space is allocated at once: that is cheaper, and a full disk is detected early.

    Attributes
    ----------
    filled : int
        Number of bytes written so far.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.filled = path, 0
        self._sum = provenance.checksum()
        with open(path, "wb") as new:
            if hasattr(os, "posix_fallocate") and size:
                os.posix_fallocate(new.fileno(), 0, size)

    @classmethod
    def reopened(cls, path: Path, filled: int) -> PreallocatedFile:
        """The file that an earlier process filled up to ``filled`` bytes, which are summed anew."""
        file = cls.__new__(cls)
        file.path, file.filled, file._sum = path, 0, provenance.checksum()
        with durable.open_regular(path) as opened:
            while file.filled < filled and (chunk := opened.read(min(CHUNK, filled - file.filled))):
                file._sum.update(chunk)
                file.filled += len(chunk)
        return file

    def append(self, data: bytes | memoryview) -> None:
        """Write the next bytes."""
        view = memoryview(data).cast("B")
        n_direct = self._n_direct(view)
        if n_direct and not self._write(view[:n_direct], DIRECT):
            n_direct = 0
        self._write(view[n_direct:])

    def checksum(self) -> str:
        """The :func:`repviz.provenance.checksum` of all that was appended."""
        return self._sum.hexdigest()

    def _n_direct(self, view: memoryview) -> int:
        """Number of bytes that can be written directly, without a copy in the system's cache.

        That copy is most of what writing costs the processor. Direct writes need full pages, which
        the wide layers of a network fill when a batch holds a multiple of 8 or 32 images.
        """
        if len(view) < LARGE or self.filled % PAGE or not DIRECT:
            return 0
        address = np.frombuffer(view, np.uint8).ctypes.data
        return 0 if address % PAGE else len(view) - len(view) % PAGE

    def _write(self, view: memoryview, flags: int = 0) -> bool:
        """Whether ``view`` was written with ``flags``, which a file system may not support."""
        # Opened for each block: a network may have more layers than a process may open files.
        try:
            file = os.open(self.path, os.O_WRONLY | flags)
        except OSError as error:
            if flags and error.errno == errno.EINVAL:
                return False
            raise
        try:
            for start in range(0, len(view), CHUNK):
                chunk = view[start : start + CHUNK]
                self._sum.update(chunk)
                while len(chunk):  # a write may be partial
                    written = os.pwrite(file, chunk, self.filled)
                    self.filled, chunk = self.filled + written, chunk[written:]
        finally:
            os.close(file)
        return True
