"""From images to activations on disk: every layer asked for, in one pass over the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from repviz import checks, durable, progress
from repviz.activations import layout, writer
from repviz.activations.batch_writer import BatchWriter
from repviz.activations.capture import Capture, module_and_call
from repviz.activations.components import fit_components
from repviz.activations.pipeline import decode_ahead, written_behind
from repviz.activations.reduction import Layer, Reduction, axes_of, is_random, reductions
from repviz.activations.row_index import rows_of, warn_of_late, warn_of_rows
from repviz.activations.store import Activations
from repviz.activations.tokens import patch_grid
from repviz.errors import ImageError, InputError, Mismatch
from repviz.images import as_images, decoding
from repviz.images.collection import Images
from repviz.memory import recycled
from repviz.models.model import Model, evaluating, named_failure
from repviz.models.opening import as_model
from repviz.provenance import portable

SHARD_BYTES = 64 * 2**20  # of the widest layer, about
SHARD_ROWS = 4096  # at most: what a kill can cost where layers are narrow
BATCH, BATCH_BYTES = 32, 256 * 2**20  # unless a batch is given: so many images, fewer if too wide
MOST_ROWS = 65_536  # of a batch
DTYPES = ("float32", "float16")
FULL = (torch.float32, torch.float64)
# Of the largest value: how far an image's values may differ between batches, which round otherwise,
# in full precision on a CPU and elsewhere (bfloat16 has 8 bits).
AGREEMENT, COARSE_AGREEMENT = 1e-3, 0.02


def extract(
    model: Model | nn.Module | str,
    images: Any,
    *,
    layers: Iterable[str] | str | None = None,
    out: str | Path,
    batch: int | None = None,
    reduce: str | Mapping[str, str] = "none",
    dtype: str = "float32",
    strict: bool = False,
    seed: int = 0,
) -> Activations:
    """The activations of ``model`` for ``images``, an (n, d) matrix a layer, on disk.

    Interrupted, it goes on from the last finished part when called again in the same way. The same
    weights, images and batch on the same machine and threads give the same bytes.

    Parameters
    ----------
    model : Model, torch.nn.Module or str
        From :func:`repviz.open_model` or :func:`repviz.train`; a network that stands in memory, as
        it is; or a name to open.
    images : Images, str, or a sequence
        From :func:`repviz.open_images`; the name of a source; or what
        :func:`repviz.images_from` takes: a list of tensors or arrays, a torch ``Dataset``. The
        model's preprocessing brings them to its size.
    layers : str or iterable of str, optional
        Names, globs (``"features.*"``) or types (``"type:Conv2d"``) of layers; the model's own
        choice if left out.
    out : str or Path
        A new folder, or one from an interrupted call.
    batch : int, optional
        Images at a time, at least 1. Left out, 32, or fewer where those would fill over 256 MB.
    reduce : str or mapping of str to str
        What is kept of a layer, as in :data:`~repviz.activations.reduction.REDUCTIONS`:
        ``"mean"``, ``"grid:3"``; or for each layer or glob its own:
        ``{"conv*": "mean", "fc*": "none"}``, where the first that fits counts.
    dtype : str
        ``"float32"``, or ``"float16"``, which holds numbers up to 65,504 to three digits: what is
        beyond becomes infinite, is counted in the manifest's layers and warned of.
    strict : bool
        Whether an unreadable image ends the extraction. Otherwise its row is NaN, marked with the
        reason in ``rows``, and a warning names it.
    seed : int
        Of random projections; of no account otherwise.

    Raises
    ------
    UnknownName
        A layer or a reduction that there is not.
    InputError
        A reduction that a layer's shape does not allow, or a layer that does not give a row an
        image.
    ImageError
        An unreadable image, where ``strict``; or not one image was readable.
    Mismatch
        ``out`` holds activations that were made with other parameters or of other images.
    StoreError
        ``out`` holds something else, cannot be written, or another process writes it.
    """
    model = as_model("extract", model)
    if batch is not None:
        batch = checks.integer("extract", "batch", batch, low=1, high=MOST_ROWS)
    checks.one_of("extract", "type of number", dtype, DTYPES)
    seed = checks.seed("extract", seed)
    strict = checks.flag("extract", "strict", strict)
    images, path = as_images(images), checks.path("extract", "out", out)
    asked = model.layers if layers is None else checks.as_list(layers)
    with recycled(), evaluating(model.module), Capture(model.module, asked) as capture:
        seen = dry_run(model, capture)
        reduced = reductions(seen, reduce, seed)
        manifest = _manifest(model, images, seen, reduced, batch, dtype, seed)
        with durable.locked(path):
            manifest = writer.begin(path, manifest)
            done = layout.finished_shards(path, manifest)
            saved = writer.saved_record(path, manifest, done)
            _same_images(path, images, manifest, done, saved)
            fit_components(path, manifest, model, images, capture, reduced)
            _fill(path, manifest, model, images, capture, reduced, set(done), saved, strict)
            warn_of_late(capture)
            if len(done) < layout.shards(manifest) or not (path / "rows.parquet").is_file():
                writer.finish(path, rows_of(images, path, manifest))
    acts = Activations(path, manifest)
    warn_of_rows(acts)
    return acts


def dry_run(model: Model, capture: Capture, *, strict: bool = True) -> list[Layer]:
    """The shape that each layer gives for one image, found with two grey and three random images.

    Two batch sizes tell the axis of the images from others of the same length. Two of the random
    images are passed again, and must give the values that they gave beside the third.

    Raises
    ------
    InputError
        A layer that was named, or where ``strict`` any, does not give one row per image, or not the
        same row each time.
    """
    expected = model.preprocessing
    shape = (expected.channels, *expected.size)
    grey = torch.full((2, *shape), 128, dtype=torch.uint8)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (3, *shape), dtype=torch.uint8, generator=generator)
    with named_failure("extract", model):
        outputs = [capture(expected(x.to(device_of(model)))) for x in (grey, noise, noise[:2])]
    first, second = (
        {name: tuple(y.shape) if not y.is_complex() else () for name, y in output.items()}
        for output in outputs[:2]
    )
    parts = dict(model.module.named_modules(remove_duplicate=False))
    grid = patch_grid(model.module, expected.size)
    full = all(p.dtype in FULL and p.device.type == "cpu" for p in model.module.parameters())
    tolerance = AGREEMENT if full else COARSE_AGREEMENT
    seen = []
    for name, two in first.items():
        rest = two[1:]
        if rest and two[0] == 2 and second[name] == (3, *rest):
            if strict and not _agree(outputs[1][name][:2], outputs[2][name], tolerance):
                raise InputError(
                    f"extract: layer '{name}' must return the same values for the same image, and "
                    "it does not: the network draws random numbers, or mixes the images of a "
                    "batch, in evaluation mode. Choose an earlier layer, or fix the network."
                )
            part = parts[module_and_call(name, parts)[0]]
            seen.append(Layer(name, rest, axes_of(part, rest, expected.size), grid))
        elif strict:
            raise InputError(
                f"extract: layer '{name}' must return one row per image, got shape {two} for 2 "
                f"images and {second[name]} for 3. Choose the layer that contains it."
            )
    return seen


def _agree(one: Tensor, other: Tensor, tolerance: float) -> bool:
    """Whether two outputs are equal up to ``tolerance``, a fraction of the largest value."""
    if one.is_complex() or one.shape != other.shape:
        return True
    one, other = (torch.nan_to_num(y.double()) for y in (one, other))
    return bool((one - other).abs().max() <= tolerance * one.abs().max()) if one.numel() else True


def _manifest(
    model: Model,
    images: Images,
    seen: list[Layer],
    reduced: dict[str, tuple[str, Reduction]],
    batch: int | None,
    dtype: str,
    seed: int,
) -> dict[str, Any]:
    features = {name: prod(reduction.shape) for name, (_, reduction) in reduced.items()}
    size = np.dtype(dtype).itemsize
    if batch is None:
        batch = max(min(BATCH, BATCH_BYTES // (size * sum(features.values()))), 1)
    # Whole batches a shard: going on after a kill, each batch is made up as it was before.
    rows = min(SHARD_BYTES // (size * max(features.values())), SHARD_ROWS)
    random = any(is_random(written) for written, _ in reduced.values())
    return {
        "model": model.name,
        "options": model.options,
        "weights": model.weights,
        "weights_hash": model.key,
        "weights_kind": model.weights_kind,
        "preprocessing": model.preprocessing.card(),
        "batch": batch,
        "dtype": dtype,
        "rows_per_shard": max(rows // batch, 1) * batch,
        "seed": seed if random else None,
        "images": {
            "name": portable(images.name),
            "n": len(images),
            "ids": images.ids_key,
            "size": images.size,
            "grey": images.grey,
            "decoding": decoding.POLICY,
        },
        "nouns": images.nouns.as_json(),
        "order": [layer.name for layer in seen],
        "layers": {
            layer.name: {
                "shape": reduced[layer.name][1].shape,
                "features": features[layer.name],
                "dtype": dtype,
                "reduce": reduced[layer.name][0],
                "output": layer.shape,
                "axes": layer.axes,
            }
            for layer in seen
        },
    }


class _Buffers:
    """Where a batch's activations are put while the network works: rows of the shard to be."""

    def __init__(
        self, manifest: dict[str, Any], reduced: dict[str, tuple[str, Reduction]], pinned: bool
    ) -> None:
        self.reduced, self.rows = reduced, 0
        self.cards = manifest["layers"]
        self.tensors = {
            name: _empty((manifest["batch"], card["features"]), card["dtype"], pinned)
            for name, card in self.cards.items()
        }
        self.overflow: dict[str, Any] = {}

    def start(self, rows: int) -> None:
        self.rows, self.overflow = rows, {}

    def keep(self, name: str, y: Tensor) -> None:
        """The copy of ``y``, reduced, into the buffer: the only one there is."""
        if tuple(y.shape) != (self.rows, *self.cards[name]["output"]):
            raise InputError(
                f"extract: layer '{name}' must have the same output shape for every image, got "
                f"{tuple(y.shape)} for {self.rows} images where one had "
                f"{tuple(self.cards[name]['output'])}. Leave it out."
            )
        _, reduction = self.reduced[name]
        value = reduction(y)
        target = self.tensors[name][: self.rows]
        target.view(value.shape).copy_(value, non_blocking=True)
        if target.dtype == torch.float16:
            self.overflow[name] = (value.half().isinf() & value.isfinite()).sum()

    def blocks(self) -> dict[str, np.ndarray]:
        return {name: tensor[: self.rows].numpy() for name, tensor in self.tensors.items()}


