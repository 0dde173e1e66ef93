"""Autoencoders: an image in, a code of a few numbers, an image out, in six forms.

:data:`FORMS` is the family, :class:`Autoencoder` its base class. The functions :func:`encode`,
:func:`decode` and :func:`reconstruct` work on numpy matrices with one row per image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from repviz import checks, memory
from repviz.errors import InputError
from repviz.models.model import Model, Preprocessing, evaluating
from repviz.references import resolve

BLOCK = 256  # images per pass
Shape = tuple[int, int, int]  # channels, height, width


class Autoencoder(nn.Module):
    """Images (b, channels, height, width) in [0, 1] to codes (b, bottleneck) and back.

    Parameters
    ----------
    shape : (int, int, int)
        Channels, height and width.
    bottleneck : int
        Length of the code, at least 1.
    ordered : bool
        Whether one network is trained for all sizes of code up to the bottleneck.
    decoder : bool
        Whether there is a decoder; without one ``forward`` returns the code.
    """

    def __init__(self, shape: Shape, bottleneck: int, *, ordered: bool, decoder: bool) -> None:
        super().__init__()
        self.shape, self.bottleneck = shape, bottleneck
        self.ordered, self.decodes = ordered, decoder
        self.code = nn.Identity()  # the layer that is extracted

    @property
    def found_size(self) -> int | None:
        """The code length that its training determined; None for forms of a fixed length."""
        return None

    def encode_prefix(self, x: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x``; only the first ``sizes`` (b,) numbers are used."""
        raise NotImplementedError

    def decode_unclipped(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The images of codes (b, bottleneck) of which only the first ``sizes`` (b,) are given."""
        raise NotImplementedError

    def encode(self, x: Tensor, k: int | None = None) -> Tensor:
        """The codes (b, k) of ``x`` (b, channels, height, width); k is the bottleneck if None."""
        sizes = torch.full((x.shape[0],), k or self.bottleneck, device=x.device)
        return self.code(self.encode_prefix(x, sizes)[:, : k or self.bottleneck])

    def decode(self, code: Tensor) -> Tensor:
        """The images of ``code`` (b, k), not clipped; k below the bottleneck if it is ordered."""
        k = code.shape[1]
        sizes = torch.full((len(code),), k, device=code.device)
        return self.decode_unclipped(nn.functional.pad(code, (0, self.bottleneck - k)), sizes)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstructions of ``x``, not clipped; the codes where there is no decoder."""
        return self.decode(self.encode(x)) if self.decodes else self.encode(x)


# The largest value of each option; deeper and wider networks do not fit on any machine.
LARGEST = {"width": 2**16, "depth": 64, "components": 2**20}

# What a user writes -> reference to the class, and its fixed options.
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear-start": ("repviz.models.scores:ScoreAutoencoder", {"ordered": False}),
    "prefix": ("repviz.models.prefix:PrefixAutoencoder", {"ordered": True}),
    "least-volume": ("repviz.models.latent:LeastVolumeAutoencoder", {"ordered": True}),
    "rank-reduction": ("repviz.models.latent:RankReductionAutoencoder", {"ordered": True}),
    "conv": ("repviz.models.convolutional:ConvAutoencoder", {"ordered": False}),
    "nested": ("repviz.models.convolutional:ConvAutoencoder", {"ordered": True}),
}


