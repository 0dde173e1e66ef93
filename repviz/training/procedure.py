"""The training procedure of an autoencoder: network, batches, loss and validation error.

One file builds it for networks of pixels, one for networks of principal components; what is special
to a form is in the record, so that the recipe treats all forms alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from repviz.models.autoencoder import Autoencoder, decode_unclipped, encode
from repviz.training.batches import BatchStream
from repviz.training.data import TrainingData

RATE = 1e-3  # peak learning rate on principal components
FEW = 2000  # images below which batches are small and networks are regularised by dropout


@dataclass(frozen=True, eq=False)
class Procedure:
    """The network to train, with its batches, loss, optimizer and validation error.

    Attributes
    ----------
    network : torch.nn.Module
        What is trained.
    batches : BatchStream
        Its batches.
    loss : callable
        From the output and the target to a mean over the batch.
    error : callable
        The error of the validation images, called after each epoch.
    optimizer : torch.optim.Optimizer
        Its learning rates are the peak rates.
    loss_unit : float
        What the loss is multiplied by in the history, where it is not in squared grey levels.
    warm_up : float
        Fraction of all steps in which the rate rises, in [0, 1).
    decays : bool
        Whether the rate then falls along half a cosine.
    precision : str
        A key of :data:`repviz.training.machine.PRECISIONS`.
    is_relative : bool
        Whether errors are multiples of PCA's at a size that changes meanwhile.
    finish : callable, optional
        What ends a training of which no single epoch is selected; without it, the epoch with the
        smallest error is.
    """

    network: nn.Module
    batches: BatchStream
    loss: Callable[[Tensor, Tensor], Tensor]
    error: Callable[[], float]
    optimizer: torch.optim.Optimizer
    loss_unit: float = 1.0
    warm_up: float = 0.05
    decays: bool = True
    precision: str = "auto"
    is_relative: bool = False
    finish: Callable[[], None] | None = None


def adamw(network: nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    """AdamW of the weights of ``network`` that are trained."""
    weights = [p for p in network.parameters() if p.requires_grad]
    return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)


def squared_error(d: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean squared error of ``d`` pixels, as a loss."""

    def squared(output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().sum() / (len(target) * d)

    return squared


def label(module: Autoencoder) -> str:
    """The name under which progress is shown."""
    up_to = "up to " if module.ordered else ""
    return f"autoencoder, {up_to}{module.bottleneck} numbers"


def validated_sizes(module: Autoencoder) -> list[int]:
    """The bottleneck; of an ordered code, a short and a middle size too."""
    k = module.bottleneck
    return sorted({max(1, round(k ** (e / 3))) for e in (1, 2, 3)}) if module.ordered else [k]


def clipped_error(module: Autoencoder, data: TrainingData) -> float:
    """The mean squared error of the validation images, pixels clipped to their range."""
    rows = data.rows(data.validation)
    errors = []
    for k in validated_sizes(module):
        output = decode_unclipped(module, encode(module, rows, k=k))
        if data.is_pixels:
            output = np.clip(output, 0, 1)
        errors.append(float(np.square(output - rows, dtype=np.float64).mean()))
    return float(np.mean(errors))
