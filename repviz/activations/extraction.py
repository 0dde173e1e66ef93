"""From images to activations on disk: every requested layer, in one pass over the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from repviz import checks, durable
from repviz.activations import layout, object_store, writer
from repviz.activations.ablation import Ablation, fit_means
from repviz.activations.axes import Layer, axes_of
from repviz.activations.capture import Capture, parse_address
from repviz.activations.components import fit_components
from repviz.activations.filling import check_contents, device_of, fill
from repviz.activations.growth import Extent, extents
from repviz.activations.parts import Part, claimed, get_part
from repviz.activations.reduction import LayerReduction, Reduce, is_random, reductions
from repviz.activations.row_index import seal, warn_of_late, warn_of_rows
from repviz.activations.store import Activations, open_activations
from repviz.activations.tokens import patch_grid
from repviz.errors import InputError
from repviz.images import as_images, decoding
from repviz.images.collection import Images
from repviz.locking import locked_file
from repviz.memory import recycled
from repviz.models.device import AUTO, describe, placed
from repviz.models.model import Model, evaluating, named_failure
from repviz.models.opening import as_model
from repviz.provenance import portable

SHARD_BYTES = 64 * 2**20  # of the widest layer, about
SHARD_ROWS = 1024  # at most: what jobs that fill a folder together divide among them
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
    out: str | Path,
    layers: Iterable[str] | str | None = None,
    reduce: Reduce = "none",
    *,
    ablate: Mapping[str, str] | None = None,
    batch: int | None = None,
    dtype: str = "float32",
    strict: bool = False,
    seed: int = 0,
    part: tuple[int, int] | str | None = None,
    append: bool = False,
) -> Activations:
    """The activations of ``model`` for ``images``, on disk: one (n, d) matrix per layer.

    Interrupted, it continues from the last finished part when called again in the same way. The
    same weights, images and batch on the same machine, device and threads give the same bytes. On
    another device the values differ by rounding: the manifest names the one that began, and the
    commit of a shard the one that computed it where that is another.

    Parameters
    ----------
    model : Model, torch.nn.Module or str
        From :func:`repviz.open_model` or :func:`repviz.train`; a network that stands in memory, as
        it is; or a name to open. Both run where their weights lie, a name on the GPU where there is
        one; :func:`repviz.on_device` chooses.
    images : Images, str, or a sequence
        From :func:`repviz.open_images`; the name of a source; or what
        :func:`repviz.images_from` takes: a list of tensors or arrays, a torch ``Dataset``. The
        model's preprocessing brings them to its size.
    out : str or Path
        A new folder, or one from an interrupted call; or an address, ``"s3://bucket/prefix"``
        (``repviz-toolkit[remote]``), to which each shard goes once it is complete: this machine
        then keeps no more than the shard that is being written.
    layers : str or iterable of str, optional
        Names, globs (``"features.*"``) or types (``"type:Conv2d"``) of layers; the model's own
        choice if left out. ``"relu:1"`` is the first call of a layer, ``"lstm[0]"`` or
        ``"encoder[last_hidden_state]"`` one of several tensors that it returns, ``"[logits]"`` one
        that the network itself returns.
    reduce : str, iterable of str, or mapping of str to these
        What is kept of a layer, as in :data:`~repviz.activations.reduction.REDUCTIONS`:
        ``"mean"``, ``"grid:3"``, ``"cls+mean"`` (concatenated); or for each layer or glob its own:
        ``{"conv*": "mean", "fc*": "none"}``, where the first that fits counts. Several reductions
        of a layer, ``{"conv5": ["mean", "max"]}``, take one pass, and are stored as
        ``"conv5:mean"`` and ``"conv5:max"``.
    ablate : mapping of str to str, optional
        Layers whose output is replaced, by name, glob or type, and how: ``{"conv3": "mean"}``. The
        layers after it, and the layer itself, are those of the ablated network.

        ``"zero"``: every number of the output becomes 0. ``"mean"``: every number of the output
        becomes its own mean over the readable images, found in a first pass through the network
        as it is: each unit, that is each channel at each position or each feature of each token,
        has one mean, so that the output is the same for every image. Appended rows take the means
        of the first images.
    batch : int, optional
        Images at a time, at least 1. Left out, 32, or fewer where those would fill over 256 MB.
    dtype : str
        ``"float32"``, or ``"float16"``, which holds numbers up to 65,504 to three digits: what is
        beyond becomes infinite, is counted in the manifest's layers and warned of.
    strict : bool
        Whether an unreadable image ends the extraction. Otherwise its row is NaN, marked with the
        reason in ``rows``, and a warning names it.
    seed : int
        Seed of random projections; without effect otherwise.
    part : (int, int) or "auto", optional
        Rank and number of the jobs that fill this folder together, each with the same call but for
        its rank; the last to end finishes the folder, whose bytes are those of one process.
        ``"auto"`` reads them from ``RANK`` and ``WORLD_SIZE``, or from the variables of an array of
        SLURM jobs. Until all have ended, the activations that come back cannot be read.
    append : bool
        Whether images that a finished folder does not hold yet are added to it, in their order,
        after the rows that are there, which stay as they are: the rows are those of an extraction
        of all images in that order, but for principal components (``"pca:64"``), which stay those
        of the first images.

    Raises
    ------
    UnknownName
        A layer, a reduction or an ablation that there is not.
    InputError
        A reduction that a layer's shape does not allow, a layer that does not give one row per
        image, or an ablated layer that does not run exactly once.
    ImageError
        An unreadable image, where ``strict``; or not one image was readable.
    Mismatch
        ``out`` holds activations that were made with other parameters or of other images; or,
        where rows are appended, an image was removed or changed.
    StoreError
        ``out`` holds something else, cannot be written, or another process writes it.
    Unavailable
        The memory of the GPU does not hold the network and a batch; or a package is missing that
        reads an address.

    Warns
    -----
    UserWarning
        The ablation changes none of the extracted layers; images are unreadable; values overflow.
    """
    default = AUTO if isinstance(model, str) else None
    model = as_model("extract", model)
    if batch is not None:
        batch = checks.integer("extract", "batch", batch, low=1, high=MOST_ROWS)
    checks.one_of("extract", "type of number", dtype, DTYPES)
    seed = checks.seed("extract", seed)
    strict, append = (
        checks.flag("extract", name, value)
        for name, value in (("strict", strict), ("append", append))
    )
    share = get_part(part)
    images = as_images(images)
    names = model.layers if layers is None else checks.as_list(layers)
    with (
        object_store.staged("extract", out, share) as path,
        recycled(),
        placed("extract", model.module, default=default),
        evaluating(model.module),
        Ablation(model.module, {} if ablate is None else ablate) as ablation,
        Capture(model.module, names) as capture,
    ):
        seen = dry_run(model, capture)
        ablation.check(model, capture)
        _check_means(model, capture, ablation)
        reduced = reductions(seen, reduce, seed)
        manifest = manifest_of(model, images, reduced, batch, dtype, seed)
        if ablation.kinds:
            manifest["ablated"] = ablation.kinds
        with durable.locked(path, shared=share is not None):
            for number, extent in enumerate(extents(path, images, manifest, append=append)):
                run = _Run(model, capture, ablation, reduced, strict, share)
                finished = _complete(extent, run, fit=number == 0)
        warn_of_late(capture)
    if not finished:
        path = object_store.opened("extract", out)
        return Activations(path, layout.read_manifest(path))
    acts = open_activations(out)
    warn_of_rows(acts)
    return acts


@dataclass(frozen=True)
class _Run:
    """Model, layers and reductions of one call, the same for every folder that it fills."""

    model: Model
    capture: Capture
    ablation: Ablation
    reduced: dict[str, LayerReduction]
    strict: bool
    part: Part | None


def _complete(extent: Extent, run: _Run, *, fit: bool) -> bool:
    """Compute the missing shards of a folder, or of one part of it; whether it is then complete."""
    path, images, manifest = extent.path, extent.images, extent.manifest
    part, model, capture = run.part, run.model, run.capture
    with locked_file(path / "manifest.json", wait=True) if part else nullcontext():
        manifest = writer.begin(path, manifest)
        if part is None:
            writer.delete_leftovers(path)
        if fit:
            fit_means(path, manifest, model, images, capture, run.ablation)
            fit_components(path, manifest, model, images, capture, run.reduced)
    done = set(layout.finished_shards(path, manifest))
    ours = [k for k in range(layout.shards(manifest)) if part is None or k in part]
    found = {k: layout.read_commit(path, k) for k in ours if k in done}
    check_contents(path, images, manifest, found)
    missing = [k for k in ours if k not in done]
    with claimed(path, part if missing else None):
        if part:  # another worker on the same part may have come to its end before this one began
            done = set(layout.finished_shards(path, manifest))
            missing = [k for k in missing if k not in done]
        fill(path, manifest, model, images, capture, run.reduced, missing, strict=run.strict)
    return seal(path, manifest, images, anew=bool(missing), shared=part is not None)


def dry_run(model: Model, capture: Capture, *, strict: bool = True) -> list[Layer]:
    """The output shape of each layer for one image, from a pass of five artificial images.

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
            part = parts[parse_address(name, parts).module]
            seen.append(Layer(name, rest, axes_of(part, rest, expected.size), grid))
        elif strict:
            raise InputError(
                f"extract: layer '{name}' must return one row per image, got shape {two} for 2 "
                f"images and {second[name]} for 3. Choose the layer that contains it."
            )
    return seen


