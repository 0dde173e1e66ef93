"""The largest activation of each unit for each image, and its position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from repviz import progress
from repviz.activations.capture import Capture
from repviz.activations.extraction import dry_run
from repviz.activations.filling import device_of
from repviz.models.device import placed
from repviz.models.model import evaluating
from repviz.training.evaluation import BATCH, crops

if TYPE_CHECKING:
    from repviz.activations.reduction import Layer
    from repviz.images.collection import Images
    from repviz.models.model import Model, Preprocessing


@dataclass(frozen=True)
class Peaks:
    """The largest activations of a layer's units: of its channels, features of tokens, or outputs.

    Attributes
    ----------
    values : ndarray of float32, shape (n, units)
        The largest activation of each unit for each image, over space or over tokens.
    places : ndarray of int64, shape (n, units)
        Where it is: a flat index into the layer's output for one image.
    """

    values: np.ndarray
    places: np.ndarray


def peaks(model: Model, images: Images, layers: list[str]) -> dict[str, Peaks]:
    """The largest activation of each unit for each image, per layer.

    Parameters
    ----------
    model : Model
        Any.
    images : Images
        At the size of the model's input, or larger: then their middles count.
    layers : list of str
        Names of layers. One whose axes cannot be determined is left out.
    """
    with (
        placed("top_images", model.module),
        evaluating(model.module),
        Capture(model.module, layers) as capture,
        progress.task("top_images", len(images)) as advance,
    ):
        seen = [layer for layer in dry_run(model, capture, strict=False) if layer.axes]
        largest = {layer.name: _largest(layer) for layer in seen}
        parts: dict[str, list[tuple[Tensor, Tensor]]] = {layer.name: [] for layer in seen}
        for _, block in images.batches(BATCH):
            (centre,) = crops(torch.from_numpy(block), model.preprocessing.size, "centre")
            fitted = model.preprocessing.fit(centre).to(device_of(model))
            outputs = capture(model.preprocessing.normalise(fitted))
            for layer, of_units in largest.items():
                parts[layer].append(of_units(outputs[layer]))
            advance(len(block))
    return {
        layer: Peaks(*(torch.cat(one).numpy() for one in zip(*pairs, strict=True)))
        for layer, pairs in parts.items()
    }


def as_seen(preprocessing: Preprocessing, image: np.ndarray) -> np.ndarray:
    """The pixels (c, h, w), uint8, of ``image`` at the network's size, cropped as its input."""
    pixels = torch.from_numpy(image.reshape(1, -1, *image.shape[-2:]))
    (centre,) = crops(pixels, preprocessing.size, "centre")
    return preprocessing.fit(centre)[0].numpy()


def _largest(layer: Layer) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """From a batch of outputs (b, ...) to the values and places (b, units) of the largest."""
    axis, units = layer.axes.index("c"), layer.shape[layer.axes.index("c")]
    indices = torch.arange(prod(layer.shape)).view(layer.shape).movedim(axis, 0).reshape(units, -1)

    def of_units(y: Tensor) -> tuple[Tensor, Tensor]:
        spread = y.movedim(axis + 1, 1).reshape(len(y), units, -1)
        values, place = spread.float().cpu().max(dim=2)
        return values, indices.expand(len(y), -1, -1).gather(2, place[..., None])[..., 0]

    return of_units
