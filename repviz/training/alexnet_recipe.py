"""How a classifier is trained: the recipe of 2012, with a start that lets few images suffice.

Krizhevsky et al. (2012) train 90 epochs on 1.2 million images: stochastic gradient descent with
momentum 0.9, weight decay 0.0005, dropout in the network, random shifts. All kept. On some hundred
images there are only dozens of steps, too few to find the scale of eight layers, so here

- before the first step each unit is scaled and shifted to mean 0 and variance 1 over training
  images (:func:`data_dependent_init`);
- the learning rate rises, then falls along half a cosine, instead of in steps by hand;
- there are no mirror images: in 6 epochs of 280 AT&T faces they cost more (0.70 of the held-out
  images right) than they bring (0.84 to 0.88 without, at rates 0.001 and 0.002).

That is :data:`FEW`; :data:`PAPER` is the recipe as printed, for those who have the images.
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
from repviz.images.cache import cached
from repviz.models.model import Model, Preprocessing, evaluating
from repviz.training import loop
from repviz.training.augmenting import AUGMENTATIONS, SHIFT, Augmenter, palette
from repviz.training.evaluation import BATCH, probabilities
from repviz.training.feeding import BatchStream, torch_stream
from repviz.training.machine import Machine
from repviz.training.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

FEW = Settings(epochs=6, batch=32, rate=1.5e-3, augment={"shift": SHIFT})
PAPER = Settings(
    epochs=90,
    batch=128,
    rate=0.01,
    pace="plateau",
    start="given",
    augment={name: AUGMENTATIONS[name].usual for name in ("crop", "flip", "colour")},
    precision="auto",
)
SETTLING = 128  # images
VALIDATION = 0.1  # share of the training images that chooses when the rate falls, where one does
IN_MEMORY = 2**28  # bytes of decoded images; more lie on the disk and are mapped
Parts = tuple[np.ndarray, np.ndarray]
Keep = Callable[[Model], loop.Checkpointer]


def train_on_labels(
    model: Model,
    images: Images,
    parts: Parts,
    *,
    settings: Settings,
    seed: int,
    keep: Keep | None = None,
) -> tuple[Model, pd.DataFrame]:
    """A copy of ``model`` trained to tell the labels apart; see :func:`repviz.train`."""
    import pandas as pd

    classes, codes = _classes(model, images)
    machine = Machine(settings.precision, settings.compile)
    data = _Data.opened(model, images, settings)
    module = _settled(model, data, parts[0], settings, seed)
    learned, choosing = _validation(images, parts[0], settings, seed)
    weights = f"trained: {settings.epochs} x {len(learned)} images (seed {seed})"
    trained = replace(model, module=module, weights=weights, classes=classes)

    def make(rows: Tensor, part: slice, random: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn = [numbers[part] for numbers in data.augmenter.draw(len(rows), random)]
        wanted = learned[rows[part].numpy()]
        x = data.augmenter.change(torch.from_numpy(data.pixels[wanted]), drawn)
        return model.preprocessing(x), codes[wanted]

    feed = BatchStream(len(learned), settings.batch, seed, make, model.name)
    seen = {"train": learned, "validation": choosing, "held_out": parts[1]}
    look = _Look(module, model.preprocessing, data, codes, seen, machine)
    history = loop.run(
        module,
        feed,
        loss=functional.cross_entropy,
        score=lambda output, target: (output.argmax(1) == target).sum(),
        optimizer=torch.optim.SGD(
            module.parameters(),
            lr=settings.rate,
            momentum=settings.momentum,
            weight_decay=settings.decay,
            fused=True,
        ),
        pace=_pace(settings, feed.steps),
        after_epoch=look.after,
        machine=machine,
        keeper=keep(trained) if keep else None,
    )
    return replace(trained, module=module.eval()), pd.DataFrame(history)


def untrained_control(model: Model, images: Images, rows: np.ndarray, *, seed: int = 0) -> Model:
    """The network from which training on ``rows`` starts: random weights, each unit settled.

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
        Of the images that settle it, as in :func:`repviz.train`.
    """
    settings = FEW
    module = _settled(model, _Data.opened(model, images.take(rows), settings), None, settings, seed)
    return replace(model, module=module.eval(), weights=f"{model.weights}, settled on the images")


@dataclass(frozen=True)
class _Data:
    """The decoded images, and how they change from epoch to epoch."""

    pixels: np.ndarray  # (n, c, h, w) uint8
    augmenter: Augmenter

    @classmethod
    def opened(cls, model: Model, images: Images, settings: Settings) -> _Data:
        augmenter = Augmenter(settings.augment, model.preprocessing.size)
        channels = model.preprocessing.channels
        fitting = images.at(size=augmenter.side, grey=channels == 1)
        small = len(images) * channels * prod(augmenter.side) <= IN_MEMORY
        pixels = fitting.pixels() if small else cached(fitting)
        if "colour" in settings.augment:
            augmenter = replace(augmenter, palette=palette(pixels) if channels == 3 else None)
        return cls(pixels, augmenter)


def _settled(
    model: Model, data: _Data, rows: np.ndarray | None, settings: Settings, seed: int
) -> nn.Module:
    """A copy of the model's network, settled on some of the training images."""
    module = copy.deepcopy(model.module)
    if settings.start == "settled":
        rows = np.arange(len(data.pixels)) if rows is None else rows
        some = torch.randperm(len(rows), generator=torch_stream(seed, "settle"))[:SETTLING].numpy()
        pixels = torch.from_numpy(data.pixels[np.sort(rows[some])])
        data_dependent_init(
            module, model.preprocessing(center_crop(pixels, list(model.preprocessing.size)))
        )
    return module


