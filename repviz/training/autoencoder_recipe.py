"""How autoencoders are trained: from PCA where the form allows, never worse than its start."""

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
from repviz.models.prefix import PrefixAutoencoder
from repviz.models.scores import ScoreAutoencoder, ScoreCore, n_components_for
from repviz.number_format import counted
from repviz.training import loop, prefix
from repviz.training.augmentation import SHIFT
from repviz.training.batches import BatchStream
from repviz.training.data import TrainingData
from repviz.training.machine import Machine
from repviz.training.schedules import CosineSchedule
from repviz.training.settings import ConvolutionalOptions, Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

RATE, PIXELS_RATE = 1e-3, 2e-3  # peak learning rates: on principal components, and on pixels
DECAY = 1.0  # weight decay of AdamW on components of many images; few are regularised by dropout
# Form -> steps on as many images as MANY; on components, fewer images are overfitted sooner.
STEPS = {"linear-start": 2000, "prefix": 4000, "conv": 750, "nested": 2250}
MANY, FEW, DROPOUT = 8000, 2000, 0.2
BATCHES = {"scores": (64, 256), "pixels": (32, 64)}  # for few images, and for many
DIVERGENCE = 0.1  # weight of a variational code's divergence, in grey level² per image
SETTINGS = Settings(
    epochs=24, batch=32, learning_rate=RATE, weight_decay=0.0, init="as-given", precision="auto"
)


