"""What is kept of a layer's output: all of it, or a summary that is taken while the network works.

To add a reduction, write a class with a ``prepare`` (what it needs to know of the layer) and a
``__call__`` (a batch in, (b, d) out), and one line in :data:`REDUCTIONS`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isqrt, prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz import checks, provenance
from repviz.activations.capture import fits
from repviz.activations.tokens import extra_tokens
from repviz.errors import InputError

WHO = "extract"
CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm)


@dataclass(frozen=True)
class Layer:
    """What a reduction may know of a layer.

    Attributes
    ----------
    name : str
        Its name in the network.
    shape : tuple of int
        Of its output for one image.
    axes : str
        What the axes of that shape are, a letter an axis: ``"c"`` features; ``"tc"`` tokens, then
        features; ``"ct"``; ``"chw"`` maps; ``"hwc"`` maps with the channels last; ``""`` where it
        cannot be determined.
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
    """The axes of a layer's output, from its shape and, where that leaves a tie, the layer itself.

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
    """The number of channels that a layer's own parameters say."""
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


class Whole:
    """Every number of the layer, flattened in the order of torch's axes."""

    def __init__(self, layer: Layer) -> None:
        self.shape = layer.shape

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, d)."""
        return y.flatten(1)


class _OverPlaces:
    """What reductions over space or tokens share: where the places lie."""

    def __init__(self, layer: Layer) -> None:
        if not layer.axes:
            raise InputError(
                f"{WHO}: layer '{layer.name}' must output maps, tokens or features to be reduced "
                f"over space, got shape {layer.shape}. Use 'none' for it."
            )
        self.places = [axis for axis, kind in enumerate(layer.axes, 1) if kind in "hwt"]
        self.shape: tuple[int, ...] = (layer.shape[layer.axes.index("c")],)


class Mean(_OverPlaces):
    """The mean over space (of maps) or over all tokens; features stay as they are."""

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, c)."""
        return y.mean(self.places, dtype=torch.float32) if self.places else y


class PatchMean(Mean):
    """The mean over the patch tokens of a transformer; elsewhere as ``mean``."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer)
        if layer.axes == "tc" and layer.extra is None:
            raise InputError(f"{WHO}: {_no_patches(layer)} Use 'mean' for it.")
        self.extra = layer.extra or 0

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, c)."""
        return super().__call__(y[:, self.extra :] if self.extra else y)


class Max(_OverPlaces):
    """The largest value over space (of maps) or over tokens; features stay as they are."""

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, c)."""
        return y.amax(self.places) if self.places else y


class ClassToken:
    """The first token, which stands for the whole image in most transformers."""

    def __init__(self, layer: Layer) -> None:
        if layer.axes != "tc":
            raise InputError(
                f"{WHO}: layer '{layer.name}' must output tokens to have a class token, got shape "
                f"{layer.shape}. Use 'mean' for it."
            )
        if layer.extra == 0:
            raise InputError(
                f"{WHO}: layer '{layer.name}' must output a class token, got {layer.shape[0]} "
                "tokens, one per patch of the image. Use 'mean' for it."
            )
        self.shape = layer.shape[1:]

    def __call__(self, y: Tensor) -> Tensor:
        """(b, t, c) as (b, c)."""
        return y[:, 0]


class Grid:
    """Means over a grid of ``side`` x ``side`` fields of the maps, so that places can be told.

    The patch tokens of a transformer are maps, too.
    """

    def __init__(self, layer: Layer, side: int) -> None:
        if layer.axes == "tc" and layer.extra is None:
            raise InputError(f"{WHO}: {_no_patches(layer)} Use 'none' for it.")
        if layer.axes not in ("chw", "hwc", "tc"):
            raise InputError(
                f"{WHO}: layer '{layer.name}' must output maps to be averaged over a grid, got "
                f"shape {layer.shape}. Use 'none' for it."
            )
        self.side, self.last = side, layer.axes != "chw"
        self.extra, self.grid = layer.extra, layer.grid or (1, 1)
        self.shape = (layer.shape[layer.axes.index("c")], side, side)

    def __call__(self, y: Tensor) -> Tensor:
        """(b, c, h, w) as (b, c * side * side)."""
        if self.extra is not None:
            y = y[:, self.extra :].unflatten(1, self.grid)
        maps = y.permute(0, 3, 1, 2) if self.last else y
        return functional.adaptive_avg_pool2d(maps.float(), self.side).flatten(1)


def _no_patches(layer: Layer) -> str:
    patches = "no patches" if layer.grid is None else f"{layer.grid[0]}x{layer.grid[1]} patches"
    return (
        f"layer '{layer.name}' must output one token per patch of the image, got "
        f"{layer.shape[0]} tokens in a network that cuts it into {patches}."
    )


class Projection:
    """A random projection to ``size`` numbers that keeps squared distances in expectation.

    Very sparse, with entries +-sqrt(sqrt(d) / size) at one place in sqrt(d) and 0 elsewhere.

    References
    ----------
    P. Li, T. Hastie, K. Church, "Very sparse random projections", KDD 2006, equation 2 with
    s = sqrt(d). We fix the number of entries a row instead of drawing it.
    """

    def __init__(self, layer: Layer, size: int, seed: int) -> None:
        self.shape = (size,)
        d = prod(layer.shape)
        entries = max(isqrt(d), 1)
        name = int(provenance.sha256(layer.name.encode())[:8], 16)
        rng = np.random.default_rng([seed, name])  # each layer its own directions
        places = np.stack([np.sort(rng.choice(d, entries, replace=False)) for _ in range(size)])
        signs = rng.integers(0, 2, (size, entries), dtype=np.int8) * 2 - 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch calls the format a beta; it is old
            self._matrix = torch.sparse_csr_tensor(
                torch.arange(0, size * entries + 1, entries),
                torch.from_numpy(places.reshape(-1)),
                torch.from_numpy(signs.reshape(-1) * np.float32((d / (entries * size)) ** 0.5)),
                size=(size, d),
                check_invariants=False,
            )

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, size)."""
        self._matrix = self._matrix.to(y.device)
        return (self._matrix @ y.flatten(1).float().T.contiguous()).T


