"""A network of the family, built with a seed; its weights are random or published ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from repviz.errors import InputError, Unavailable
from repviz.models.in_memory import origin
from repviz.models.model import Model, named_failure, seeded
from repviz.models.registry import Architecture, find_architecture


def build(
    name: str,
    options: dict[str, Any],
    *,
    pretrained: bool | str = False,
    seed: int = 0,
) -> Model:
    """The model ``name`` in evaluation mode, and the options that it was built with.

    Parameters
    ----------
    name : str
        As in :func:`repviz.open_model`.
    options : dict
        The options of this model, by name.
    pretrained : bool or str
        Whether published weights are loaded, or which.
    seed : int
        Seed of random weights. The global generator is not changed.

    Raises
    ------
    UnknownName
        No such model, or it has no such option.
    InputError
        A value that the model cannot take.
    Unavailable
        A package or weights that this machine does not have.
    """
    architecture, argument = find_architecture(name)
    options, seed = architecture.check(name, options, seed)
    with seeded(seed):
        model = _call(name, argument, architecture, pretrained, options)
    with named_failure(f"open_model('{name}')", model):
        model.module.eval()
    own = architecture.imports_user_code
    return replace(
        model,
        name=name,
        weights=origin(model.module, pretrained=pretrained) if own else f"random (seed {seed})",
        weights_kind="given" if own else "untrained",
        options=architecture.options | options,
    )


def _call(
    name: str,
    argument: str,
    architecture: Architecture,
    pretrained: bool | str,
    options: dict[str, Any],
) -> Model:
    takes_argument = ":" in architecture.usage
    if takes_argument and not argument:
        raise InputError(
            f"open_model('{name}'): a name must follow the colon, got nothing. "
            f"Write {architecture.usage}."
        )
    if argument and not takes_argument:
        raise InputError(
            f"open_model('{name}'): this model takes no argument after a colon, got '{argument}'. "
            f"Write {architecture.usage} and pass options by name."
        )
    if takes_argument:
        return architecture.build(argument, pretrained=pretrained, **options)
    if pretrained:
        raise Unavailable(
            f"open_model('{name}'): there are no published weights for this model. Use "
            "weights='random', or the path of a checkpoint that you trained."
        )
    return architecture.build(**options)
