"""A user's network object as a model, with a name for the origin of its weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from repviz import checks
from repviz.errors import InputError
from repviz.models.model import Model, Preprocessing, weights_hash

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, where nothing else is known
OPTIONS = ("name", "preprocessing", "size", "channels")


def from_module(
    module: nn.Module,
    *,
    name: str | None = None,
    preprocessing: Preprocessing | None = None,
    size: int = 224,
    channels: int = 3,
) -> Model:
    """``module`` as a :class:`Model`; neither its weights nor its training mode are changed.

    Parameters
    ----------
    module : torch.nn.Module
        The network. An attribute ``weights_from`` (str) of it says where its weights are from.
    name : str, optional
        What it is called in manifests and reports; its class if left out.
    preprocessing : Preprocessing, optional
        How pixels become its input; its attribute ``preprocessing`` if left out, or else ImageNet's
        mean and standard deviation (0.5 and 0.5 for one channel) at ``size``.
    size : int
        Side of its input in pixels, where no preprocessing is given.
    channels : int
        1 or 3, where no preprocessing is given.

    Raises
    ------
    InputError
        A parameter has no values yet (a lazy or meta module), or an argument is out of range.
    """
    name = name or type(module).__name__
    check_materialised(f"open_model('{name}')", module)
    found = preprocessing or getattr(module, "preprocessing", None)
    if preprocessing is not None and not isinstance(preprocessing, Preprocessing):
        raise InputError(
            f"open_model('{name}'): preprocessing must be a repviz.Preprocessing, got "
            f"{type(preprocessing).__name__}."
        )
    if not isinstance(found, Preprocessing):
        found = default_preprocessing(f"open_model('{name}')", size, channels)
    layers = tuple(child for child, _ in module.named_children())
    return Model(name, module, found, layers, origin(module), {}, weights_kind="given")


def default_preprocessing(who: str, size: int, channels: int) -> Preprocessing:
    """ImageNet's mean and standard deviation; 0.5 and 0.5 for one channel."""
    side = checks.integer(who, "size", size, low=1, high=2**14)
    if channels not in (1, 3):
        raise InputError(f"{who}: channels must be 1 (grey) or 3 (colour), got {channels!r}.")
    mean, std = (MEAN, STD) if channels == 3 else ((0.5,), (0.5,))
    return Preprocessing((side, side), channels, mean, std)


def origin(module: nn.Module, *, pretrained: bool | str = False) -> str:
    """The origin of the weights of a user's network, as far as the object records it."""
    declared = getattr(module, "weights_from", None)
    source = "as the module gave them" + ", asked for pretrained ones" * bool(pretrained)
    source = declared if isinstance(declared, str) and declared else source
    return f"{source} (sha256 {weights_hash(module)[:16]})"


def check_materialised(who: str, module: Any) -> None:
    """Raise unless every parameter and buffer of ``module`` has values."""
    for key, value in [*module.named_parameters(), *module.named_buffers()]:
        lazy = isinstance(value, nn.parameter.UninitializedTensorMixin)
        if lazy or value.device == torch.device("meta"):
            raise InputError(
                f"{who}: every parameter must be initialised, got '{key}' without values. Call "
                "the network once on an input of its size, or load its weights first."
            )


def open_module(model: Any, weights: str, options: dict[str, Any]) -> Model:
    """The model of a network object, for :func:`repviz.open_model`."""
    if not isinstance(model, nn.Module):
        raise InputError(
            f"open_model: model must be a name or a torch.nn.Module, got {type(model).__name__}. "
            "For example: 'torchvision:resnet18'."
        )
    who = f"open_model('{options.get('name') or type(model).__name__}')"
    for option in options:
        checks.one_of(who, "option of a network in memory", option, OPTIONS)
    if weights != "random":  # the default: there is nothing to draw
        raise InputError(
            f"{who}: a network in memory already has its weights, got weights='{weights}'. Load "
            "them into it, and leave weights out."
        )
    return from_module(model, **options)
