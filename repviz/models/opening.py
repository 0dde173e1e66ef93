"""How a model is opened: built with a seed, then given its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repviz.errors import InputError, Unavailable
from repviz.models import checkpoints, state_dicts
from repviz.models.model import Model, seeded

if TYPE_CHECKING:
    from repviz.models import Architecture


def opened(
    name: str,
    argument: str,
    architecture: Architecture,
    weights: str,
    seed: int,
    options: dict[str, Any],
) -> Model:
    """The model that ``architecture`` builds, with ``weights``; see :func:`repviz.open_model`."""
    given = weights not in ("random", "default")
    if given and state_dicts.is_one(weights):
        with seeded(seed):
            model = _built(name, argument, architecture, False, options)
        state_dicts.load(weights, model.module)
        source = f"state dict {Path(weights).name}"
        model.module.eval()
        return replace(model, name=name, weights=source, options=architecture.options | options)
    if given:
        checkpoints.must_be_of(weights, name, options)
        return checkpoints.open_checkpoint(weights)
    with seeded(seed):
        model = _built(name, argument, architecture, weights == "default", options)
    model.module.eval()
    source = f"random (seed {seed})" if weights == "random" else "default"
    return replace(model, name=name, weights=source, options=architecture.options | options)


def _built(
    name: str, argument: str, architecture: Architecture, pretrained: bool, options: dict[str, Any]
) -> Model:
    takes_argument = ":" in architecture.usage
    if takes_argument and not argument:
        raise InputError(
            f"open_model('{name}'): a name must follow the colon, got nothing. "
            f"Write {architecture.usage}."
        )
    if argument and not takes_argument:
        raise InputError(
            f"open_model('{name}'): this model takes nothing after a colon, got '{argument}'. "
            f"Write {architecture.usage} and give options by name."
        )
    if takes_argument:
        return architecture.build(argument, pretrained=pretrained, **options)
    if pretrained:
        raise Unavailable(
            f"open_model('{name}'): there are no published weights of this model. Use "
            "weights='random', or the path of a checkpoint that you trained."
        )
    return architecture.build(**options)
