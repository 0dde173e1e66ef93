"""Networks, opened by name: :data:`MODELS` is the family, :func:`open_model` opens a member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repviz.models.registry import MODELS, Architecture

if TYPE_CHECKING:
    from torch import nn

    from repviz.models.model import Model

__all__ = ["MODELS", "Architecture", "open_model"]


def open_model(
    model: str | nn.Module, *, weights: str = "random", seed: int = 0, **options: Any
) -> Model:
    """The network ``model``, ready for training or for the extraction of its activations.

    Parameters
    ----------
    model : str or torch.nn.Module
        A network that stands in memory, taken as it is (with ``name=`` and ``preprocessing=``), or
        a key of :data:`MODELS`, with its argument after a colon: ``"alexnet"``,
        ``"torchvision:resnet18"``, ``"timm:vit_tiny_patch16_224"``, ``"mypackage.nets:make_net"``.
    weights : str
        ``"random"`` (a network of your own comes with the weights that it has); ``"default"`` for
        the published weights of torchvision or timm, or their name there (``"IMAGENET1K_V2"``,
        ``"a1_in1k"``); the path of a checkpoint that :func:`repviz.train` wrote, or of any state
        dict of the network (``.pth``, ``.safetensors``).
    seed : int
        Seed of random weights, at least 0. The global generator is not changed.
    **options
        The options of this model, by name; others are refused. ``alexnet``:
        variant, classes, init. ``autoencoder``: form, bottleneck, size, channels, width,
        depth, components, variational, decoder. The others:
        classes, size (and ``module``: channels). A network in memory: name, preprocessing, size,
        channels.

    Raises
    ------
    UnknownName
        No such model, or it has no such option; the message lists the known ones.
    InputError
        A value that the model cannot take.
    Unavailable
        A package or weights that this machine does not have.
    Mismatch, Damaged
        A checkpoint of another model or with other options, or a damaged one.
    """
    if not isinstance(model, str):
        from repviz.models.in_memory import open_module

        return open_module(model, weights, options)
    from repviz.models import opening

    return opening.open_with_weights(model, weights=weights, seed=seed, options=options)
