"""Networks, each opened by name: :data:`MODELS` is the family, :func:`open_model` the way in."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from repviz import checks

if TYPE_CHECKING:
    from repviz.models.model import Model

__all__ = ["MODELS", "Architecture", "open_model"]


@dataclass(frozen=True)
class Architecture:
    """One entry of :data:`MODELS`; its file is imported when a model of it is opened.

    Attributes
    ----------
    usage : str
        What a user writes ("torchvision:NAME").
    summary : str
        One line on what it is.
    home : str
        ``file:function`` within this package. The function builds the model: its keyword-only
        parameters are the options, ``argument`` (what stood after the colon) comes first where
        the usage has one, and ``pretrained`` is an option that ``weights`` sets.
    published : bool
        Whether its published weights have names, which ``pretrained`` may be.
    """

    usage: str
    summary: str
    home: str
    published: bool = False

    @property
    def build(self) -> Callable[..., Model]:
        """The function that ``home`` names."""
        file, _, function = self.home.partition(":")
        found: Callable[..., Model] = getattr(import_module(f"{__name__}.{file}"), function)
        return found

    @property
    def options(self) -> dict[str, Any]:
        """The names of the model's own options, with their defaults."""
        return {
            name: parameter.default
            for name, parameter in inspect.signature(self.build).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and name != "pretrained"
        }


MODELS: dict[str, Architecture] = {
    "alexnet": Architecture(
        "alexnet", "the network of Krizhevsky et al. (2012), in five variants", "alexnet:build"
    ),
    "autoencoder": Architecture(
        "autoencoder",
        "an autoencoder that starts at PCA, or a convolutional one",
        "autoencoder:build",
    ),
    "torchvision": Architecture(
        "torchvision:NAME",
        "any classifier of torchvision",
        "library:torchvision_model",
        published=True,
    ),
    "timm": Architecture(
        "timm:NAME",
        "any classifier of timm, if it is installed",
        "library:timm_model",
        published=True,
    ),
    "module": Architecture(
        "MODULE:ATTRIBUTE",
        "your own network: a function or a module in Python",
        "library:own_model",
    ),
}


def open_model(name: str, *, weights: str = "random", seed: int = 0, **options: Any) -> Model:
    """The model ``name``, ready to be trained or to have its activations extracted.

    Parameters
    ----------
    name : str
        A name of :data:`MODELS`, with its argument after a colon: ``"alexnet"``,
        ``"torchvision:resnet18"``, ``"timm:vit_tiny_patch16_224"``, ``"mypackage.nets:make_net"``.
    weights : str
        ``"random"``; ``"default"`` for the published weights of torchvision or timm, or their name
        there (``"IMAGENET1K_V2"``, ``"a1_in1k"``); the path of a checkpoint that
        :func:`repviz.train` wrote, or of any state dict of the network (``.pth``,
        ``.safetensors``).
    seed : int
        Seed of random weights, at least 0. The global generator is left as it was.
    **options
        The model's own options, by name; one that it does not have is refused. ``alexnet``:
        variant, classes, init. ``autoencoder``: form, bottleneck, size, channels, width,
        depth, components, variational, decoder. The others:
        classes, size (and ``module``: channels).

    Raises
    ------
    UnknownName
        No such model, or it has no such option; the message lists the known ones.
    InputError
        A value that the model cannot take.
    Unavailable
        A package or weights that are not on this machine.
    Mismatch, Damaged
        A checkpoint of another model or with other options, or a broken one.
    """
    who = f"open_model('{name}')"
    head, colon, argument = name.partition(":")
    if head not in MODELS and colon:
        head, argument = "module", name
    if head not in MODELS:
        checks.one_of("open_model", "model", name, [entry.usage for entry in MODELS.values()])
    architecture = MODELS[head]
    own = architecture.options
    for option in options:
        checks.one_of(who, "option", option, own)
    checks.integer(who, "seed", seed, low=0, high=2**63 - 1)

    from repviz.models import opening

    return opening.opened(name, argument, architecture, weights, seed, options)
