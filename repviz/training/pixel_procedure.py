"""Training on pixels, each image shifted and mirrored at random in each epoch."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from repviz.models.autoencoder import decode_unclipped, encode
from repviz.models.convolutional import ConvAutoencoder
from repviz.training.batches import BatchStream
from repviz.training.data import TrainingData
from repviz.training.procedure import Procedure, adamw, label, squared_error, validated_sizes

RATE = 2e-3  # peak learning rate
DIVERGENCE = 0.1  # weight of a variational code's divergence, in grey level² per image


def on_pixels(
    module: ConvAutoencoder, data: TrainingData, batch: int, noise: float, seed: int
) -> Procedure:
    """The procedure that trains ``module`` on pixels; its output starts as the mean image."""
    from repviz.training.shifts import shift_and_mirror  # needs a compiler

    rows = data.rows(data.train)
    mean = rows.mean(axis=0, dtype=np.float64).reshape(data.shape)
    if data.mirror:
        mean = (mean + mean[..., ::-1]) / 2
    module.start_at_mean(mean.ravel())
    train = np.ascontiguousarray(data.train)
    validation = data.rows(data.validation)
    d = math.prod(data.shape)
    squared = squared_error(d)

    def load_batch(rows: Tensor, part: slice, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        if data.is_pixels:
            x = shift_and_mirror(
                train,
                rows,
                part,
                shift=data.shift,
                mirror=data.mirror,
                generator=rng,
            )
        else:
            x = torch.from_numpy(train[rows[part].numpy()])
        x = x.contiguous(memory_format=torch.channels_last)
        if not noise:
            return x, x
        return x + noise * torch.randn(x.shape, generator=rng), x

    def with_divergence(output: Tensor, target: Tensor) -> Tensor:
        return squared(output, target) + DIVERGENCE * module.divergence / d

    def error() -> float:
        outputs = [
            decode_unclipped(module, encode(module, validation, k=k))
            for k in validated_sizes(module)
        ]
        return float(np.mean([np.square(output - validation).mean() for output in outputs]))

    return Procedure(
        module,
        BatchStream(len(train), batch, seed, load_batch, label(module)),
        with_divergence if module.variational else squared,
        error,
        adamw(module, RATE, 0.0),
        precision="fp32",  # processors have no fast kernel for transposed convolutions in bfloat16
    )
