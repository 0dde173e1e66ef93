"""Reductions of a layer's output, applied during the forward pass: all of it, or a summary.

Reductions joined by a plus sign are concatenated: ``"cls+mean"`` keeps twice as many numbers.

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
from torch import Tensor
from torch.nn import functional

from repviz import checks, provenance
from repviz.activations.axes import Layer
from repviz.activations.capture import fits
from repviz.errors import InputError

WHO = "extract"


class Flattened:
    """Every number of the layer, flattened in the order of torch's axes."""

    def __init__(self, layer: Layer) -> None:
        self.shape = layer.shape

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, d)."""
        return y.flatten(1)


class _OverPlaces:
    """Base of reductions over space or tokens: knows which axes are positions."""

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
        if layer.extra is None and layer.grid is not None:
            raise InputError(f"{WHO}: {_no_patches(layer)} Use 'mean' for it.")
        self.shape = layer.shape[1:]

    def __call__(self, y: Tensor) -> Tensor:
        """(b, t, c) as (b, c)."""
        return y[:, 0]


class PatchTokens:
    """The tokens of the patches at their places, without class and register tokens."""

    def __init__(self, layer: Layer) -> None:
        if layer.axes not in ("tc", "hwc"):
            raise InputError(
                f"{WHO}: layer '{layer.name}' must output tokens, got shape {layer.shape}. Use "
                "'none' for it."
            )
        if layer.axes == "tc" and (layer.extra is None or layer.grid is None):
            raise InputError(f"{WHO}: {_no_patches(layer)} Use 'none' for it.")
        self.extra = layer.extra or 0
        self.shape = (
            layer.shape
            if layer.grid is None or layer.axes == "hwc"
            else (*layer.grid, layer.shape[-1])
        )

    def __call__(self, y: Tensor) -> Tensor:
        """(b, t, c) or (b, h, w, c) as (b, h * w * c)."""
        return y[:, self.extra :].flatten(1)


class Grid:
    """Means over a grid of ``side`` x ``side`` fields of the maps, so that positions are kept.

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
    """A random projection to ``size`` numbers that preserves squared distances in expectation.

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
    """Scores on principal components that were fitted in a first pass over the same images."""

    def __init__(self, layer: Layer, size: int) -> None:
        if size > prod(layer.shape):
            raise InputError(
                f"{WHO}: layer '{layer.name}' has at most {prod(layer.shape)} components, got "
                f"{size}. Use fewer."
            )
        self.shape = (size,)
        self.mean: Tensor | None = None  # (d,), given by ``take``
        self.directions: Tensor | None = None  # (size, d)

    def take(self, mean: np.ndarray, directions: np.ndarray) -> None:
        """Set the fitted mean and components."""
        self.mean = torch.from_numpy(mean.astype(np.float32))
        self.directions = torch.from_numpy(directions.astype(np.float32))

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, size); zeros until the components are known."""
        if self.mean is None or self.directions is None:
            return y.new_zeros((len(y), *self.shape))
        self.mean, self.directions = self.mean.to(y.device), self.directions.to(y.device)
        return (y.flatten(1).float() - self.mean) @ self.directions.T


class Concatenation:
    """The numbers of several reductions of one layer, one after the other."""

    def __init__(self, layer: Layer, parts: list[Reduction]) -> None:
        if any(isinstance(part, Components) for part in parts):
            raise InputError(
                f"{WHO}: principal components of layer '{layer.name}' cannot be joined to another "
                "reduction by '+'. Extract both, as a list of reductions."
            )
        self.parts = parts
        self.shape: tuple[int, ...] = (sum(prod(part.shape) for part in parts),)

    def __call__(self, y: Tensor) -> Tensor:
        """(b, ...) as (b, d)."""
        return torch.cat([part(y).flatten(1).float() for part in self.parts], dim=1)


Reduction = (
    Flattened
    | Mean
    | PatchMean
    | Max
    | ClassToken
    | PatchTokens
    | Grid
    | Projection
    | Components
    | Concatenation
)
# One reduction or several for all layers, or for each name or glob.
Reduce = str | Iterable[str] | Mapping[str, str | Iterable[str]]


