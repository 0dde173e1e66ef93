"""The recipes of classifiers: those of 2012, and a variant for few images.

Krizhevsky et al. (2012) train 90 epochs on 1.2 million images: stochastic gradient descent with
momentum 0.9, weight decay 0.0005, dropout in the network, random crops. On some hundred images
there are only dozens of steps, too few to find the scale of eight layers, so :data:`FEW_IMAGES`
keeps all of this, and differs in three ways:

- before the first step each unit is scaled and shifted to mean 0 and variance 1 over training
  images (:func:`data_dependent_init`);
- the learning rate warms up, then decays along half a cosine, instead of in steps by hand;
- there are no mirror images: in 6 epochs of 280 AT&T faces they lower the held-out accuracy
  (0.70 with them, 0.84 to 0.88 without, at learning rates 0.001 and 0.002).

:data:`PAPER` is the recipe as printed, for large image sets; :data:`CODE_2012` is that of the
published code. Neither draws weights: ``repviz.open_model("alexnet", init="paper")`` and
``variant="code2012"`` do. What they leave different is listed in
:mod:`repviz.models.alexnet_differences`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.v2.functional import center_crop

from repviz import intervals
from repviz.errors import InputError
from repviz.images import split
from repviz.images.cache import cached_pixels
from repviz.images.partition import by_for_labels, clusters_of
from repviz.models.model import Model, Preprocessing, evaluating
from repviz.number_format import counted
from repviz.training import loop
from repviz.training.augmentation import AUGMENTATIONS, SHIFT, Augmenter, principal_colours
from repviz.training.batches import BatchStream, torch_stream
from repviz.training.evaluation import BATCH, probabilities
from repviz.training.machine import Machine
from repviz.training.schedules import CosineSchedule, PlateauSchedule, Schedule, StepSchedule
from repviz.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

FEW_IMAGES = Settings(epochs=6, batch=32, learning_rate=1.5e-3, augment={"shift": SHIFT})
PAPER = Settings(
    epochs=90,
    batch=128,
    learning_rate=0.01,
    schedule="plateau",
    init="as-given",
    augment={name: AUGMENTATIONS[name].default for name in ("crop", "flip", "colour")},
    precision="auto",
)
CODE_2012 = replace(
    PAPER,
    epochs=91,
    schedule="steps",
    augment={"crop": 256 / 224 - 1, "flip": 0.5, "colour": 0.1},
    bias_rate=2.0,
    bias_decay=False,
)
INIT_IMAGES = 128  # images that the data-dependent initialisation measures units on
TRAIN_SCORED = 500  # training images, evenly spaced, that training accuracy is scored on
VALIDATION = 0.1  # fraction of the training images that decides when the rate falls
IN_MEMORY = 2**28  # bytes of decoded images; more are memory-mapped from the disk
Parts = tuple[np.ndarray, np.ndarray]
MakeCheckpointer = Callable[[Model], loop.Checkpointer]


def train_on_labels(
    model: Model,
    images: Images,
    parts: Parts,
    *,
    settings: Settings,
    seed: int,
    make_checkpointer: MakeCheckpointer | None = None,
) -> tuple[Model, pd.DataFrame]:
    """A copy of ``model`` trained to classify the labels; see :func:`repviz.train`."""
    import pandas as pd

    classes, label_indices = _classes(model, images)
    machine = Machine(settings.precision, settings.compile)
    data = _Data.opened(model, images, settings)
    module = _initialised(model, data, parts[0], settings, seed)
    fitted_rows, validation_rows = _validation(images, parts[0], settings, seed)
    length = counted(settings.epochs, "epoch")
    weights = f"trained for {length} on {len(fitted_rows):,} images (seed {seed})"
    trained = replace(
        model, module=module, weights=weights, weights_kind="trained", classes=classes
    )

    def load_batch(rows: Tensor, part: slice, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn = [numbers[part] for numbers in data.augmenter.draw(len(rows), rng)]
        wanted = fitted_rows[rows[part].numpy()]
        x = data.augmenter.change(torch.from_numpy(data.pixels[wanted]), drawn)
        return model.preprocessing(x), label_indices[wanted]

    batches = BatchStream(len(fitted_rows), settings.batch, seed, load_batch, model.name)
    scored = fitted_rows[:: -(-len(fitted_rows) // TRAIN_SCORED)]
    seen = {
        "fitted": fitted_rows,
        "train": scored,
        "validation": validation_rows,
        "held_out": parts[1],
    }
    clusters = clusters_of(images.labels, images.groups)
    evaluator = _Evaluator(
        module, model.preprocessing, data, label_indices, seen, machine, clusters
    )
    history = loop.run(
        module,
        batches,
        loss=functional.cross_entropy,
        score=lambda output, target: (output.argmax(1) == target).sum(),
        optimizer=torch.optim.SGD(
            _parameter_groups(module, settings), momentum=settings.momentum, fused=True
        ),
        schedule=_schedule(settings, batches.steps),
        after_epoch=evaluator.row,
        machine=machine,
        checkpointer=make_checkpointer(trained) if make_checkpointer else None,
    )
    return replace(trained, module=module.eval()), pd.DataFrame(history)


def untrained_control(model: Model, images: Images, rows: np.ndarray, *, seed: int = 0) -> Model:
    """The network as training on ``rows`` starts: random weights, initialised on the images.

    It has seen no label and made no step: what a trained network has beyond it was learned.

    Parameters
    ----------
    model : Model
        With random weights.
    images : Images
        The images that training would see.
    rows : ndarray of int, shape (n,)
        The rows to train on.
    seed : int
        Seed of the choice of images that scale it, as in :func:`repviz.train`.
    """
    data = _Data.opened(model, images.take(rows), FEW_IMAGES)
    module = _initialised(model, data, None, FEW_IMAGES, seed)
    return replace(model, module=module.eval(), weights=f"{model.weights}, scaled on the images")


@dataclass(frozen=True)
class _Data:
    """The decoded images and their augmentation."""

    pixels: np.ndarray  # (n, c, h, w) uint8
    augmenter: Augmenter

    @classmethod
    def opened(cls, model: Model, images: Images, settings: Settings) -> _Data:
        augmenter = Augmenter(settings.augment, model.preprocessing.size)
        channels = model.preprocessing.channels
        resized = images.at(size=augmenter.input_size, grey=channels == 1)
        small = len(images) * channels * prod(augmenter.input_size) <= IN_MEMORY
        pixels = resized.pixels() if small else cached_pixels(resized)
        if "colour" in settings.augment:
            augmenter = replace(
                augmenter, colour_axes=principal_colours(pixels) if channels == 3 else None
            )
        return cls(pixels, augmenter)


def _initialised(
    model: Model, data: _Data, rows: np.ndarray | None, settings: Settings, seed: int
) -> nn.Module:
    """A copy of the model's network, initialised as the settings say on some training images."""
    module = copy.deepcopy(model.module)
    if settings.init == "data-dependent":
        rows = np.arange(len(data.pixels)) if rows is None else rows
        some = torch.randperm(len(rows), generator=torch_stream(seed, "settle"))[
            :INIT_IMAGES
        ].numpy()
        pixels = torch.from_numpy(data.pixels[np.sort(rows[some])])
        data_dependent_init(
            module, model.preprocessing(center_crop(pixels, list(model.preprocessing.size)))
        )
    return module


