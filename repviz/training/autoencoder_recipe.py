"""How an autoencoder is trained: from PCA where it can, and never kept below where it started."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz import checks
from repviz.errors import InputError
from repviz.models import open_model
from repviz.models.autoencoder import Autoencoder, decode_unclipped, encode
from repviz.models.convolutional import ConvAutoencoder
from repviz.models.model import Model
from repviz.models.path import PathAutoencoder
from repviz.models.scores import ScoreAutoencoder, ScoreCore, n_components_for
from repviz.training import loop, path
from repviz.training.augmenting import SHIFT
from repviz.training.feeding import BatchStream
from repviz.training.machine import Machine
from repviz.training.material import TrainingData
from repviz.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

RATE, PIXELS_RATE = 1e-3, 2e-3  # highest learning rates: among components, and on pixels
DECAY = 1.0  # of AdamW, among the components of many images; few are kept apart by dropout
# Form -> steps on as many images as MANY; among components, fewer are learned by heart sooner.
STEPS = {"linear-start": 2000, "prefix": 4000, "conv": 750, "nested": 2250}
MANY, FEW, DROPOUT = 8000, 2000, 0.2
BATCHES = {"scores": (64, 256), "pixels": (32, 64)}  # where there are few images, and many
DIVERGENCE = 0.1  # weight of a variational code's divergence, in grey level² an image
SETTINGS = Settings(epochs=24, batch=32, rate=RATE, decay=0.0, start="given", precision="auto")


def fit_autoencoder(
    material: TrainingData,
    *,
    bottleneck: int,
    form: str = "linear-start",
    effort: float = 1.0,
    noise: float = 0.0,
    variational: bool = False,
    seed: int = 0,
) -> tuple[Model, pd.DataFrame]:
    """An autoencoder with a code of ``bottleneck`` numbers, and the history of its training.

    The epoch with the smallest validation error is kept, the start included: from PCA it never
    ends above PCA's error on the validation images.

    Parameters
    ----------
    material : TrainingData
        The images, and how they may be changed.
    bottleneck : int
        Numbers in a code, at least 1.
    form : str
        A key of :data:`repviz.models.autoencoder.FORMS`.
    effort : float
        How long it is trained, as a multiple of the usual; 0 keeps the start.
    noise : float
        conv: standard deviation of the noise, in grey levels of [0, 1], that is laid on what it
        sees, and not on what it is to give back (Vincent et al. 2008).
    variational : bool
        conv: whether codes are drawn from a Gaussian an image (Kingma & Welling 2014).
    seed : int
        Of the weights, the order and the changes, at least 0.

    Returns
    -------
    model : Model
        In evaluation mode, with the weights of the epoch that was kept.
    history : DataFrame
        A row an epoch, from 0 (the start): ``epoch``; ``train_mse``, ``validation_mse`` (mean
        squared error in grey levels of [0, 1], before clipping; training's is over the changed
        images of that epoch, and NaN in epoch 0; of "prefix" both are multiples of PCA's error at
        the size that the code has shrunk to); ``learning_rate``; ``kept``, true in one row.

    Raises
    ------
    InputError
        A number is not what it must be, or all images are the same.
    """
    who = "fit_autoencoder"
    effort = checks.real(who, "effort", effort, low=0, high=1000)
    options: dict[str, Any] = {"variational": True} if variational else {}
    channels, *size = material.shape
    if form in ("linear-start", "prefix") and bottleneck >= 1:
        options["components"] = min(
            len(material.linear.basis), n_components_for(bottleneck, math.prod(material.shape))
        )
    model = open_model(
        "autoencoder",
        seed=seed,
        form=form,
        bottleneck=bottleneck,
        size=list(size),
        channels=channels,
        **options,
    )
    on_scores = isinstance(model.module, ScoreAutoencoder)
    steps = effort * STEPS[form]
    if on_scores:
        steps *= min(1.0, math.sqrt(len(material.train) / MANY))
    few, many = BATCHES["scores" if on_scores else "pixels"]
    batch = few if len(material.train) < FEW else many
    epochs = math.ceil(steps / -(-len(material.train) // batch))
    return fitted(model, material, epochs=epochs, batch=batch, noise=noise, seed=seed)


def train_on_pixels(
    model: Model,
    images: Images,
    parts: tuple[np.ndarray, np.ndarray],
    *,
    settings: Settings,
    seed: int,
    keep: None = None,
) -> tuple[Model, pd.DataFrame]:
    """A copy of ``model`` trained to reconstruct ``images``; see :func:`repviz.train`."""
    made_for = model.preprocessing
    fitting = images.at(size=made_for.size, grey=made_for.channels == 1)
    first, second = (fitting.pixels(rows) for rows in parts)
    own = replace(model, module=copy.deepcopy(model.module))
    most = getattr(model.module, "bottleneck", 1)
    material = TrainingData(
        first, second, shift=0.0 if images.from_known_manifold else SHIFT, most=most
    )
    return fitted(own, material, epochs=settings.epochs, batch=settings.batch, seed=seed)


def fitted(
    model: Model,
    material: TrainingData,
    *,
    epochs: int,
    batch: int,
    noise: float = 0.0,
    seed: int = 0,
) -> tuple[Model, pd.DataFrame]:
    """``model``, trained in place from the start that its form has, and its history."""
    import pandas as pd

    module = model.module
    if isinstance(module, ScoreAutoencoder):
        inner, feed, error = _on_scores(module, material, epochs, batch, seed)
    elif isinstance(module, ConvAutoencoder):
        inner, feed, error = _on_pixels(module, material, batch, noise, seed)
    else:
        raise InputError(
            f"train: the model must be an autoencoder of repviz, got {type(module).__name__}."
        )
    best = _Best(inner, error)
    on_path = isinstance(inner, path.PathTraining)
    loop.run(
        inner,
        feed,
        loss=_loss(module, inner, math.prod(material.shape)),
        optimizer=_optimizer(inner, len(material.train)),
        pace=loop.CosineSchedule(
            epochs, feed.steps, warm_up=0.02 if on_path else 0.05, falls=not on_path
        ),
        after_epoch=best.look,
        # Processors have no fast kernel for transposed convolutions in bfloat16.
        machine=Machine(precision="fp32" if isinstance(module, ConvAutoencoder) else "auto"),
    )
    if isinstance(module, PathAutoencoder) and isinstance(inner, path.PathTraining):
        inner.close()
        rows = torch.from_numpy(material.rows(material.validation))
        path.find_gains(module, module.scores(rows))
        best.epoch = epochs  # each size was kept as the code shrank past it
    else:
        best.restore(lambda: _clipped_error(module, material))
    history = pd.DataFrame(best.history)
    history["kept"] = history["epoch"] == best.epoch
    trained = f"trained: {epochs} x {len(material.train)} images (seed {seed})"
    return replace(model, weights=trained), history


def _optimizer(inner: nn.Module, n: int) -> torch.optim.Optimizer:
    rate, decay = RATE, 0.0 if n < FEW else DECAY
    if isinstance(inner, ConvAutoencoder):
        rate, decay = PIXELS_RATE, 0.0
    elif isinstance(inner, path.PathTraining):
        rate, decay = path.RATE, path.DECAY
    weights = [p for p in inner.parameters() if p.requires_grad]
    return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)


def _on_scores(
    module: ScoreAutoencoder, material: TrainingData, epochs: int, batch: int, seed: int
) -> tuple[nn.Module, BatchStream, Callable[[], float]]:
    """Training among principal components: no pixel is touched once they are taken."""
    linear, m = material.linear, len(module.basis)
    module.start_at(linear.mean, linear.basis, linear.spread)
    inner: ScoreCore | path.PathTraining = module.core
    m = min(m, len(linear.basis))
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = DROPOUT if len(material.train) < FEW else 0.0
    copies = material.copies[:, :, :m]
    sign = torch.from_numpy(linear.sign[:m])
    lacking = len(module.basis) - m
    rows = material.rows(material.validation)
    own = torch.from_numpy(linear.scores(rows)[:, :m].astype(np.float32))
    d, own_scores = rows.shape[1], functional.pad(own, (0, lacking))
    all_ = float(np.square(rows - linear.mean, dtype=np.float64).sum())
    beyond = (all_ - float(own.double().square().sum())) / rows.size

    def make(rows: Tensor, part: slice, random: torch.Generator) -> tuple[Tensor, Tensor]:
        which = torch.randint(len(copies), (len(rows),), generator=random)
        turned = torch.rand(len(rows), generator=random) < 0.5
        x = copies[which[part], rows[part]]
        x = torch.where(turned[part, None], x * sign, x)
        x = functional.pad(x, (0, lacking))
        return x, x

    def error() -> float:
        """Squared error a pixel; on the path of sizes, as a multiple of PCA's at this one."""
        with torch.no_grad():
            left = (inner(own_scores) - own_scores).double().square().sum().item() / len(rows)
        if isinstance(inner, ScoreCore):
            return left / d + beyond
        linear = own_scores[:, inner.size(inner.step) :].double().square().sum().item() / len(rows)
        return left / max(linear, 1e-9)

    feed = BatchStream(len(material.train), batch, seed, make, _label(module))
    if isinstance(module, PathAutoencoder):
        inner = path.PathTraining(module.core, epochs * feed.steps)
    return inner, feed, error


