"""Computing the shards of an extraction: images through the network, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repviz import progress
from repviz.activations import layout, writer
from repviz.activations.batch_writer import BatchWriter
from repviz.activations.capture import Capture
from repviz.activations.pipeline import Batch, decode_ahead, written_behind
from repviz.activations.reduction import LayerReduction
from repviz.errors import ImageError, InputError, Mismatch
from repviz.images.collection import Images
from repviz.models.device import describe
from repviz.models.model import Model


class Buffers:
    """Preallocated memory for one batch's reduced activations, one tensor per stored layer."""

    def __init__(
        self, manifest: dict[str, Any], reduced: dict[str, LayerReduction], pinned: bool
    ) -> None:
        self.size, self.places = 0, slice(0)
        self.cards = manifest["layers"]
        self.reduced: dict[str, dict[str, LayerReduction]] = {}  # layer -> stored name -> reduction
        for name, one in reduced.items():
            self.reduced.setdefault(one.layer.name, {})[name] = one
        self.tensors = {
            name: _empty((manifest["batch"], card["features"]), card["dtype"], pinned)
            for name, card in self.cards.items()
        }
        self.overflow: dict[str, Any] = {}

    def start(self, batch: Batch) -> None:
        """Prepare for the rows of ``batch``."""
        self.size, self.places, self.overflow = len(batch.pixels), batch.places, {}

    def keep(self, name: str, y: Tensor) -> None:
        """Reduce the output ``y`` of a layer and copy it to the buffer, the only copy made."""
        for stored, one in self.reduced[name].items():
            if tuple(y.shape) != (self.size, *one.layer.shape):
                raise InputError(
                    f"extract: layer '{name}' must have the same output shape for every image, got "
                    f"{tuple(y.shape)} for {self.size} images where one had {one.layer.shape}. "
                    "Leave it out."
                )
            value = one.reduction(y)[self.places]
            target = self.tensors[stored][: len(value)]
            target.view(value.shape).copy_(value, non_blocking=True)
            if target.dtype == torch.float16:
                self.overflow[stored] = (value.half().isinf() & value.isfinite()).sum()

    def blocks(self) -> dict[str, np.ndarray]:
        """The rows (m, d) of each layer."""
        rows = self.places.stop - self.places.start
        return {name: tensor[:rows].numpy() for name, tensor in self.tensors.items()}


def _empty(shape: tuple[int, int], dtype: str, pinned: bool) -> Tensor:
    if pinned:
        return torch.empty(shape, dtype=getattr(torch, dtype), pin_memory=True)
    # numpy allocates huge pages and torch does not; writes to page-aligned memory are fastest.
    room = np.empty(prod(shape) * np.dtype(dtype).itemsize + layout.PAGE, np.uint8)
    start = -room.ctypes.data % layout.PAGE
    return torch.from_numpy(room[start:][: len(room) - layout.PAGE].view(dtype).reshape(shape))


def fill(
    path: Path,
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    reduced: dict[str, LayerReduction],
    numbers: Iterable[int],
    *,
    strict: bool,
) -> None:
    """Compute the shards ``numbers``, each from the last batch that an earlier process saved.

    A shard that was left on another device is computed anew.

    Where there is more than one batch all are filled up to the same size, so that no row depends
    on how many there are.
    """
    device = device_of(model)
    name = describe(device)
    begun = manifest.get("device", name)
    found = {number: writer.saved_record(path, manifest, number) for number in numbers}
    saved = {
        number: record
        for number, record in found.items()
        if record and record.get("device", begun) == name  # a shard is of one device
    }
    check_contents(path, images, manifest, saved)
    spans = []
    for number in found:
        start = layout.shard_rows(manifest, number).start
        done = saved[number]["rows"] if number in saved else 0
        spans += [rows for rows in layout.batches(manifest, number) if rows.start - start >= done]
    if spans and name != begun:
        progress.say(f"{path}: begun on {begun}, continued on {name}, which rounds otherwise.")
    n, size, first = len(images), manifest["batch"], layout.first_row(manifest)
    about = {} if name == begun else {"device": name}
    # Two sets: one is written while the other is filled.
    buffers = [Buffers(manifest, reduced, device.type == "cuda") for _ in range(2 * bool(spans))]
    filled = size if first + n > size else None
    ahead = decode_ahead(
        images, model.preprocessing, spans, strict=strict, filled=filled, first=first
    )
    with progress.task("extract", n) as advance, ExitStack() as stack:
        stack.callback(ahead.close)
        shards = stack.enter_context(BatchWriter(path, manifest, saved, about))
        put = stack.enter_context(written_behind())
        shards.kept = n - sum(map(len, spans))
        advance(shards.kept)
        for turn, batch in enumerate(ahead):
            here = buffers[turn % 2]
            here.start(batch)
            capture.keep = here.keep
            capture(model.preprocessing.normalise(batch.pixels.to(device, non_blocking=True)))
            if device.type != "cpu":
                torch.accelerator.synchronize(device)
            overflow = {name: int(count) for name, count in here.overflow.items()}
            put(shards.write, batch, here.blocks(), overflow)
            advance(len(batch.rows))


def check_contents(
    path: Path, images: Images, manifest: dict[str, Any], records: dict[int, dict[str, Any]]
) -> None:
    """Refuse images whose contents are no longer those that ``records`` of shards list."""
    changed = []
    for number, record in records.items():
        start = layout.shard_rows(manifest, number).start
        for row, before in enumerate(record["hashes"], start):
            try:
                now = images.content_hash(row)
            except ImageError:
                continue  # the activations of an image that was deleted since remain valid
            if now != before:
                changed.append(images.where(row))
    if changed:
        raise Mismatch(
            f"{path}: the images must be those that this folder was extracted from, but "
            f"{len(changed)} have changed since, '{changed[0]}' first. Choose another folder, or "
            "delete this one."
        )


def device_of(model: Model) -> torch.device:
    """The device on which the model's weights lie."""
    return next((value.device for value in model.module.parameters()), torch.device("cpu"))
