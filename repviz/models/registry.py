"""The family of networks, :data:`MODELS`, and the lookup of an entry by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repviz import checks
from repviz.references import resolve

if TYPE_CHECKING:
    from repviz.models.model import Model


@dataclass(frozen=True)
class Architecture:
    """One entry of :data:`MODELS`; its file is imported when such a model is opened.

    Attributes
    ----------
    usage : str
        What a user writes ("torchvision:NAME").
    summary : str
        One line on what it is.
    function : str
        Reference to the function that builds the model. Its keyword-only parameters are the
        options; ``argument`` (the text after the colon) comes first where the usage has one, and
        ``pretrained`` is an option that ``weights`` sets.
    published : bool
        Whether its published weights have names, which ``pretrained`` may be.
    imports_user_code : bool
        Whether opening it imports a module that its name gives; a file may never name it.
    """

    usage: str
    summary: str
    function: str
    published: bool = False
    imports_user_code: bool = False

    @property
    def build(self) -> Callable[..., Model]:
        """The function itself."""
        function: Callable[..., Model] = resolve(self.function)
        return function

    @property
    def options(self) -> dict[str, Any]:
        """The names of the model's own options, with their defaults."""
        return {
            name: parameter.default
            for name, parameter in inspect.signature(self.build).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and name != "pretrained"
        }

    def check(self, name: str, options: dict[str, Any], seed: int) -> tuple[dict[str, Any], int]:
        """``options`` and ``seed`` as Python's own numbers, which a checkpoint's card can hold.

        Raises
        ------
        UnknownName
            The model ``name`` has no such option.
        InputError
            ``seed`` is no seed.
        """
        who, known = f"open_model('{name}')", self.options
        for option in options:
            checks.one_of(who, "option", option, known)
        plain = {option: checks.plain(value) for option, value in options.items()}
        return plain, checks.seed(who, seed)


MODELS: dict[str, Architecture] = {
    "alexnet": Architecture(
        "alexnet",
        "the network of Krizhevsky et al. (2012), in five variants",
        "repviz.models.alexnet:build",
    ),
    "autoencoder": Architecture(
        "autoencoder",
        "an autoencoder: PCA plus corrections, or convolutional",
        "repviz.models.autoencoder:build",
    ),
    "torchvision": Architecture(
        "torchvision:NAME",
        "any classifier of torchvision",
        "repviz.models.library:torchvision_model",
        published=True,
    ),
    "timm": Architecture(
        "timm:NAME",
        "any classifier of timm, if it is installed",
        "repviz.models.library:timm_model",
        published=True,
    ),
    "module": Architecture(
        "MODULE:ATTRIBUTE",
        "your own network: a Python function or module",
        "repviz.models.library:own_model",
        imports_user_code=True,
    ),
}


def _published() -> list[str]:
    """The names of networks of torchvision, and of timm where it is installed."""
    from repviz.models.library import published_names

    return published_names()


def find_architecture(name: str) -> tuple[Architecture, str]:
    """The entry that ``"NAME"`` or ``"NAME:ARGUMENT"`` refers to, and the argument.

    Raises
    ------
    UnknownName
        No such model.
    """
    head, colon, argument = name.partition(":")
    if head not in MODELS and colon:
        head, argument = "module", name
    if head not in MODELS:
        usages = [entry.usage for entry in MODELS.values()]
        checks.one_of("open_model", "model", name, usages, also=_published())
    return MODELS[head], argument