class Components:
    """Scores along principal components that an earlier pass over the same images has found."""

    def __init__(self, layer: Layer, size: int) -> None:
        if size > prod(layer.shape):
            raise InputError(
                f"{WHO}: layer '{layer.name}' has at most {prod(layer.shape)} components, got "
                f"{size}. Use fewer."
            )
        self.shape = (size,)
        self.mean: Tensor | None = None  # (d,), given by ``fitted``
        self.directions: Tensor | None = None  # (size, d)

    def fitted(self, mean: np.ndarray, directions: np.ndarray) -> None:
        """Take the components that were found."""
        self.mean = torch.from_numpy(mean.astype(np.float32))
        self.directions = torch.from_numpy(directions.astype(np.float32))

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, size); zeros until the components are known."""
        if self.mean is None or self.directions is None:
            return y.new_zeros((len(y), *self.shape))
        self.mean, self.directions = self.mean.to(y.device), self.directions.to(y.device)
        return (y.flatten(1).float() - self.mean) @ self.directions.T


Reduction = Whole | Mean | PatchMean | Max | ClassToken | Grid | Projection | Components


@dataclass(frozen=True)
class Kind:
    """One entry of :data:`REDUCTIONS`.

    Attributes
    ----------
    usage : str
        How it is written.
    summary : str
        What it keeps, in one line.
    build : callable
        Makes it for a layer; the number behind the colon follows if the usage has one, then the
        seed if it is random.
    seeded : bool
        Whether it is random.
    """

    usage: str
    summary: str
    build: Callable[..., Reduction]
    seeded: bool = False


REDUCTIONS: dict[str, Kind] = {
    "none": Kind("none", "all values of the layer, flattened", Whole),
    "mean": Kind("mean", "the mean over space or over all tokens", Mean),
    "patch-mean": Kind("patch-mean", "the mean over space or over patch tokens alone", PatchMean),
    "max": Kind("max", "the largest value over space or over tokens", Max),
    "cls": Kind("cls", "the class token of a transformer (its first token)", ClassToken),
    "grid": Kind("grid:SIDE", "average pooling of maps or patches to SIDE x SIDE", Grid),
    "project": Kind(
        "project:SIZE", "a seeded random projection to SIZE numbers", Projection, seeded=True
    ),
    "pca": Kind("pca:SIZE", "SIZE principal components, fitted in a first pass", Components),
}


def reductions(
    layers: Iterable[Layer], asked: str | Mapping[str, str], seed: int
) -> dict[str, tuple[str, Reduction]]:
    """For each layer how its reduction is written, and the reduction.

    Parameters
    ----------
    layers : iterable of Layer
        What is extracted.
    asked : str or mapping of str to str
        One for all, or layer names and globs to reductions; the first that fits counts, and a layer
        that none fits is kept whole.
    seed : int
        Of random projections.

    Raises
    ------
    UnknownName
        A reduction that there is not, or a name that fits no layer that is extracted.
    InputError
        A number is missing, or a layer's shape does not allow its reduction.
    """
    layers = list(layers)
    table = dict(asked) if isinstance(asked, Mapping) else {"*": asked}
    for pattern, written in table.items():
        _parsed(written)
        if not any(fits(layer.name, pattern) for layer in layers):
            checks.one_of(WHO, "extracted layer", pattern, [layer.name for layer in layers])
    made = {}
    for layer in layers:
        candidates = (r for pattern, r in table.items() if fits(layer.name, pattern))
        written = next(candidates, "none")
        kind, number = _parsed(written)
        given = [*number, *([seed] if kind.seeded else [])]
        made[layer.name] = written, kind.build(layer, *given)
    return made


def is_random(written: str) -> bool:
    """Whether the reduction depends on the seed."""
    return _parsed(written)[0].seeded


def _parsed(written: str) -> tuple[Kind, list[int]]:
    head, colon, number = str(written).partition(":")
    kind = REDUCTIONS[checks.one_of(WHO, "reduction", head, REDUCTIONS)]
    takes = ":" in kind.usage
    if takes != bool(colon) or (takes and not number.isdecimal()):
        raise InputError(f"{WHO}: a reduction must be written as {kind.usage}, got '{written}'.")
    return kind, [checks.integer(WHO, kind.usage, int(number), low=1)] if takes else []
