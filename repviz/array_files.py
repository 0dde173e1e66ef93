"""Arrays in .npy files, mapped into memory."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np


def header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array in a .npy file, read from its header.

    Raises
    ------
    ValueError
        Values of this type have no size, or the shape is none. numpy may raise others: see
        :data:`repviz.durable.UNREADABLE`.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if not dtype.itemsize or min(shape, default=0) < 0:
        raise ValueError(f"an array of shape {shape} of values of {dtype.itemsize} bytes")
    return shape, dtype


def mapped(path: str | Path) -> np.ndarray:
    """The array of a .npy file, as a read-only memory map.

    The header is looked at first: numpy divides by the size of a value, and where a header says
    that it is 0 the processor ends the process.

    Raises
    ------
    ValueError
        The file holds no such array, or Python objects; others as of :func:`header`.
    """
    with open(path, "rb") as file:
        header(file)
    return np.lib.format.open_memmap(path, mode="r")
