"""The recipe of autoencoders: training from PCA where the form allows, with the best epoch kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks
from repviz.errors import InputError
from repviz.models import open_model
from repviz.models.autoencoder import FORMS
from repviz.models.convolutional import ConvAutoencoder
from repviz.models.model import Model
from repviz.models.scores import ComponentAutoencoder, n_components_for
from repviz.number_format import counted
from repviz.training import loop
from repviz.training.augmentation import SHIFT
from repviz.training.component_procedures import on_components
from repviz.training.data import TrainingData
from repviz.training.machine import Machine
from repviz.training.pixel_procedure import on_pixels
from repviz.training.procedure import FEW, RATE, Procedure, clipped_error
from repviz.training.schedules import CosineSchedule
from repviz.training.settings import CONVOLUTIONAL, ConvolutionalOptions, Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

# Form -> steps on as many images as MANY; on components, fewer images are overfitted sooner.
STEPS = {
    "linear-start": 2000,
    "prefix": 4000,
    "least-volume": 4000,
    "rank-reduction": 4000,
    "conv": 750,
    "nested": 2250,
}
MANY = 8000
BATCHES = {"components": (64, 256), "pixels": (32, 64)}  # for few images, and for many
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
    if form in FORMS and form not in CONVOLUTIONAL and bottleneck >= 1:
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
    uses_components = form not in CONVOLUTIONAL
    steps = effort * STEPS[form]
    if uses_components:
        steps *= min(1.0, math.sqrt(len(data.train) / MANY))
    few, many = BATCHES["components" if uses_components else "pixels"]
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
    if isinstance(module, ComponentAutoencoder):
        procedure = on_components(module, data, epochs, batch, seed)
    elif isinstance(module, ConvAutoencoder):
        procedure = on_pixels(module, data, batch, noise, seed)
    else:
        raise InputError(
            f"train: the model must be a repviz autoencoder, got {type(module).__name__}."
        )
    batches = procedure.batches
    best = _BestEpoch(procedure)
    loop.run(
        procedure.network,
        batches,
        loss=procedure.loss,
        optimizer=procedure.optimizer,
        schedule=CosineSchedule(
            epochs, batches.steps, warm_up=procedure.warm_up, decays=procedure.decays
        ),
        after_epoch=best.record,
        machine=Machine(precision=procedure.precision),
    )
    if procedure.finish is None:
        best.restore(lambda: clipped_error(module, data))
    else:
        procedure.finish()
        best.epoch = epochs
    history = pd.DataFrame(best.history)
    history.insert(1, "step", history["epoch"] * batches.steps)
    history["is_relative"] = procedure.is_relative
    history["selected"] = history["epoch"] == best.epoch
    trained = f"trained for {counted(epochs, 'epoch')} on {len(data.train):,} images (seed {seed})"
    return replace(model, weights=trained, weights_kind="trained"), history


class _BestEpoch:
    """Records the validation error after each epoch and the weights where it was smallest."""

    def __init__(self, procedure: Procedure) -> None:
        self.module, self.procedure = procedure.network, procedure
        self.history: list[loop.Row] = []
        self.epoch, self.smallest = 0, float("inf")
        self.module.eval()
        self.record(loop.Epoch(0, float("nan"), 0.0))
        self.start = self.state

    def record(self, epoch: loop.Epoch) -> loop.Row:
        mse = self.procedure.error()
        self.history.append(
            {
                "epoch": epoch.number,
                "train_mse": epoch.loss * self.procedure.loss_unit,
                "validation_mse": mse,
                "learning_rate": epoch.learning_rate,
            }
        )
        if mse < self.smallest:
            self.epoch, self.smallest = epoch.number, mse
            self.state = {name: value.clone() for name, value in self.module.state_dict().items()}
        return self.history[-1]

    def restore(self, clipped: Callable[[], float]) -> None:
        """Load the best weights, or the initial ones if their clipped error is smaller."""
        self.module.load_state_dict(self.start)
        start = clipped()
        self.module.load_state_dict(self.state)
        if clipped() > start:
            self.epoch = 0
            self.module.load_state_dict(self.start)
