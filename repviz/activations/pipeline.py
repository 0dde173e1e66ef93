"""Three things at once: images are decoded, the network works, and what it gave is written."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from repviz import provenance
from repviz.errors import ImageError
from repviz.images.collection import Images
from repviz.models.model import Preprocessing

AHEAD = 2  # batches that are decoded before they are needed
TOGETHER = 8  # images that a thread decodes before it looks for new work


@dataclass
class Batch:
    """Some images as the network takes them, and what became of each.

    Attributes
    ----------
    rows : range
        Which images.
    pixels : Tensor of uint8, (b, c, h, w), channels last in memory
        Black where an image is unreadable.
    hashes : list of str
        The SHA-256 of each image's bytes; "" where they could not be read.
    unreadable : dict of int to str
        For each row whose image could not be read, why not.
    """

    rows: range
    pixels: Tensor
    hashes: list[str]
    unreadable: dict[int, str] = field(default_factory=dict)


def decode_ahead(
    images: Images,
    preprocessing: Preprocessing,
    spans: Iterable[range],
    *,
    threads: int | None = None,
    strict: bool = False,
) -> Generator[Batch, None, None]:
    """The batches ``spans`` of ``images``, in order, each decoded before it is asked for.

    Parameters
    ----------
    images : Images
        Where they are from.
    preprocessing : Preprocessing
        To which size and channels they are brought.
    spans : iterable of range
        The rows of each batch.
    threads : int, optional
        How many decode; as many as there are processors, at most 16, if left out.
    strict : bool
        Whether an unreadable image is an error.

    Raises
    ------
    ImageError
        An image is unreadable, and ``strict``.
    """
    spans, waiting = iter(spans), deque[tuple[Batch, list[Future[None]]]]()
    pool = ThreadPoolExecutor(threads or min(processors(), 16), "decode")

    def start() -> None:
        for rows in spans:
            shape = (len(rows), *preprocessing.size, preprocessing.channels)
            pixels = torch.zeros(shape, dtype=torch.uint8).permute(0, 3, 1, 2)
            batch = Batch(rows, pixels, [""] * len(rows))
            parts = [range(start, stop) for start, stop in _parts(len(rows), TOGETHER)]
            waiting.append(
                (batch, [pool.submit(_decode, images, preprocessing, batch, p) for p in parts])
            )
            break

    try:
        for _ in range(AHEAD):
            start()
        while waiting:
            batch, parts = waiting.popleft()
            for part in parts:
                part.result()
            if strict and batch.unreadable:
                raise ImageError(batch.unreadable[min(batch.unreadable)])
            start()
            yield batch
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def written_behind() -> Iterator[Callable[..., None]]:
    """What is called goes on in a thread while the caller works; one call at a time.

    ``put(function, *arguments)`` waits for the call before it, and raises what that one raised; so
    does the end of the block.
    """
    waiting: list[Future[None]] = []

    def put(function: Callable[..., None], *arguments: object) -> None:
        while waiting:
            waiting.pop().result()
        waiting.append(pool.submit(function, *arguments))

    with ThreadPoolExecutor(1, "write") as pool:
        yield put
        while waiting:
            waiting.pop().result()


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _decode(images: Images, preprocessing: Preprocessing, batch: Batch, places: range) -> None:
    for place in places:
        row = batch.rows[place]
        try:
            stored = images.stored_bytes(row)
            batch.hashes[place] = provenance.sha256(stored)
            pixels = images.decode(row, stored)
            if min(pixels.strides) < 0 or not pixels.flags.writeable:  # torch takes neither
                pixels = pixels.copy()
            batch.pixels[place] = preprocessing.fit(torch.from_numpy(pixels)[None])[0]
        except ImageError as error:
            batch.unreadable[row] = str(error)


def _parts(length: int, step: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + step, length)) for start in range(0, length, step))


def nan_rows(matrix: np.ndarray, batch: Batch) -> None:
    """Mark the rows (of this batch) whose image could not be read."""
    if batch.unreadable:
        matrix[[row - batch.rows.start for row in batch.unreadable]] = np.nan
