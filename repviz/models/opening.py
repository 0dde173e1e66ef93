"""How a model is opened: built with a seed, then given its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repviz.errors import InputError, Unavailable
from repviz.models import checkpoints, weight_files
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
    from_file = weight_files.is_state_file(weights)
    published = weights == "default" or (architecture.published and not Path(weights).exists())
    if weights != "random" and not from_file and not published:
        checkpoints.must_be_of(weights, name, options)
        return checkpoints.open_checkpoint(weights)
    pretrained: bool | str = False
    if published and weights != "random":
        pretrained = True if weights == "default" else weights
    with seeded(seed):
        model = _built(name, argument, architecture, pretrained, options)
    if from_file:
        weight_files.load_state_file(model.module, weights)
    model.module.eval()
    source = f"random (seed {seed})" if weights == "random" else weights
    return replace(
        model,
        name=name,
        weights=f"file: {Path(weights).name}" if from_file else source,
        options=architecture.options | options,
    )


def _built(
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
