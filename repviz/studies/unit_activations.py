"""How strongly each unit answers to each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from repviz import progress
from repviz.activations.capture import Capture
from repviz.activations.extraction import dry_run
from repviz.activations.reduction import reductions
from repviz.models.model import evaluating
from repviz.training.evaluation import BATCH, crops

if TYPE_CHECKING:
    from repviz.images.collection import Images
    from repviz.models.model import Model


def strengths(model: Model, images: Images, layers: list[str]) -> dict[str, np.ndarray]:
    """For each layer the largest activation of each unit or map for each image, (n, units) float32.

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
        evaluating(model.module),
        Capture(model.module, layers) as capture,
        progress.task("top_images", len(images)) as advance,
    ):
        seen = [layer for layer in dry_run(model, capture, strict=False) if layer.axes]
        maxima = reductions(seen, "max", 0)  # over space, or over tokens
        parts: dict[str, list[Tensor]] = {layer: [] for layer in maxima}
        for _, block in images.batches(BATCH):
            (centre,) = crops(torch.from_numpy(block), model.preprocessing.size, "centre")
            outputs = capture(model.preprocessing(centre))
            for layer, largest in maxima.items():
                parts[layer].append(largest.reduction(outputs[layer]).float().cpu().clone())
            advance(len(block))
    return {layer: torch.cat(values).numpy() for layer, values in parts.items()}
