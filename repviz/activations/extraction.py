"""From images to activations on disk: every layer asked for, in one pass over the images."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from repviz import checks, progress
from repviz.activations import store
from repviz.activations.capture import Capture, matching
from repviz.activations.store import Activations
from repviz.errors import ImageError
from repviz.images import opened
from repviz.images.collection import Images
from repviz.models.model import Model, evaluating

if TYPE_CHECKING:
    import pandas as pd

SHARD_BYTES = 64 * 2**20  # of the widest layer: what a kill can cost, and what memory must hold
REDUCTIONS = {
    "none": "every number of the layer, flattened",
    "mean": "the mean over space (of maps) or over tokens",
}


def extract(
    model: Model,
    images: Images | str,
    *,
    layers: Iterable[str] | str | None = None,
    out: str | Path,
    batch: int = 64,
    reduce: str = "none",
    strict: bool = False,
) -> Activations:
    """The activations of ``model`` for ``images``, a float32 (n, d) matrix a layer, on disk.

    Interrupted, it goes on from the last finished part when called again in the same way. The same
    weights, images and batch on the same machine and threads give the same bytes.

    Parameters
    ----------
    model : Model
        From :func:`repviz.open_model` or :func:`repviz.train`.
    images : Images or str
        From :func:`repviz.open_images`, or the name of a source; the model's preprocessing brings
        them to its size.
    layers : str or iterable of str, optional
        Names or globs of layers (``"features.*"``); the model's own choice if left out.
    out : str or Path
        A new folder, or one from an interrupted call.
    batch : int
        Images at a time, at least 1.
    reduce : str
        A key of :data:`REDUCTIONS`. The mean is over all axes after the second of maps
        (b, c, h, w), and over the second of tokens (b, t, c).
    strict : bool
        Whether an unreadable image ends the extraction. Otherwise its row is NaN, marked with the
        reason in ``rows``, and a warning names it.

    Raises
    ------
    UnknownName
        A layer or a reduction that there is not.
    ImageError
        An unreadable image, where ``strict``; or not one image was readable.
    Mismatch
        ``out`` holds activations that were made with other parameters.
    StoreError
        ``out`` holds something else, or cannot be written.
    """
    checks.whole("extract", "batch", batch, low=1)
    checks.known("extract", "reduction", reduce, REDUCTIONS)
    images = opened(images)
    asked = matching(model.module, model.layers if layers is None else checks.several(layers))
    path = Path(out)
    with evaluating(model.module), Capture(model.module, asked) as capture:
        shapes = _shapes(model, capture, reduce)
        manifest = store.begin(path, _manifest(model, images, shapes, batch, reduce))
        made = _fill(path, manifest, model, images, capture, strict)
    reasons = store.unreadable(path, manifest)
    if made or not (path / "rows.parquet").is_file():
        store.finish(path, _rows(images, reasons))
    if reasons:
        _warn(images, reasons)
    return Activations(path, manifest)


def _shapes(model: Model, capture: Capture, reduce: str) -> dict[str, tuple[int, ...]]:
    """The shape that each layer has for one image, found with a grey one."""
    made_for = model.preprocessing
    pixels = torch.full((1, made_for.channels, *made_for.size), 128, dtype=torch.uint8)
    outputs = capture(made_for(pixels.to(_place(model))))
    return {name: tuple(_reduced(y, reduce).shape[1:]) for name, y in outputs.items()}


def _manifest(
    model: Model, images: Images, shapes: dict[str, tuple[int, ...]], batch: int, reduce: str
) -> dict[str, Any]:
    features = {name: int(np.prod(shape, dtype=np.int64)) for name, shape in shapes.items()}
    made_for = model.preprocessing
    # Whole batches a shard: going on after a kill, each batch is made up as it was before.
    rows = max(SHARD_BYTES // (4 * max(features.values())) // batch, 1) * batch
    return {
        "model": model.name,
        "options": model.options,
        "weights": model.weights,
        "weights_hash": model.key,
        "preprocessing": {
            "size": made_for.size,
            "channels": made_for.channels,
            "mean": made_for.mean,
            "std": made_for.std,
        },
        "reduce": reduce,
        "batch": batch,
        "rows_per_shard": rows,
        "images": {"name": images.name, "key": images.key, "n": len(images)},
        "order": list(shapes),
        "layers": {
            name: {"shape": shape, "features": features[name], "dtype": "float32"}
            for name, shape in shapes.items()
        },
    }


def _fill(
    path: Path,
    manifest: dict[str, Any],
    model: Model,
    images: Images,
    capture: Capture,
    strict: bool,
) -> int:
    """Make the shards that are not there yet; their number."""
    n, step, batch = len(images), manifest["rows_per_shard"], manifest["batch"]
    done = set(store.finished_shards(path, manifest))
    with progress.task("extract", n) as advance:
        for number in range(store.shards(manifest)):
            first, last = number * step, min((number + 1) * step, n)
            if number in done:
                advance(last - first)
                continue
            matrices = {
                layer: np.empty((last - first, card["features"]), np.float32)
                for layer, card in manifest["layers"].items()
            }
            reasons: dict[int, str] = {}
            for start in range(first, last, batch):
                rows = range(start, min(start + batch, last))
                x, bad = _inputs(model, images, rows, strict)
                for layer, y in capture(x).items():
                    here = matrices[layer][start - first : start - first + len(rows)]
                    here[:] = _reduced(y, manifest["reduce"]).flatten(1).float().cpu().numpy()
                    here[[row - start for row in bad]] = np.nan
                reasons |= bad
                advance(len(rows))
            store.write_shard(path, number, matrices, reasons)
    return store.shards(manifest) - len(done)


def _inputs(
    model: Model, images: Images, rows: range, strict: bool
) -> tuple[Tensor, dict[int, str]]:
    """The input for ``rows``, black where an image is unreadable, and why those are."""
    made_for = model.preprocessing
    x = torch.zeros((len(rows), made_for.channels, *made_for.size), dtype=torch.uint8)
    bad: dict[int, str] = {}
    for place, row in enumerate(rows):
        try:
            x[place] = made_for.fit(torch.from_numpy(images.read(row))[None])[0]
        except ImageError as error:
            if strict:
                raise
            bad[row] = str(error)
    return made_for.normalise(x.to(_place(model))), bad


def _reduced(y: Tensor, reduce: str) -> Tensor:
    if reduce == "none" or y.ndim < 3:
        return y
    return y.mean(1) if y.ndim == 3 else y.flatten(2).mean(2)


def _place(model: Model) -> torch.device:
    return next((value.device for value in model.module.parameters()), torch.device("cpu"))


def _rows(images: Images, reasons: dict[int, str]) -> pd.DataFrame:
    import pandas as pd

    n = len(images)
    return pd.DataFrame(
        {
            "row": np.arange(n),
            "id": list(images.ids),
            "label": [None] * n if images.labels is None else list(images.labels),
            "content_hash": list(images.hashes()),
            "status": ["unreadable" if row in reasons else "ok" for row in range(n)],
            "reason": [reasons.get(row, "") for row in range(n)],
            **{f"factor_{name}": values for name, values in images.factors.items()},
        }
    )


def _warn(images: Images, reasons: dict[int, str]) -> None:
    shown = "; ".join(reasons[row] for row in sorted(reasons)[:3])
    more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    if len(reasons) == len(images):
        raise ImageError(f"extract: at least one image must be readable, got none. {shown}{more}")
    warnings.warn(
        f"extract: {len(reasons)} of {len(images)} images could not be read, their rows are NaN: "
        f"{shown}{more}",
        stacklevel=3,
    )
