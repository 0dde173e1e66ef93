"""A file of known size, filled from the front block by block and summed on the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np

from repviz import provenance
from repviz.activations.layout import PAGE

PIECE = 1 << 20  # bytes at a time: summed, they are still in the processor's cache when written
LARGE = 4 * PIECE  # a block from here on is written past the system's cache, where it can be
DIRECT = getattr(os, "O_DIRECT", 0)  # Linux


class PreallocatedFile:
    """A new file ``path`` of ``size`` bytes; :meth:`append` fills it.

    Its room is asked for at once: that is cheaper, and a full disk is known before work is done.

    Attributes
    ----------
    filled : int
        How many bytes are written.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.filled = path, 0
        self._sum = provenance.checksum()
        with open(path, "wb") as new:
            if hasattr(os, "posix_fallocate") and size:
                os.posix_fallocate(new.fileno(), 0, size)

    def append(self, data: bytes | memoryview) -> None:
        """Write the next bytes."""
        view = memoryview(data).cast("B")
        past = self._past_the_cache(view)
        if past and not self._write(view[:past], DIRECT):
            past = 0
        self._write(view[past:])

    def checksum(self) -> str:
        """The :func:`repviz.provenance.checksum` of all that was appended."""
        return self._sum.hexdigest()

    def _past_the_cache(self, view: memoryview) -> int:
        """How many bytes may go from here to the disk with no copy in the system's cache.

        That copy is most of what writing costs the processor. The disk asks for whole pages, which
        a network's wide layers fill when a batch holds a multiple of 8 or 32 images.
        """
        if len(view) < LARGE or self.filled % PAGE or not DIRECT:
            return 0
        address = np.frombuffer(view, np.uint8).ctypes.data
        return 0 if address % PAGE else len(view) - len(view) % PAGE

    def _write(self, view: memoryview, how: int = 0) -> bool:
        """Whether ``view`` was written, in the way ``how``, which a file system may not know."""
        # Opened for each block: a network may have more layers than a process may open files.
        try:
            file = os.open(self.path, os.O_WRONLY | how)
        except OSError as error:
            if how and error.errno == errno.EINVAL:
                return False
            raise
        try:
            for start in range(0, len(view), PIECE):
                piece = view[start : start + PIECE]
                self._sum.update(piece)
                while len(piece):  # the system may take less than it is given
                    done = os.pwrite(file, piece, self.filled)
                    self.filled, piece = self.filled + done, piece[done:]
        finally:
            os.close(file)
        return True
