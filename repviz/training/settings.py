"""The settings of a training: optimizer, schedule, augmentation and initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from repviz import checks
from repviz.errors import InputError

SCHEDULES: dict[str, str] = {
    "cosine": "the learning rate rises linearly, then falls along half a cosine",
    "plateau": "the learning rate is divided by 10 when validation accuracy stops rising",
    "steps": "the learning rate is divided by 10 after 27, 56 and 87 % of the epochs, as in 2012",
}
INITS: dict[str, str] = {
    "data-dependent": "each unit scaled and shifted to mean 0, variance 1 over training images",
    "as-given": "the weights as they are",
}


REAL_RANGES = (
    ("learning_rate", 1e-12, 1e3),
    ("momentum", 0.0, 0.9999),
    ("weight_decay", 0.0, 1.0),
    ("bias_rate", 1e-12, 1e3),
)


@dataclass(frozen=True)
class Settings:
    """The settings of a recipe; ``dataclasses.replace`` gives a changed copy.

    Attributes
    ----------
    epochs : int
        Passes over the training images, at least 1.
    batch : int
        Images per step, over all processes, at least 1.
    learning_rate : float
        The highest learning rate, above 0.
    momentum, weight_decay : float
        Parameters of stochastic gradient descent: momentum in [0, 1), weight decay at least 0.
    schedule : str
        A key of :data:`SCHEDULES`.
    init : str
        A key of :data:`INITS`: what happens to the weights before the first step.
    augment : mapping of str to float
        A key of :data:`repviz.training.augmentation.AUGMENTATIONS` to its amount.
    precision : str
        A key of :data:`repviz.training.machine.PRECISIONS`.
    compile : bool
        Whether torch compiles the network first.
    bias_rate : float
        Learning rate of biases, as a multiple of that of weights, above 0.
    bias_decay : bool
        Whether weight decay applies to biases too.
    save_every : float
        Seconds between two checkpoints of an unfinished training.
    tensorboard : bool
        Whether to write the curves for TensorBoard too, in a folder beside the checkpoint.
    """

    epochs: int
    batch: int
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "cosine"
    init: str = "data-dependent"
    augment: Mapping[str, float] = field(default_factory=dict)
    precision: str = "fp32"
    compile: bool = False
    bias_rate: float = 1.0
    bias_decay: bool = True
    save_every: float = 60.0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        # Python's own numbers take the place of NumPy's, which no JSON record holds.
        for name, most in (("epochs", checks.MOST_EPOCHS), ("batch", None)):
            number = checks.integer("train", name, getattr(self, name), low=1, high=most)
            object.__setattr__(self, name, number)
        for name, low, high in REAL_RANGES:
            value = checks.real("train", name, getattr(self, name), low=low, high=high)
            object.__setattr__(self, name, value)
        for name in ("compile", "bias_decay", "tensorboard"):
            object.__setattr__(self, name, checks.flag("train", name, getattr(self, name)))
        checks.one_of("train", "schedule", self.schedule, SCHEDULES)
        checks.one_of("train", "init", self.init, INITS)

    @property
    def decisions(self) -> dict[str, Any]:
        """The settings that affect the result, as JSON values: not how often it is saved."""
        values = asdict(self) | {"augment": dict(self.augment)}
        return {name: value for name, value in values.items() if name not in _WITHOUT_EFFECT}


_WITHOUT_EFFECT = {"save_every", "tensorboard"}
CONVOLUTIONAL = ("conv", "nested")  # forms of autoencoders that ConvolutionalOptions are of


@dataclass(frozen=True)
class ConvolutionalOptions:
    """Size and training length of convolutional autoencoders; None is the recipe's own choice.

    Attributes
    ----------
    depth : int, optional
        Convolutional autoencoders: number of halvings of the image, 1 to 8 (default: down to 4
        pixels per side, at most 4).
    width : int, optional
        Convolutional autoencoders: feature maps after the first halving, 1 to 1024; each further
        halving doubles them (default: 16).
    epochs : int, optional
        Convolutional autoencoders: passes over the training images, 1 to 100,000, whatever the
        effort (default: those of 750 steps; 2,250 where one training serves all sizes).
    """

    depth: int | None = None
    width: int | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        limits = {"depth": 8, "width": 1024, "epochs": checks.MOST_EPOCHS}
        for name, value in self.given.items():
            whole = checks.integer("ConvolutionalOptions", name, value, low=1, high=limits[name])
            object.__setattr__(self, name, whole)

    @property
    def given(self) -> dict[str, int]:
        """The options that are not None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def parse_augmentations(text: str) -> dict[str, float]:
    """``"crop,flip,rotation=15"`` as amounts, the default where none is given; "none" gives {}.

    Raises
    ------
    UnknownName
        No augmentation has this name.
    InputError
        What follows the equals sign is not a number.
    """
    from repviz.training.augmentation import AUGMENTATIONS

    amounts: dict[str, float] = {}
    text = "" if text.strip() == "none" else text
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = word.partition("=")
        checks.one_of("train", "augmentation", name, AUGMENTATIONS)
        try:
            amounts[name] = float(value) if equals else AUGMENTATIONS[name].default
        except ValueError:
            raise InputError(
                f"train: the amount of '{name}' must be a number, got '{value}'. For example: "
                f"{name}={AUGMENTATIONS[name].default:g}."
            ) from None
    return amounts
