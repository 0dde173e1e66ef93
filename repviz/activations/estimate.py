"""Estimating the disk space, memory and time of an extraction before it starts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from repviz import checks, memory
from repviz.activations import layout
from repviz.activations.ablation import Ablation
from repviz.activations.capture import Capture
from repviz.activations.extraction import DTYPES, dry_run, manifest_of
from repviz.activations.filling import Buffers, device_of
from repviz.activations.pipeline import AHEAD, Batch, decode_ahead
from repviz.activations.reduction import Components, Reduce, reductions
from repviz.images import as_images
from repviz.models.device import AUTO, placed
from repviz.models.model import Model, evaluating
from repviz.models.opening import as_model


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of an extraction on this machine.

    Attributes
    ----------
    images, layers : int
        How many there are.
    disk : int
        Bytes of the matrices, exact; index and checksums add some hundred bytes per image.
    memory : int
        Bytes: the peak of this process after one batch, and the batches that are decoded ahead and
        written behind. Within a factor of about two.
    seconds : float
        Wall time, from one batch that was measured; of all parts together. Within a factor of about
        two, where other programs leave the machine alone.
    batch : int
        Images per batch.
    shards : int
        Into how many parts the work can be divided (``part=``).
    """

    images: int
    layers: int
    disk: int
    memory: int
    seconds: float
    batch: int
    shards: int

    def __str__(self) -> str:
        minutes, rate = self.seconds / 60, self.images / self.seconds
        wait = f"{self.seconds:.0f} s" if minutes < 2 else f"{minutes:,.0f} min"
        return (
            f"{self.images:,} images, {self.layers} layers: {self.disk:,} bytes on disk, about "
            f"{self.memory / 1e9:.1f} GB of memory and {wait} ({rate:,.1f} images/s), in at most "
            f"{self.shards:,} parts"
        )


def estimate_extraction(
    model: Model | nn.Module | str,
    images: Any,
    layers: Iterable[str] | str | None = None,
    reduce: Reduce = "none",
    *,
    ablate: Mapping[str, str] | None = None,
    batch: int | None = None,
    dtype: str = "float32",
    seed: int = 0,
) -> Estimate:
    """Bytes, memory and time of :func:`repviz.extract` with the same parameters; writes nothing.

    Two batches are decoded and passed, of which the second is timed.

    Raises
    ------
    InputError
        As in :func:`repviz.extract`.
    """
    default = AUTO if isinstance(model, str) else None
    model, images = as_model("estimate", model), as_images(images)
    checks.one_of("estimate", "type of number", dtype, DTYPES)
    names = model.layers if layers is None else checks.as_list(layers)
    with (
        placed("estimate", model.module, default=default),
        evaluating(model.module),
        Ablation(model.module, {} if ablate is None else ablate) as ablation,
        Capture(model.module, names) as capture,
    ):
        reduced = reductions(dry_run(model, capture), reduce, seed)
        manifest = manifest_of(model, images, reduced, batch, dtype, seed)
        size, n = manifest["batch"], len(images)
        first = range(min(size, n))
        second = range(size, min(2 * size, n)) or first
        buffers = Buffers(manifest, reduced, pinned=False)
        for span in (first, second):
            start = time.perf_counter()
            (decoded,) = decode_ahead(images, model.preprocessing, [span], filled=len(first))
            _pass(model, capture, buffers, decoded)
            seconds = time.perf_counter() - start
    passes = 1 + any(isinstance(one.reduction, Components) for one in reduced.values())
    passes += bool(ablation.averaged)
    waiting = sum(tensor.nbytes for tensor in buffers.tensors.values())
    waiting += AHEAD * decoded.pixels.nbytes
    return Estimate(
        n,
        len(reduced),
        bytes_of_matrices(manifest),
        memory.peak_bytes() + waiting,
        passes * -(-n // size) * seconds,
        size,
        layout.shards(manifest),
    )


def bytes_of_matrices(manifest: dict[str, Any]) -> int:
    """The size of all files of the layers: each has a page before its numbers."""
    n, files = manifest["images"]["n"], layout.shards(manifest)
    return sum(
        files * layout.PAGE + n * card["features"] * np.dtype(card["dtype"]).itemsize
        for card in manifest["layers"].values()
    )


def _pass(model: Model, capture: Capture, buffers: Buffers, batch: Batch) -> None:
    device = device_of(model)
    buffers.start(batch)
    capture.keep = buffers.keep
    capture(model.preprocessing.normalise(batch.pixels.to(device)))
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