def _empty(shape: tuple[int, int], dtype: str, pinned: bool) -> Tensor:
    if pinned:
        return torch.empty(shape, dtype=getattr(torch, dtype), pin_memory=True)
    # numpy asks for huge pages and torch does not; where a page begins writing costs least.
    room = np.empty(prod(shape) * np.dtype(dtype).itemsize + layout.PAGE, np.uint8)
    start = -room.ctypes.data % layout.PAGE
    return torch.from_numpy(room[start:][: len(room) - layout.PAGE].view(dtype).reshape(shape))


def _fill(
    path: Path,
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    reduced: dict[str, tuple[str, Reduction]],
    done: set[int],
    saved: dict[str, Any],
    strict: bool,
) -> None:
    """Make the shards that are not there yet, the saved part of an unfinished one left out."""
    n, step, size = len(images), manifest["rows_per_shard"], manifest["batch"]
    device = device_of(model)
    there = range(0)
    if saved:
        there = range(saved["number"] * step, saved["number"] * step + saved["rows"])
    spans = [
        range(start, min(start + size, n))
        for start in range(0, n, size)
        if start // step not in done and start not in there
    ]
    # Two sets: one is written while the other is filled.
    buffers = [_Buffers(manifest, reduced, device.type == "cuda") for _ in range(2 * bool(spans))]
    ahead = decode_ahead(images, model.preprocessing, spans, strict=strict)
    with progress.task("extract", n) as advance, ExitStack() as stack:
        stack.callback(ahead.close)
        writer = stack.enter_context(BatchWriter(path, manifest, saved))
        put = stack.enter_context(written_behind())
        writer.kept = n - sum(map(len, spans))
        advance(writer.kept)
        for turn, batch in enumerate(ahead):
            here = buffers[turn % 2]
            here.start(len(batch.rows))
            capture.keep = here.keep
            capture(model.preprocessing.normalise(batch.pixels.to(device, non_blocking=True)))
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            overflow = {name: int(count) for name, count in here.overflow.items()}
            put(writer.write, batch, here.blocks(), overflow)
            advance(len(batch.rows))


def _same_images(
    path: Path, images: Images, manifest: dict[str, Any], done: list[int], saved: dict[str, Any]
) -> None:
    """Refuse to go on where images that were extracted before have other contents now."""
    step, changed = manifest["rows_per_shard"], []
    records = list(zip(done, writer.records(path, done), strict=True))
    if saved:
        records.append((saved["number"], saved))
    for number, record in records:
        for row, before in enumerate(record["hashes"], number * step):
            try:
                now = images.content_hash(row)
            except ImageError:
                continue  # an image that is gone takes nothing from what was extracted of it
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
