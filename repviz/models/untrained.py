"""Untrained controls: the same architecture with new random weights."""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import nn

from repviz import checks
from repviz.errors import Unavailable
from repviz.models.building import build
from repviz.models.model import Model, seeded
from repviz.models.registry import MODELS


def untrained_copy(model: Model, seed: int = 0) -> Model:
    """A model of the same architecture as ``model`` with random weights.

    A network of the project's, torchvision's or timm's is built anew. Of a network of your own a
    copy is made, and each module in it draws its parameters again (``reset_parameters``), so that
    an initialisation that you wrote outside the modules is not repeated.

    Parameters
    ----------
    model : Model
        Any model; it is not changed.
    seed : int
        Seed of the weights, at least 0.

    Raises
    ------
    Unavailable
        Some parameter of the network belongs to a module that cannot draw it again; the message
        names it.
    """
    seed = checks.seed("untrained_copy", seed)
    entry = MODELS.get(model.name.partition(":")[0])
    if entry is not None and not entry.imports_user_code:
        built = build(model.name, model.options, seed=seed)
        return replace(built, preprocessing=model.preprocessing)
    module = copy.deepcopy(model.module)
    with seeded(seed):
        _reset(model.name, module)
    return replace(
        model,
        module=module.eval(),
        weights=f"random (seed {seed}), drawn by each module's reset_parameters",
        weights_kind="untrained",
        classes=None,
        recipe={},
    )


def _reset(name: str, module: nn.Module) -> None:
    for path, part in module.named_modules():
        own = [key for key, _ in part.named_parameters(recurse=False)]
        reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        if callable(reset):
            reset()
        elif own:
            where = f"'{path}' ({type(part).__name__})" if path else type(part).__name__
            raise Unavailable(
                f"untrained_copy: each module of '{name}' with parameters must have a method "
                f"reset_parameters, and {where}, which owns '{own[0]}', has none. Add one, or "
                "skip the untrained control."
            )
