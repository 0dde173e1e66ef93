"""Training on the scores of principal components instead of pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz.models.latent import LeastVolumeAutoencoder, RankReductionAutoencoder
from repviz.models.prefix import PrefixAutoencoder
from repviz.models.scores import ComponentAutoencoder, ScoreAutoencoder
from repviz.training import prefix
from repviz.training.batches import BatchStream
from repviz.training.data import TrainingData
from repviz.training.found_size import TOLERANCE
from repviz.training.least_volume import LeastVolumeTraining
from repviz.training.procedure import FEW, RATE, Procedure, adamw, label, squared_error
from repviz.training.rank_reduction import RankReductionTraining

DECAY = 1.0  # weight decay of AdamW on components of many images; few are regularised by dropout
DROPOUT = 0.2  # of few images


def on_components(
    module: ComponentAutoencoder, data: TrainingData, epochs: int, batch: int, seed: int
) -> Procedure:
    """The procedure that trains ``module`` on PCA scores; the module is first set to PCA."""
    linear = data.linear
    module.start_at(linear.mean, linear.basis, linear.spread)
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = DROPOUT if len(data.train) < FEW else 0.0
    scores = _Scores.of(module, data)
    batches = BatchStream(len(data.train), batch, seed, scores.load_batch, label(module))
    form = next(kind for kind in type(module).mro() if kind in PROCEDURES)
    return PROCEDURES[form](module, _Run(data, scores, batches, epochs))


@dataclass(frozen=True, eq=False)
class _Scores:
    """The scores of training and validation images on the components of an autoencoder.

    Attributes
    ----------
    copies : Tensor, shape (copies, n, m)
        Of the training images, each copy shifted differently, the first not at all.
    sign : Tensor, shape (m,)
        Factor of a score under mirroring.
    validation : Tensor, shape (v, components)
        Of the validation images; components beyond m are zero.
    d : int
        Pixels per image.
    variance : float
        Mean squared distance of a validation image from the mean image.
    beyond : float
        Squared error per pixel of the components that the autoencoder lacks.
    """

    copies: Tensor = field(repr=False)
    sign: Tensor = field(repr=False)
    validation: Tensor = field(repr=False)
    d: int
    variance: float
    beyond: float

    @classmethod
    def of(cls, module: ComponentAutoencoder, data: TrainingData) -> _Scores:
        """The scores of ``data`` on the components of ``module``."""
        linear, components = data.linear, len(module.basis)
        m = min(components, len(linear.basis))
        rows = data.rows(data.validation)
        scores = torch.from_numpy(linear.scores(rows)[:, :m].astype(np.float32))
        total = float(np.square(rows - linear.mean, dtype=np.float64).sum())
        return cls(
            data.copies[:, :, :m],
            torch.from_numpy(linear.sign[:m]),
            functional.pad(scores, (0, components - m)),
            rows.shape[1],
            total / len(rows),
            (total - float(scores.double().square().sum())) / rows.size,
        )

    def load_batch(self, rows: Tensor, part: slice, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Training images, each shifted and mirrored at random."""
        copy_of = torch.randint(len(self.copies), (len(rows),), generator=rng)
        mirrored = torch.rand(len(rows), generator=rng) < 0.5
        x = self.copies[copy_of[part], rows[part]]
        x = torch.where(mirrored[part, None], x * self.sign, x)
        x = self._padded(x)
        return x, x

    @property
    def train(self) -> Tensor:
        """The training images and their mirror images, not shifted; (2n, components)."""
        original = self.copies[0]
        return self._padded(torch.cat([original, original * self.sign]))

    def residual(self, network: nn.Module) -> float:
        """The squared error of the validation scores after ``network``, per image."""
        targets = self.validation.to(next(network.parameters()).device)
        with torch.no_grad():
            difference = network(targets) - targets
        return difference.double().square().sum().item() / len(targets)

    def pixel_error(self, residual: float) -> float:
        """The mean squared error of pixels, given that of scores per image."""
        return residual / self.d + self.beyond

    def _padded(self, x: Tensor) -> Tensor:
        return functional.pad(x, (0, self.validation.shape[1] - x.shape[1]))


@dataclass(frozen=True, eq=False)
class _Run:
    """The data, batches and length of one training."""

    data: TrainingData
    scores: _Scores
    batches: BatchStream
    epochs: int


def _linear_start(module: ScoreAutoencoder, run: _Run) -> Procedure:
    scores = run.scores
    return Procedure(
        module.core,
        run.batches,
        squared_error(scores.d),
        lambda: scores.pixel_error(scores.residual(module.core)),
        adamw(module.core, RATE, 0.0 if len(run.data.train) < FEW else DECAY),
    )


def _prefix(module: PrefixAutoencoder, run: _Run) -> Procedure:
    network = prefix.PrefixTraining(module.core, run.epochs * run.batches.steps)
    scores, targets = run.scores, run.scores.validation

    def error() -> float:
        """As a multiple of PCA's at the present size."""
        size = network.size(network.step)
        linear = targets[:, size:].double().square().sum().item() / len(targets)
        return scores.residual(network) / max(linear, 1e-9)

    def finish() -> None:
        network.finish()
        rows = torch.from_numpy(run.data.rows(run.data.validation))
        prefix.find_gains(module, module.scores(rows))

    return Procedure(
        network,
        run.batches,
        prefix.relative_loss(network),
        error,
        adamw(network, prefix.RATE, prefix.DECAY),
        warm_up=0.02,
        decays=False,
        is_relative=True,
        finish=finish,
    )


def _least_volume(module: LeastVolumeAutoencoder, run: _Run) -> Procedure:
    network, scores = LeastVolumeTraining(module.core), run.scores
    return Procedure(
        network,
        run.batches,
        network.loss,
        lambda: scores.pixel_error(scores.residual(network)),
        adamw(network, RATE, 0.0),
        loss_unit=float(module.core.scale.square()) / scores.d,
        precision="fp32",
        finish=lambda: network.finish(scores.train, scores.validation, TOLERANCE * scores.variance),
    )


def _rank_reduction(module: RankReductionAutoencoder, run: _Run) -> Procedure:
    scores = run.scores
    network = RankReductionTraining(
        module.core, scores.train, scores.validation, TOLERANCE * scores.variance
    )
    return Procedure(
        network,
        run.batches,
        network.loss,
        lambda: scores.pixel_error(network.after_epoch()),
        adamw(network, RATE, 0.0),
        loss_unit=float(module.core.scale.square()) / scores.d,
        precision="fp32",
        finish=network.finish,
    )


PROCEDURES: dict[type[ComponentAutoencoder], Callable[[Any, _Run], Procedure]] = {
    ScoreAutoencoder: _linear_start,
    PrefixAutoencoder: _prefix,
    LeastVolumeAutoencoder: _least_volume,
    RankReductionAutoencoder: _rank_reduction,
}