def _sizes_watched(module: Autoencoder) -> list[int]:
    """The code's own size; of an ordered code, a short, a middle and that one."""
    k = module.bottleneck
    return sorted({max(1, round(k ** (e / 3))) for e in (1, 2, 3)}) if module.ordered else [k]


def _loss(module: Autoencoder, inner: nn.Module, d: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Mean squared error of ``d`` pixels; with more to it where the form has more."""

    def squared(output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().sum() / (len(target) * d)

    def diverging(output: Tensor, target: Tensor) -> Tensor:
        assert isinstance(module, ConvAutoencoder)
        return squared(output, target) + DIVERGENCE * module.divergence / d

    if isinstance(module, ConvAutoencoder):
        return diverging if module.variational else squared
    return path.relative_loss(inner) if isinstance(inner, path.PathTraining) else squared


def _on_pixels(
    module: ConvAutoencoder, material: TrainingData, batch: int, noise: float, seed: int
) -> tuple[nn.Module, BatchStream, Callable[[], float]]:
    """Training on pixels, each image shifted and mirrored or not, anew in each epoch."""
    from repviz.training.moving import moved  # with its compiler, which components do without

    rows = material.rows(material.train)
    mean = rows.mean(axis=0, dtype=np.float64).reshape(material.shape)
    if material.mirror:
        mean = (mean + mean[..., ::-1]) / 2
    module.start_at_mean(mean.ravel())
    shown = np.ascontiguousarray(material.train)
    validation = material.rows(material.validation)

    def make(rows: Tensor, part: slice, random: torch.Generator) -> tuple[Tensor, Tensor]:
        if material.pictures:
            x = moved(
                shown,
                rows,
                part,
                shift=material.shift,
                mirror=material.mirror,
                generator=random,
            )
        else:
            x = torch.from_numpy(shown[rows[part].numpy()])
        x = x.contiguous(memory_format=torch.channels_last)
        if not noise:
            return x, x
        return x + noise * torch.randn(x.shape, generator=random), x

    def error() -> float:
        left = [
            decode_unclipped(module, encode(module, validation, k=k))
            for k in _sizes_watched(module)
        ]
        return float(np.mean([np.square(output - validation).mean() for output in left]))

    return module, BatchStream(len(shown), batch, seed, make, _label(module)), error


def _label(module: Autoencoder) -> str:
    most = "up to " if module.ordered else ""
    return f"autoencoder, {most}{module.bottleneck} numbers"


def _clipped_error(module: Autoencoder, material: TrainingData) -> float:
    rows = material.rows(material.validation)
    errors = []
    for k in _sizes_watched(module):
        output = decode_unclipped(module, encode(module, rows, k=k))
        if material.pictures:
            output = np.clip(output, 0, 1)
        errors.append(float(np.square(output - rows, dtype=np.float64).mean()))
    return float(np.mean(errors))


class _Best:
    """Looks at a module after each epoch and keeps the state with the least validation error."""

    def __init__(self, module: nn.Module, error: Callable[[], float]) -> None:
        self.module, self.error = module, error
        self.history: list[loop.Row] = []
        self.epoch, self.least = 0, float("inf")
        module.eval()
        self.look(loop.Epoch(0, float("nan"), 0.0))
        self.first = self.state

    def look(self, epoch: loop.Epoch) -> loop.Row:
        mse = self.error()
        self.history.append(
            {
                "epoch": epoch.number,
                "train_mse": epoch.loss,
                "validation_mse": mse,
                "learning_rate": epoch.learning_rate,
            }
        )
        if mse < self.least:
            self.epoch, self.least = epoch.number, mse
            self.state = {name: value.clone() for name, value in self.module.state_dict().items()}
        return self.history[-1]

    def restore(self, clipped: Callable[[], float]) -> None:
        """Give the module its best state; the start, where clipping turns out to favour that."""
        self.module.load_state_dict(self.first)
        start = clipped()
        self.module.load_state_dict(self.state)
        if clipped() > start:
            self.epoch = 0
            self.module.load_state_dict(self.first)
