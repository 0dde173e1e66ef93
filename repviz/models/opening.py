"""Opening a model: it is built with a seed, then its weights are loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from repviz import checks
from repviz.errors import InputError
from repviz.models import checkpoints, weight_files
from repviz.models.building import build
from repviz.models.in_memory import from_module
from repviz.models.model import Model
from repviz.models.registry import find_architecture


def open_with_weights(name: str, *, weights: str, seed: int, options: dict[str, Any]) -> Model:
    """The model ``name`` with ``weights``; see :func:`repviz.open_model`."""
    weights = str(checks.path("open_model", "weights", weights))
    architecture, _ = find_architecture(name)
    options, seed = architecture.check(name, options, seed)
    if weights == "random":
        return build(name, options, seed=seed)
    if weight_files.is_state_file(weights):
        model = build(name, options, seed=seed)
        weight_files.load_state_file(model.module, weights)
        return replace(model, weights=f"file: {Path(weights).name}", weights_kind="trained")
    if weights == "default" or (architecture.published and not Path(weights).exists()):
        published = True if weights == "default" else weights
        model = build(name, options, pretrained=published, seed=seed)
        if architecture.imports_user_code:  # only the object itself tells the origin
            return model
        return replace(model, weights=weights, weights_kind="trained")
    checkpoints.must_be_of(weights, name, options)
    return checkpoints.open_checkpoint(weights, model=name)


def as_model(who: str, model: Model | nn.Module | str) -> Model:
    """``model``, opened where it is a name or a network in memory.

    Raises
    ------
    InputError
        It is none of the three.
    """
    if isinstance(model, Model):
        return model.current()
    if isinstance(model, str):
        return open_with_weights(model, weights="random", seed=0, options={})
    if isinstance(model, nn.Module):
        return from_module(model)
    raise InputError(
        f"{who}: model must be a Model, a torch.nn.Module or a name, got {type(model).__name__}. "
        "Open one with repviz.open_model."
    )
