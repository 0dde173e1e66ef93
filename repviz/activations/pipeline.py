"""Concurrency of an extraction: images are decoded and results written during the forward pass."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from repviz import provenance
from repviz.cores import usable_cores
from repviz.errors import ImageError
from repviz.images.collection import Images
from repviz.models.model import Preprocessing
from repviz.reading import ReadingThreads, read

AHEAD = 2  # batches decoded ahead
CHUNK = 8  # images per task of a decoding thread


@dataclass
class Batch:
    """A batch of decoded images, sized for the network, and which of them could be read.

    Attributes
    ----------
    rows : range
        Numbers of the images.
    pixels : Tensor of uint8, (b, c, h, w), channels last in memory
        Black where an image is unreadable, and before and after the images where b is larger than
        their number.
    hashes : list of str
        The SHA-256 of each image's bytes; "" where they could not be read.
    unreadable : dict of int to str
        Row number to the reason, for each image that could not be read.
    start : int
        Place of the first image in ``pixels``.
    being_read : dict of int to float
        Row numbers of the images that threads are reading, and since when.
    """

    rows: range
    pixels: Tensor
    hashes: list[str]
    unreadable: dict[int, str] = field(default_factory=dict)
    start: int = 0
    being_read: dict[int, float] = field(default_factory=dict)

    @property
    def places(self) -> slice:
        """The rows of ``pixels`` that hold the images."""
        return slice(self.start, self.start + len(self.rows))


def decode_ahead(
    images: Images,
    preprocessing: Preprocessing,
    spans: Iterable[range],
    *,
    threads: int | None = None,
    strict: bool = False,
    filled: int | None = None,
    first: int = 0,
) -> Generator[Batch, None, None]:
    """Iterator over the batches ``spans`` of ``images``, decoded ahead by background threads.

    Parameters
    ----------
    images : Images
        The images.
    preprocessing : Preprocessing
        Size and channels of the pixels.
    spans : iterable of range
        The rows of each batch.
    threads : int, optional
        Number of decoding threads; by default one per processor, at most 16.
    strict : bool
        Whether an unreadable image is an error.
    filled : int, optional
        Size of every batch, those with fewer images filled up with black ones; as many as there are
        images if left out.
    first : int
        Images before row 0, which count where a filled batch begins.

    Raises
    ------
    ImageError
        An image is unreadable, and ``strict``.
    """
    spans, waiting = iter(spans), deque[tuple[Batch, list[Future[None]]]]()

    def start() -> None:
        for rows in spans:
            shape = (filled or len(rows), *preprocessing.size, preprocessing.channels)
            pixels = torch.zeros(shape, dtype=torch.uint8).permute(0, 3, 1, 2)
            start_at = (first + rows.start) % filled if filled else 0
            batch = Batch(rows, pixels, [""] * len(rows), start=start_at)
            chunks = [range(at, min(at + CHUNK, len(rows))) for at in range(0, len(rows), CHUNK)]
            waiting.append(
                (
                    batch,
                    [
                        pool.submit(_decode, images, preprocessing, batch, places)
                        for places in chunks
                    ],
                )
            )
            break

    with ReadingThreads(threads or min(usable_cores(), 16)) as pool:
        for _ in range(AHEAD):
            start()
        while waiting:
            batch, tasks = waiting.popleft()
            for task in tasks:
                read(task, partial(_being_read, images, batch))
            if strict and batch.unreadable:
                raise ImageError(batch.unreadable[min(batch.unreadable)])
            start()
            yield batch


def _being_read(images: Images, batch: Batch) -> tuple[str, float]:
    """The image of a batch that a thread has been reading for longest, and since when."""
    started = min(((since, row) for row, since in list(batch.being_read.items())), default=None)
    since, row = started or (time.monotonic(), batch.rows.start)
    return provenance.portable(images.where(row)), since


@contextmanager
def written_behind() -> Iterator[Callable[..., None]]:
    """Run calls in a background thread, one at a time, while the caller continues.

    ``put(function, *arguments)`` waits for the previous call and raises what that one raised; so
    does the end of the block.
    """
    waiting: list[Future[None]] = []

    def put(function: Callable[..., None], *arguments: object) -> None:
        while waiting:
            waiting.pop().result()
        # The thread reports progress to whoever the caller reports to.
        waiting.append(pool.submit(copy_context().run, function, *arguments))

    with ThreadPoolExecutor(1, "write") as pool:
        yield put
        while waiting:
            waiting.pop().result()


def _decode(images: Images, preprocessing: Preprocessing, batch: Batch, places: range) -> None:
    for place in places:
        row = batch.rows[place]
        batch.being_read[row] = time.monotonic()
        try:
            stored = images.stored_bytes(row)
            batch.hashes[place] = provenance.sha256(stored)
            pixels = images.decode(row, stored)
            if min(pixels.strides) < 0 or not pixels.flags.writeable:  # torch takes neither
                pixels = pixels.copy()
            batch.pixels[batch.start + place] = preprocessing.fit(torch.from_numpy(pixels)[None])[0]
        except ImageError as error:
            where = images.where(row)
            batch.unreadable[row] = str(error).replace(where, provenance.portable(where))
        del batch.being_read[row]


def nan_rows(matrix: np.ndarray, batch: Batch) -> None:
    """Set to NaN the rows of ``matrix`` (one per image of the batch) that could not be read."""
    if batch.unreadable:
        matrix[[row - batch.rows.start for row in batch.unreadable]] = np.nan


def not_finite(matrix: np.ndarray) -> np.ndarray:
    """Indices of the rows of (m, d) that hold a NaN, or, except in float16, an infinity.

    What float16 cannot hold is counted as overflow instead. A row's sum is finite where its values
    are, short of overflow, so that few rows are examined value by value.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        suspects = np.flatnonzero(~np.isfinite(matrix.sum(axis=1, dtype=np.float32)))
    bad = np.isnan if matrix.dtype == np.float16 else lambda rows: ~np.isfinite(rows)
    return suspects[bad(matrix[suspects]).any(axis=1)]
