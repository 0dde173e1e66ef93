"""Arrays fitted in a first pass over the images (means, components), stored with the activations.

The first rows of a folder fit them; resumed, shared and appended extractions read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from repviz import array_files, durable, progress, provenance
from repviz.activations import layout, object_store
from repviz.activations.filling import device_of
from repviz.activations.pipeline import decode_ahead
from repviz.errors import Damaged
from repviz.images.collection import Images
from repviz.models.model import Model


def is_fitted(path: Path, kind: str) -> bool:
    """Whether the folder ``path`` holds the arrays of ``kind``, one of ``layout.FITTED``."""
    return layout.commit_path(path, kind).is_file()


def write_fitted(path: Path, kind: str, arrays: Mapping[str, np.ndarray], **record: Any) -> None:
    """Write one array per layer, then the commit that makes them count, with ``record``."""
    sums = {}
    for layer, array in arrays.items():
        file = layout.fitted_path(path, kind, layer)
        with durable.replacing(file) as temporary, open(temporary, "wb") as out:
            np.save(out, array)
        sums[layer] = provenance.file_checksum(file)
    layout.write_commit(path, kind, {layout.SUMS: sums, **record})
    object_store.push(path, kind)


def read_fitted(path: Path, kind: str, layer: str) -> np.ndarray:
    """The array of ``kind`` of one layer.

    Raises
    ------
    Damaged
        It is missing, or no array.
    """
    file = layout.fitted_path(path, kind, layer)
    try:
        return np.array(array_files.mapped(file))
    except durable.UNREADABLE as error:
        raise Damaged(
            f"{file}: the {kind} are missing or damaged. Delete this folder of activations and "
            "extract them again."
        ) from error


def input_batches(
    images: Images, model: Model, size: int, *, task: str
) -> Iterator[tuple[Tensor, list[int]]]:
    """The network's input, at most ``size`` images at a time, and the places of the readable ones.

    Parameters
    ----------
    images : Images
        All of them, in order.
    model : Model
        Its preprocessing and device count.
    size : int
        Images per batch.
    task : str
        What the progress bar is called.
    """
    n, device = len(images), device_of(model)
    spans = [range(start, min(start + size, n)) for start in range(0, n, size)]
    with progress.task(task, n) as advance:
        for batch in decode_ahead(images, model.preprocessing, spans):
            good = [place for place, row in enumerate(batch.rows) if row not in batch.unreadable]
            yield model.preprocessing.normalise(batch.pixels.to(device)), good
            advance(len(batch.rows))