def build(
    *,
    form: str = "linear-start",
    bottleneck: int = 32,
    size: int | Sequence[int] = 64,
    channels: int = 1,
    width: int | None = None,
    depth: int | None = None,
    components: int | None = None,
    variational: bool = False,
    decoder: bool = True,
) -> Model:
    """An autoencoder with random weights.

    Parameters
    ----------
    form : str
        A key of :data:`FORMS`.
    bottleneck : int
        Length of the code, at least 1.
    size : int or (int, int)
        Side of the images in pixels, or height and width.
    channels : int
        1 (grey) or 3 (colour).
    width : int, optional
        Units per hidden layer (512), or of conv and nested maps after the first halving (16).
    depth : int, optional
        Hidden layers (2), or halvings of the image by convolutions (down to 4 pixels a side, at
        most 4).
    components : int, optional
        All but conv and nested: number of principal components; 256, or more for a long code.
    variational : bool
        conv: whether a code is sampled from a Gaussian per image in training.
    decoder : bool
        Whether there is a decoder; without one the model is the encoder alone.
    """
    who = "open_model('autoencoder')"
    reference, fixed = FORMS[checks.one_of(who, "form", form, FORMS)]
    bottleneck = checks.integer(who, "bottleneck", bottleneck, low=1, high=2**20)
    height, wide = checks.size(who, size, low=1, high=2**24)
    if channels not in (1, 3):
        raise InputError(f"{who}: channels must be 1 (grey) or 3 (colour), got {channels!r}.")
    own = {"width": width, "depth": depth, "components": components}
    given = {
        name: checks.integer(who, name, n, low=1, high=LARGEST[name])
        for name, n in own.items()
        if n is not None
    }
    decoder = checks.flag(who, "decoder", decoder)
    if checks.flag(who, "variational", variational):
        given["variational"] = True
    network = resolve(reference)
    for option in given:
        checks.one_of(f"{who}, form '{form}'", "option", option, network.OPTIONS)
    make = partial(network, (channels, height, wide), bottleneck, decoder=decoder, **fixed, **given)
    _refuse_what_does_not_fit(who, make)
    module = make()
    module = module.to(memory_format=torch.channels_last)
    preprocessing = Preprocessing((height, wide), channels, (0.0,) * channels, (1.0,) * channels)
    return Model("autoencoder", module, preprocessing, ("code",), "random", {}, task="pixels")


def _refuse_what_does_not_fit(who: str, make: Callable[[], nn.Module]) -> None:
    """Raise before building a network whose tensors do not fit in the free memory."""
    free = memory.free_bytes()
    try:
        with torch.device("meta"):  # shapes without contents, and no random numbers
            module = make()
        tensors = [*module.parameters(), *module.buffers()]
        needed: float = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    except RuntimeError:  # more elements than torch can count
        needed = math.inf
    if needed > free:
        raise InputError(
            f"{who}: the network must fit in memory, got {needed / 1e9:.1f} GB of parameters and "
            f"{free / 1e9:.1f} GB free. Choose a smaller size, bottleneck, width or depth."
        )


def encode(module: Autoencoder, X: np.ndarray, *, k: int | None = None) -> np.ndarray:
    """The codes (n, k) float32 of the images ``X`` (n, d) in [0, 1].

    k is the bottleneck if None; any number up to it where the code is ordered.
    """
    X = checks.matrix("encode", X, rows=1)
    d = int(np.prod(module.shape))
    if X.shape[1] != d:
        raise InputError(f"encode: X must have {d} columns, got {X.shape[1]}.")
    return _in_blocks(module, X.reshape(-1, *module.shape), lambda x: module.encode(x, k))


def decode(module: Autoencoder, Z: np.ndarray) -> np.ndarray:
    """The images (n, d) float32, clipped to [0, 1], of codes ``Z`` (n, k).

    k is the bottleneck, or any number up to it where the code is ordered.
    """
    images = decode_unclipped(module, Z)
    return np.clip(images, 0.0, 1.0, out=images)


def decode_unclipped(module: Autoencoder, Z: np.ndarray) -> np.ndarray:
    """As :func:`decode`, not clipped; for rows that are no images."""
    Z = checks.matrix("decode", Z, rows=1)
    k, largest = Z.shape[1], module.bottleneck
    if k != largest and not (module.ordered and k < largest):
        allowed = f"1 to {largest}" if module.ordered else f"{largest}"
        raise InputError(f"decode: Z must have {allowed} columns, got {k}.")
    return _in_blocks(module, Z, module.decode)


def reconstruct(module: Autoencoder, X: np.ndarray) -> np.ndarray:
    """The reconstructions (n, d) of the images ``X`` (n, d), float32 clipped to [0, 1]."""
    return decode(module, encode(module, X))


def _in_blocks(module: Autoencoder, X: np.ndarray, step: Callable[[Tensor], Tensor]) -> np.ndarray:
    device, out = next(module.parameters()).device, []
    with evaluating(module):
        for start in range(0, len(X), BLOCK):
            block = torch.tensor(X[start : start + BLOCK], dtype=torch.float32, device=device)
            out.append(step(block).flatten(1).cpu().numpy())
    return np.concatenate(out)