def _check_means(model: Model, capture: Capture, ablation: Ablation) -> None:
    """Refuse layers that are ablated to their mean and do not give one row per image."""
    if ablation.averaged:
        with capture.paused(), ablation.paused(), Capture(model.module, ablation.averaged) as own:
            dry_run(model, own)


def _agree(one: Tensor, other: Tensor, tolerance: float) -> bool:
    """Whether two outputs are equal up to ``tolerance``, a fraction of the largest value."""
    if one.is_complex() or one.shape != other.shape:
        return True
    one, other = (torch.nan_to_num(y.double()) for y in (one, other))
    return bool((one - other).abs().max() <= tolerance * one.abs().max()) if one.numel() else True


def manifest_of(
    model: Model,
    images: Images,
    reduced: dict[str, LayerReduction],
    batch: int | None,
    dtype: str,
    seed: int,
) -> dict[str, Any]:
    """The manifest of an extraction without its key and the versions."""
    features = {name: prod(one.reduction.shape) for name, one in reduced.items()}
    size = np.dtype(dtype).itemsize
    if batch is None:
        batch = max(min(BATCH, BATCH_BYTES // (size * sum(features.values()))), 1)
    # Whole batches a shard: going on after a kill, each batch is made up as it was before.
    rows = min(SHARD_BYTES // (size * max(features.values())), SHARD_ROWS)
    random = any(is_random(one.written) for one in reduced.values())
    return {
        "model": model.name,
        "options": model.options,
        "weights": model.weights,
        "weights_hash": model.key,
        "weights_kind": model.weights_kind,
        "device": describe(device_of(model)),
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
        "order": list(reduced),
        "layers": {
            name: {
                "shape": one.reduction.shape,
                "features": features[name],
                "dtype": dtype,
                "reduce": one.written,
                "output": one.layer.shape,
                "axes": one.layer.axes,
            }
            for name, one in reduced.items()
        },
    }
