"""How a network is trained: one record of everything that a recipe decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from repviz import checks
from repviz.errors import InputError

PACES: dict[str, str] = {
    "cosine": "the rate rises in a straight line, then falls along half a cosine",
    "plateau": "the rate is divided by 10 when validation accuracy stops rising",
}
STARTS: dict[str, str] = {
    "settled": "each unit scaled and shifted to mean 0 and variance 1 over training images",
    "given": "the weights as they are",
}


@dataclass(frozen=True)
class Settings:
    """What a recipe decides; ``dataclasses.replace`` makes another of it.

    Attributes
    ----------
    epochs : int
        Passes over the training images, at least 1.
    batch : int
        Images a step, over all processes, at least 1.
    rate : float
        The highest learning rate, above 0.
    momentum, decay : float
        Of stochastic gradient descent: momentum, in [0, 1), and weight decay, at least 0.
    pace : str
        A key of :data:`PACES`.
    start : str
        A key of :data:`STARTS`.
    augment : mapping of str to float
        A key of :data:`repviz.training.augmenting.AUGMENTATIONS` to how much of it.
    precision : str
        A key of :data:`repviz.training.machine.PRECISIONS`.
    compile : bool
        Whether torch compiles the network first.
    save_every : float
        Seconds after which an unfinished training is kept again.
    tensorboard : bool
        Whether the curves go to TensorBoard too, in a folder beside the checkpoint.
    """

    epochs: int
    batch: int
    rate: float
    momentum: float = 0.9
    decay: float = 5e-4
    pace: str = "cosine"
    start: str = "settled"
    augment: Mapping[str, float] = field(default_factory=dict)
    precision: str = "fp32"
    compile: bool = False
    save_every: float = 120.0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        checks.integer("train", "epochs", self.epochs, low=1)
        checks.integer("train", "batch", self.batch, low=1)
        checks.real("train", "rate", self.rate, low=1e-12, high=1e3)
        checks.real("train", "momentum", self.momentum, low=0, high=0.9999)
        checks.real("train", "decay", self.decay, low=0, high=1)
        checks.one_of("train", "pace", self.pace, PACES)
        checks.one_of("train", "start", self.start, STARTS)

    @property
    def decisions(self) -> dict[str, Any]:
        """What decides the outcome, as JSON values: not how often it is kept or drawn."""
        values = asdict(self) | {"augment": dict(self.augment)}
        return {name: value for name, value in values.items() if name not in _OUTWARD}


def changed(recipe: str, **decided: Any) -> Settings:
    """The settings of a recipe with some of them decided otherwise.

    Parameters
    ----------
    recipe : str
        A key of :data:`repviz.training.RECIPES`.
    **decided
        Attributes of :class:`Settings` by name; ``augment`` may be text, as in :func:`amounts`.
    """
    from repviz.training import RECIPES

    settings = RECIPES[checks.one_of("train", "recipe", recipe, RECIPES)].settings
    for name in decided:
        checks.one_of("train", "setting", name, [entry.name for entry in fields(Settings)])
    if isinstance(decided.get("augment"), str):
        decided["augment"] = amounts(decided["augment"])
    return replace(settings, **decided)


_OUTWARD = {"save_every", "tensorboard"}


def amounts(text: str) -> dict[str, float]:
    """``"crop,flip,rotation=15"`` as amounts, the usual one where none is given; "none" is none.

    Raises
    ------
    UnknownName
        No augmentation has this name.
    InputError
        What stands behind the equals sign is no number.
    """
    from repviz.training.augmenting import AUGMENTATIONS

    found: dict[str, float] = {}
    text = "" if text.strip() == "none" else text
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = word.partition("=")
        checks.one_of("train", "augmentation", name, AUGMENTATIONS)
        try:
            found[name] = float(value) if equals else AUGMENTATIONS[name].usual
        except ValueError:
            raise InputError(
                f"train: the amount of '{name}' must be a number, got '{value}'. Write for example "
                f"{name}={AUGMENTATIONS[name].usual:g}."
            ) from None
    return found