def _validation(
    images: Images, rows: np.ndarray, settings: Settings, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows to fit, and those whose accuracy lowers the learning rate: none if it is fixed.

    They share groups where there are fewer than ten, too few for a part of their own.
    """
    if settings.schedule != "plateau":
        return rows, rows[:0]
    own = images.take(rows)
    few = own.groups is not None and len(np.unique(own.groups)) * VALIDATION < 1
    by = "image" if few else by_for_labels(own)
    parts = split(own, (1 - VALIDATION, VALIDATION), by=by, seed=seed)
    return rows[parts[0]], rows[parts[1]]


def _schedule(settings: Settings, steps: int) -> Schedule:
    if settings.schedule == "plateau":
        return PlateauSchedule(settings.epochs, steps, "validation_accuracy")
    kind = StepSchedule if settings.schedule == "steps" else CosineSchedule
    return kind(settings.epochs, steps)


def _parameter_groups(module: nn.Module, settings: Settings) -> list[dict[str, Any]]:
    """The weights and the biases, with the learning rate and the weight decay of each."""
    own = [getattr(part, "bias", None) for part in module.modules()]
    bias_ids = {id(bias) for bias in own if isinstance(bias, nn.Parameter)}
    weights = [value for value in module.parameters() if id(value) not in bias_ids]
    biases = [value for value in module.parameters() if id(value) in bias_ids]
    rate, decay = settings.learning_rate, settings.weight_decay
    groups: list[dict[str, Any]] = [
        {"params": weights, "lr": rate, "weight_decay": decay},
        {
            "params": biases,
            "lr": rate * settings.bias_rate,
            "weight_decay": decay if settings.bias_decay else 0.0,
        },
    ]
    return [group for group in groups if group["params"]]


def data_dependent_init(module: nn.Module, x: Tensor) -> None:
    """Scale and shift each unit of ``module``, in place, to mean 0 and variance 1 over ``x``.

    Images of one kind are similar, and what they share grows from layer to layer until it dominates
    the outputs of a deep random network (the cosine between its outputs for two images goes to 1).
    Removing each unit's mean leaves what differs between them. The last layer is left unchanged.

    Mishkin & Matas (2016), "All you need is a good init", and Kraehenbuehl et al. (2016),
    "Data-dependent initializations", the latter without its balancing of the layers.

    Parameters
    ----------
    module : torch.nn.Module
        Its convolutions and linear layers are scaled in the order in which they are called.
    x : Tensor, shape (b, c, h, w)
        Inputs, at least 2 images.
    """
    parts = [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    scaled: list[nn.Module] = []

    def scale(part: Any, inputs: Any, output: Tensor) -> Tensor:
        if part in scaled or part is parts[-1]:
            return output
        scaled.append(part)
        axes = [
            axis
            for axis in range(output.ndim)
            if axis != (1 if output.ndim == 4 else output.ndim - 1)
        ]
        shape = [-1, 1, 1] if output.ndim == 4 else [-1]
        mean, std = output.mean(axes), output.std(axes).clamp_min(1e-3)
        part.weight.div_(std.view(-1, *[1] * (part.weight.ndim - 1)))
        if part.bias is not None:
            part.bias.sub_(mean).div_(std)
        else:
            mean = torch.zeros_like(mean)
        return (output - mean.view(shape)) / std.view(shape)

    handles = [part.register_forward_hook(scale) for part in parts]
    try:
        with evaluating(module):
            module(x)
    finally:
        for handle in handles:
            handle.remove()


class _Evaluator:
    """Counts correct classifications after each epoch."""

    def __init__(
        self,
        module: nn.Module,
        preprocessing: Preprocessing,
        data: _Data,
        label_indices: Tensor,
        parts: dict[str, np.ndarray],
        machine: Machine,
        clusters: np.ndarray | None,
    ) -> None:
        self.clusters = clusters
        self.module, self.preprocessing, self.data = module, preprocessing, data
        self.label_indices, self.parts, self.machine = label_indices, parts, machine

    def row(self, epoch: loop.Epoch) -> loop.Row:
        hits, n = self._hits("held_out"), len(self.parts["held_out"])
        labels = self.label_indices[self.parts["held_out"]]
        clusters = None if self.clusters is None else self.clusters[self.parts["held_out"]]
        low, high = intervals.accuracy(hits, clusters)
        row: loop.Row = {
            "epoch": epoch.number,
            "train_loss": epoch.loss,
            "train_accuracy": float(self._hits("train").mean()),
            "running_train_accuracy": epoch.score,
            "held_out_accuracy": float(hits.mean()),
            "held_out_low": low,
            "held_out_high": high,
            "chance": torch.bincount(labels).max().item() / n,
            "n_train": len(self.parts["fitted"]),
            "n_held_out": n,
            "learning_rate": epoch.learning_rate,
        }
        if n_validation := len(self.parts["validation"]):
            row |= {
                "validation_accuracy": float(self._hits("validation").mean()),
                "n_validation": n_validation,
            }
        return row

    def _hits(self, part: str) -> np.ndarray:
        """Which images of a part are classified correctly, (n,) of bool, over all processes."""
        rows = self.parts[part]
        hits, own = torch.zeros(len(rows)), self.machine.share(len(rows))
        for start in range(own.start, own.stop, BATCH):  # mapped images are read as needed
            stop = min(start + BATCH, own.stop)
            block = rows[start:stop]
            predicted = probabilities(
                self.module, self.preprocessing, self.data.pixels[block], machine=self.machine
            )
            hits[start:stop] = (predicted.argmax(1) == self.label_indices[block]).float()
        found: np.ndarray = self.machine.summed(hits).cpu().numpy() > 0
        return found


def _classes(model: Model, images: Images) -> tuple[tuple[str, ...], Tensor]:
    if images.labels is None:
        raise InputError(
            f"train: images '{images.name}' must have labels, got none. Sort them into one folder "
            "per label."
        )
    classes = tuple(str(label) for label in images.classes)
    outputs = [part for part in model.module.modules() if isinstance(part, nn.Linear)]
    if outputs and outputs[-1].out_features != len(classes):
        raise InputError(
            f"train: the model must have one output per label ({len(classes)}), got "
            f"{outputs[-1].out_features}. Open it with classes={len(classes)}."
        )
    return classes, torch.from_numpy(images.label_indices)