def _validation(
    images: Images, rows: np.ndarray, settings: Settings, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows to learn from, and those that choose when the rate falls: none for a fixed pace."""
    if settings.pace != "plateau":
        return rows, rows[:0]
    parts = split(images.take(rows), (1 - VALIDATION, VALIDATION), by="image", seed=seed)
    return rows[parts[0]], rows[parts[1]]


def _pace(settings: Settings, steps: int) -> loop.CosineSchedule | loop.PlateauSchedule:
    if settings.pace == "plateau":
        return loop.PlateauSchedule(settings.epochs, steps, "validation_accuracy")
    return loop.CosineSchedule(settings.epochs, steps)


def data_dependent_init(module: nn.Module, x: Tensor) -> None:
    """Scale and shift each unit of ``module``, in place, to mean 0 and variance 1 over ``x``.

    Images of one kind are much alike, and what all share grows from layer to layer until it is all
    that a deep random network sees (the cosine between its answers to two images goes to 1). Taking
    the mean out at each unit leaves what tells them apart. The last layer stays as it is.

    Mishkin & Matas (2016), "All you need is a good init", and Kraehenbuehl et al. (2016),
    "Data-dependent initializations", the latter without its balancing of the layers.

    Parameters
    ----------
    module : torch.nn.Module
        Convolutions and linear layers are settled in the order in which they work.
    x : Tensor, shape (b, c, h, w)
        Some input, at least 2 images.
    """
    parts = [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    order: list[nn.Module] = []

    def settled(part: Any, inputs: Any, output: Tensor) -> Tensor:
        if part in order or part is parts[-1]:
            return output
        order.append(part)
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

    handles = [part.register_forward_hook(settled) for part in parts]
    try:
        with evaluating(module):
            module(x)
    finally:
        for handle in handles:
            handle.remove()


class _Look:
    """Counts right answers after each epoch, on images that training does not see."""

    def __init__(
        self,
        module: nn.Module,
        made_for: Preprocessing,
        data: _Data,
        codes: Tensor,
        parts: dict[str, np.ndarray],
        machine: Machine,
    ) -> None:
        self.module, self.made_for, self.data = module, made_for, data
        self.codes, self.parts, self.machine = codes, parts, machine

    def after(self, epoch: loop.Epoch) -> loop.Row:
        right, n = self._right("held_out"), len(self.parts["held_out"])
        low, high = intervals.share(right, n)
        answers = self.codes[self.parts["held_out"]]
        row: loop.Row = {
            "epoch": epoch.number,
            "train_loss": epoch.loss,
            "train_accuracy": epoch.score,
            "held_out_accuracy": right / n,
            "held_out_low": low,
            "held_out_high": high,
            "chance": torch.bincount(answers).max().item() / n,
            "n_train": len(self.parts["train"]),
            "n_held_out": n,
            "learning_rate": epoch.learning_rate,
        }
        if choosing := len(self.parts["validation"]):
            row |= {
                "validation_accuracy": self._right("validation") / choosing,
                "n_validation": choosing,
            }
        return row

    def _right(self, part: str) -> int:
        """How many of a part are right, over all processes, each image counted once."""
        rows = self.parts[part]
        mine = rows[self.machine.share(len(rows))]
        right = torch.zeros(1)
        for start in range(0, len(mine), BATCH):  # mapped images are read as they are needed
            some = mine[start : start + BATCH]
            found = probabilities(
                self.module, self.made_for, self.data.pixels[some], machine=self.machine
            )
            right += (found.argmax(1) == self.codes[some]).sum()
        return int(self.machine.summed(right).item())


def _classes(model: Model, images: Images) -> tuple[tuple[str, ...], Tensor]:
    if images.labels is None:
        raise InputError(
            f"train: images '{images.name}' must have labels to learn, and have none. "
            "Sort them into a folder a label."
        )
    classes = tuple(str(label) for label in images.classes)
    outputs = [part for part in model.module.modules() if isinstance(part, nn.Linear)]
    if outputs and outputs[-1].out_features != len(classes):
        raise InputError(
            f"train: the model must have one output a label ({len(classes)}), got "
            f"{outputs[-1].out_features}. Open it with classes={len(classes)}."
        )
    return classes, torch.from_numpy(images.label_indices)
