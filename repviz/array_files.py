"""What reading a damaged ``.npy`` or ``.npz`` file can raise."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib

# numpy parses the header as Python text and passes on what Python, zipfile and mmap raise.
UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, EOFError, RuntimeError, MemoryError),
    *(ArithmeticError, SyntaxError, tokenize.TokenError),
    *(struct.error, zlib.error, zipfile.BadZipFile),
)