def fit_autoencoder(
    data: TrainingData,
    *,
    bottleneck: int,
    form: str = "linear-start",
    effort: float = 1.0,
    noise: float = 0.0,
    variational: bool = False,
    convolutional: ConvolutionalOptions | None = None,
    seed: int = 0,
) -> tuple[Model, pd.DataFrame]:
    """An autoencoder with a code of ``bottleneck`` numbers, and the history of its training.

    The epoch with the smallest validation error is selected, the start included: from PCA it
    never ends above PCA's error on the validation images.

    Parameters
    ----------
    data : TrainingData
        The images, and their augmentation.
    bottleneck : int
        Numbers in a code, at least 1.
    form : str
        A key of :data:`repviz.models.autoencoder.FORMS`.
    effort : float
        Training time as a multiple of the default; 0 returns the start.
    noise : float
        conv: standard deviation of Gaussian noise added to the input and not to the target, in
        grey levels of [0, 1] (Vincent et al. 2008).
    variational : bool
        conv: whether a code is sampled from a Gaussian per image (Kingma & Welling 2014).
    convolutional : ConvolutionalOptions, optional
        conv, nested: depth, width and epochs.
    seed : int
        Seed of the weights, the order and the augmentation, at least 0.

    Returns
    -------
    model : Model
        In evaluation mode, with the weights of the selected epoch.
    history : DataFrame
        One row per epoch, from 0 (the start): ``epoch``; ``step``, the steps so far;
        ``train_mse``, ``validation_mse`` (mean
        squared error in squared grey levels of [0, 1], before clipping; training's is over the
        augmented images of that epoch, and NaN in epoch 0; of "prefix" both are multiples of
        PCA's error at the present size of the code, and ``is_relative`` is true);
        ``learning_rate``; ``selected``, true in one row.

    Raises
    ------
    InputError
        A parameter is out of range, or all images are the same.
    """
    who = "fit_autoencoder"
    effort = checks.real(who, "effort", effort, low=0, high=1000)
    options: dict[str, Any] = {"variational": True} if variational else {}
    own = {} if convolutional is None else convolutional.given
    epochs = own.pop("epochs", None)
    options |= own
    channels, *size = data.shape
    if form in ("linear-start", "prefix") and bottleneck >= 1:
        options["components"] = min(
            len(data.linear.basis), n_components_for(bottleneck, math.prod(data.shape))
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
    uses_scores = isinstance(model.module, ScoreAutoencoder)
    steps = effort * STEPS[form]
    if uses_scores:
        steps *= min(1.0, math.sqrt(len(data.train) / MANY))
    few, many = BATCHES["scores" if uses_scores else "pixels"]
    batch = few if len(data.train) < FEW else many
    if epochs is None:
        epochs = math.ceil(steps / -(-len(data.train) // batch))
    return _fit(model, data, epochs=epochs, batch=batch, noise=noise, seed=seed)


def train_on_pixels(
    model: Model,
    images: Images,
    parts: tuple[np.ndarray, np.ndarray],
    *,
    settings: Settings,
    seed: int,
    make_checkpointer: None = None,
) -> tuple[Model, pd.DataFrame]:
    """A copy of ``model`` trained to reconstruct ``images``; see :func:`repviz.train`."""
    preprocessing = model.preprocessing
    resized = images.at(size=preprocessing.size, grey=preprocessing.channels == 1)
    train, validation = (resized.pixels(rows) for rows in parts)
    copied = replace(model, module=copy.deepcopy(model.module))
    data = TrainingData(
        train,
        validation,
        shift=0.0 if images.from_known_manifold else SHIFT,
        max_bottleneck=getattr(model.module, "bottleneck", 1),
    )
    return _fit(copied, data, epochs=settings.epochs, batch=settings.batch, seed=seed)


def _fit(
    model: Model,
    data: TrainingData,
    *,
    epochs: int,
    batch: int,
    noise: float = 0.0,
    seed: int = 0,
) -> tuple[Model, pd.DataFrame]:
    """``model``, trained in place from the start of its form, and its history."""
    import pandas as pd

    module = model.module
    if isinstance(module, ScoreAutoencoder):
        inner, batches, error = _on_scores(module, data, epochs, batch, seed)
    elif isinstance(module, ConvAutoencoder):
        inner, batches, error = _on_pixels(module, data, batch, noise, seed)
    else:
        raise InputError(
            f"train: the model must be a repviz autoencoder, got {type(module).__name__}."
        )
    best = _BestEpoch(inner, error)
    is_prefix = isinstance(inner, prefix.PrefixTraining)
    loop.run(
        inner,
        batches,
        loss=_loss(module, inner, math.prod(data.shape)),
        optimizer=_optimizer(inner, len(data.train)),
        schedule=CosineSchedule(
            epochs, batches.steps, warm_up=0.02 if is_prefix else 0.05, decays=not is_prefix
        ),
        after_epoch=best.record,
        # Processors have no fast kernel for transposed convolutions in bfloat16.
        machine=Machine(precision="fp32" if isinstance(module, ConvAutoencoder) else "auto"),
    )
    if isinstance(module, PrefixAutoencoder) and isinstance(inner, prefix.PrefixTraining):
        inner.finish()
        rows = torch.from_numpy(data.rows(data.validation))
        prefix.find_gains(module, module.scores(rows))
        best.epoch = epochs  # each size was saved as the code shrank past it
    else:
        best.restore(lambda: _clipped_error(module, data))
    history = pd.DataFrame(best.history)
    history.insert(1, "step", history["epoch"] * batches.steps)
    history["is_relative"] = is_prefix
    history["selected"] = history["epoch"] == best.epoch
    trained = f"trained for {counted(epochs, 'epoch')} on {len(data.train):,} images (seed {seed})"
    return replace(model, weights=trained, weights_kind="trained"), history


def _optimizer(inner: nn.Module, n: int) -> torch.optim.Optimizer:
    rate, decay = RATE, 0.0 if n < FEW else DECAY
    if isinstance(inner, ConvAutoencoder):
        rate, decay = PIXELS_RATE, 0.0
    elif isinstance(inner, prefix.PrefixTraining):
        rate, decay = prefix.RATE, prefix.DECAY
    weights = [p for p in inner.parameters() if p.requires_grad]
    return torch.optim.AdamW(weights, lr=rate, weight_decay=decay, fused=True)


def _on_scores(
    module: ScoreAutoencoder, data: TrainingData, epochs: int, batch: int, seed: int
) -> tuple[nn.Module, BatchStream, Callable[[], float]]:
    """Training on principal components: no pixel is needed once their scores are computed."""
    linear, m = data.linear, len(module.basis)
    module.start_at(linear.mean, linear.basis, linear.spread)
    inner: ScoreCore | prefix.PrefixTraining = module.core
    m = min(m, len(linear.basis))
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = DROPOUT if len(data.train) < FEW else 0.0
    copies = data.copies[:, :, :m]
    sign = torch.from_numpy(linear.sign[:m])
    n_missing = len(module.basis) - m
    rows = data.rows(data.validation)
    scores = torch.from_numpy(linear.scores(rows)[:, :m].astype(np.float32))
    d, targets = rows.shape[1], functional.pad(scores, (0, n_missing))
    total = float(np.square(rows - linear.mean, dtype=np.float64).sum())
    beyond = (total - float(scores.double().square().sum())) / rows.size  # of the other components

    def load_batch(rows: Tensor, part: slice, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        copy_of = torch.randint(len(copies), (len(rows),), generator=rng)
        mirrored = torch.rand(len(rows), generator=rng) < 0.5
        x = copies[copy_of[part], rows[part]]
        x = torch.where(mirrored[part, None], x * sign, x)
        x = functional.pad(x, (0, n_missing))
        return x, x

    def error() -> float:
        """Squared error per pixel; of "prefix", as a multiple of PCA's at the present size."""
        with torch.no_grad():
            residual = (inner(targets) - targets).double().square().sum().item() / len(rows)
        if isinstance(inner, ScoreCore):
            return residual / d + beyond
        linear = targets[:, inner.size(inner.step) :].double().square().sum().item() / len(rows)
        return residual / max(linear, 1e-9)

    batches = BatchStream(len(data.train), batch, seed, load_batch, _label(module))
    if isinstance(module, PrefixAutoencoder):
        inner = prefix.PrefixTraining(module.core, epochs * batches.steps)
    return inner, batches, error


def _validated_sizes(module: Autoencoder) -> list[int]:
    """The bottleneck; of an ordered code, a short and a middle size too."""
    k = module.bottleneck
    return sorted({max(1, round(k ** (e / 3))) for e in (1, 2, 3)}) if module.ordered else [k]


def _loss(module: Autoencoder, inner: nn.Module, d: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Mean squared error of ``d`` pixels, and the further terms of the form."""

    def squared(output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().sum() / (len(target) * d)

    def with_divergence(output: Tensor, target: Tensor) -> Tensor:
        assert isinstance(module, ConvAutoencoder)
        return squared(output, target) + DIVERGENCE * module.divergence / d

    if isinstance(module, ConvAutoencoder):
        return with_divergence if module.variational else squared
    return prefix.relative_loss(inner) if isinstance(inner, prefix.PrefixTraining) else squared


def _on_pixels(
    module: ConvAutoencoder, data: TrainingData, batch: int, noise: float, seed: int
) -> tuple[nn.Module, BatchStream, Callable[[], float]]:
    """Training on pixels, each image shifted and mirrored at random in each epoch."""
    from repviz.training.shifts import shift_and_mirror  # needs a compiler

    rows = data.rows(data.train)
    mean = rows.mean(axis=0, dtype=np.float64).reshape(data.shape)
    if data.mirror:
        mean = (mean + mean[..., ::-1]) / 2
    module.start_at_mean(mean.ravel())
    train = np.ascontiguousarray(data.train)
    validation = data.rows(data.validation)

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

    def error() -> float:
        outputs = [
            decode_unclipped(module, encode(module, validation, k=k))
            for k in _validated_sizes(module)
        ]
        return float(np.mean([np.square(output - validation).mean() for output in outputs]))

    return module, BatchStream(len(train), batch, seed, load_batch, _label(module)), error


def _label(module: Autoencoder) -> str:
    up_to = "up to " if module.ordered else ""
    return f"autoencoder, {up_to}{module.bottleneck} numbers"


def _clipped_error(module: Autoencoder, data: TrainingData) -> float:
    rows = data.rows(data.validation)
    errors = []
    for k in _validated_sizes(module):
        output = decode_unclipped(module, encode(module, rows, k=k))
        if data.is_pixels:
            output = np.clip(output, 0, 1)
        errors.append(float(np.square(output - rows, dtype=np.float64).mean()))
    return float(np.mean(errors))


class _BestEpoch:
    """Records the validation error after each epoch and the weights where it was smallest."""

    def __init__(self, module: nn.Module, error: Callable[[], float]) -> None:
        self.module, self.error = module, error
        self.history: list[loop.Row] = []
        self.epoch, self.smallest = 0, float("inf")
        module.eval()
        self.record(loop.Epoch(0, float("nan"), 0.0))
        self.start = self.state

    def record(self, epoch: loop.Epoch) -> loop.Row:
        mse = self.error()
        self.history.append(
            {
                "epoch": epoch.number,
                "train_mse": epoch.loss,
                "validation_mse": mse,
                "learning_rate": epoch.learning_rate,
            }
        )
        if mse < self.smallest:
            self.epoch, self.smallest = epoch.number, mse
            self.state = {name: value.clone() for name, value in self.module.state_dict().items()}
        return self.history[-1]

    def restore(self, clipped: Callable[[], float]) -> None:
        """Load the best weights; the start, where that has the smaller error after clipping."""
        self.module.load_state_dict(self.start)
        start = clipped()
        self.module.load_state_dict(self.state)
        if clipped() > start:
            self.epoch = 0
            self.module.load_state_dict(self.start)
