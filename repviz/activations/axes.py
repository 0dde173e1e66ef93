"""The shape of a layer's output for one image, and the meaning of each axis."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from repviz.activations.tokens import extra_tokens

CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Layer:
    """Name, output shape and axes of a layer, as reductions need them.

    Attributes
    ----------
    name : str
        Its name in the network.
    shape : tuple of int
        Shape of its output for one image.
    axes : str
        What the axes of that shape are, one letter per axis: ``"c"`` features; ``"tc"`` tokens,
        then features; ``"ct"``; ``"chw"`` maps; ``"hwc"`` maps with the channels last; ``""`` where
        it cannot be determined.
    grid : (int, int), optional
        Rows and columns of the patches that the network cuts its input into; None where it is no
        transformer of patches.
    """

    name: str
    shape: tuple[int, ...]
    axes: str
    grid: tuple[int, int] | None = None

    @property
    def extra(self) -> int | None:
        """The class and register tokens before its patch tokens; None where it has no patches."""
        return extra_tokens(self.shape[0], self.grid) if self.axes == "tc" else None


def axes_of(part: nn.Module, shape: tuple[int, ...], size: tuple[int, int]) -> str:
    """The meaning of each axis of a layer's output, from its shape or, if unclear, from the layer.

    Maps keep the proportions of the input (to within a pixel): where only the first two axes do,
    the channels are last, as in a Swin transformer. Where both or neither do, a normalisation or a
    linear layer has as many channels as its own parameters say. If both axes have that many, the
    channels of a normalisation lie along the axis that its weights scale; those of torch's linear
    and normalisation layers are last, and those of every other layer first.

    Parameters
    ----------
    part : torch.nn.Module
        The layer.
    shape : tuple of int
        Its output for one image.
    size : (int, int)
        Height and width of the network's input.
    """
    if len(shape) == 1:
        return "c"
    if len(shape) == 2:
        across = (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AvgPool1d)
        return "ct" if isinstance(part, across) else "tc"
    if len(shape) != 3:
        return ""
    first, last = _proportioned(shape[1:], size), _proportioned(shape[:2], size)
    if first == last:
        channels = _channels(part)
        first, last = shape[0] == channels, shape[2] == channels
    if first == last:
        scaled = _scaled_axis(part, shape)
        last = type(part) in CHANNELS_LAST if scaled is None else scaled == 2
    return "hwc" if last else "chw"


def _channels(part: nn.Module) -> int | None:
    """The number of output channels according to a layer's parameters."""
    if isinstance(part, nn.LayerNorm | nn.RMSNorm):
        return int(part.normalized_shape[-1])
    if isinstance(part, nn.Linear):
        return part.out_features
    weight = getattr(part, "weight", None)
    return len(weight) if isinstance(weight, Tensor) and weight.ndim == 1 else None


@torch.no_grad()
def _scaled_axis(part: nn.Module, shape: tuple[int, ...]) -> int | None:
    """The axis of ``shape`` along which a layer has one weight per entry, found by changing one.

    None where the layer has no such weights, or cannot be called by itself.
    """
    weight = getattr(part, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 1 or not weight.is_floating_point():
        return None
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, *shape, generator=rng).to(weight.device, weight.dtype)
    kept = weight.clone()
    try:
        before = part.forward(x)
        weight[0] += 1
        moved = (part.forward(x) != before)[0]
    except Exception:  # a layer of the user's may raise anything
        return None
    finally:
        weight.copy_(kept)
    axes = [axis for axis in range(len(shape)) if not moved.narrow(axis, 1, shape[axis] - 1).any()]
    return axes[0] if len(axes) == 1 else None


def _proportioned(sides: tuple[int, ...], size: tuple[int, int]) -> bool:
    (a, b), (height, width) = sides, size
    return a <= height and b <= width and abs(a * width - b * height) <= max(height, width)