@dataclass(frozen=True)
class LayerReduction:
    """One reduction of one layer: a matrix to be stored.

    Attributes
    ----------
    layer : Layer
        What it is taken of.
    written : str
        How the reduction is written.
    reduction : Reduction
        A batch in, (b, d) out.
    """

    layer: Layer
    written: str
    reduction: Reduction


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
    "none": Kind("none", "all values of the layer, flattened", Flattened),
    "mean": Kind("mean", "the mean over space or over all tokens", Mean),
    "patch-mean": Kind("patch-mean", "the mean over space or over patch tokens alone", PatchMean),
    "max": Kind("max", "the largest value over space or over tokens", Max),
    "cls": Kind("cls", "the class token of a transformer (its first token)", ClassToken),
    "tokens": Kind("tokens", "the patch tokens: rows, columns, features", PatchTokens),
    "grid": Kind("grid:SIDE", "average pooling of maps or patches to SIDE x SIDE", Grid),
    "project": Kind(
        "project:SIZE", "a seeded random projection to SIZE numbers", Projection, seeded=True
    ),
    "pca": Kind("pca:SIZE", "SIZE principal components, fitted in a first pass", Components),
}


def reductions(layers: Iterable[Layer], reduce: Reduce, seed: int) -> dict[str, LayerReduction]:
    """The reductions of the layers, by the name that each result is stored under.

    A layer with one reduction is stored under its own name; one with several under
    ``"conv5:mean"``, ``"conv5:max"``.

    Parameters
    ----------
    layers : iterable of Layer
        What is extracted.
    reduce : str, iterable of str, or mapping of str to these
        One reduction or several for all layers; or layer names and globs to reductions, where the
        first that fits counts, and a layer that none fits is kept as it is.
    seed : int
        Seed of random projections.

    Raises
    ------
    UnknownName
        A reduction that there is not, or a name that fits no layer that is extracted.
    InputError
        A number is missing, or a layer's shape does not allow its reduction.
    """
    layers = list(layers)
    table = dict(reduce) if isinstance(reduce, Mapping) else {"*": reduce}
    written = {
        checks.text(WHO, "a layer", pattern): list(dict.fromkeys(map(str, checks.as_list(one))))
        for pattern, one in table.items()
    }
    for pattern, several in written.items():
        for one in several:
            _parsed(one)
        if not several:
            raise InputError(f"{WHO}: '{pattern}' must have at least one reduction, got none.")
        if not any(fits(layer.name, pattern) for layer in layers):
            checks.one_of(WHO, "extracted layer", pattern, [layer.name for layer in layers])
    stored = {}
    for layer in layers:
        candidates = (several for pattern, several in written.items() if fits(layer.name, pattern))
        several = next(candidates, ["none"])
        for one in several:
            name = layer.name if len(several) == 1 else f"{layer.name}:{one}"
            stored[name] = LayerReduction(layer, one, _built(layer, one, seed))
    return stored


def is_random(written: str) -> bool:
    """Whether the reduction depends on the seed."""
    return any(kind.seeded for kind, _ in _parsed(written))


def _built(layer: Layer, written: str, seed: int) -> Reduction:
    parts = [
        kind.build(layer, *number, *([seed] if kind.seeded else []))
        for kind, number in _parsed(written)
    ]
    return parts[0] if len(parts) == 1 else Concatenation(layer, parts)


def _parsed(written: str) -> list[tuple[Kind, list[int]]]:
    """The reductions that a plus sign joins, each with its number."""
    return [_part(part) for part in str(written).split("+")]


def _part(written: str) -> tuple[Kind, list[int]]:
    head, colon, number = written.partition(":")
    kind = REDUCTIONS[checks.one_of(WHO, "reduction", head, REDUCTIONS)]
    takes = ":" in kind.usage
    if takes != bool(colon) or (takes and not number.isdecimal()):
        raise InputError(f"{WHO}: a reduction must be written as {kind.usage}, got '{written}'.")
    return kind, [checks.integer(WHO, kind.usage, int(number), low=1)] if takes else []
