"""A convolutional autoencoder, plain or laid over a linear one.

Plain, ``code = g(x)`` and ``output = mean + h(code)``: two convolutional stacks. Laid over a linear
one, ``code = W x + g(x)`` and ``output = V code + mean + h(code)``: with W and V from a principal
component analysis and the last layers of g and h at zero it starts AT the best linear autoencoder
(Baldi & Hornik 1989), and training can only add what a linear map cannot do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from repviz import checks
from repviz.errors import InputError
from repviz.models.model import Model, Preprocessing, evaluating

BLOCK = 256  # images at a time
HALVINGS = 3  # the encoder's stack ends at 1/8 of the side


class ConvAutoencoder(nn.Module):
    """Images (b, channels, size, size) in [0, 1] to codes (b, bottleneck) and back.

    Parameters
    ----------
    size : int
        Side of the images in pixels, a multiple of 8.
    channels : int
        1 or 3.
    bottleneck : int
        Numbers in a code, at least 1.
    width : int
        Maps of the first convolution; the next ones have 2 and 4 times as many.
    linear : bool
        Whether there is a linear path beside the convolutions; see :meth:`start_at_pca`.
    """

    def __init__(
        self, *, size: int, channels: int, bottleneck: int, width: int, linear: bool
    ) -> None:
        super().__init__()
        self.size, self.channels, self.bottleneck = size, channels, bottleneck
        side, maps = size // 2**HALVINGS, [width * 2**step for step in range(HALVINGS)]
        features, top = channels * size * size, maps[-1] * side * side
        encoder: list[nn.Module] = []
        for before, after in zip([channels, *maps], maps, strict=False):
            encoder += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
        decoder: list[nn.Module] = [
            nn.Linear(bottleneck, top),
            nn.Unflatten(1, (maps[-1], side, side)),
        ]
        for before, after in zip(maps[::-1], [*maps[-2::-1], channels], strict=True):
            decoder += [
                nn.LeakyReLU(0.1),
                nn.ConvTranspose2d(before, after, 4, stride=2, padding=1),
            ]
        self.encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(top, bottleneck))
        self.project = nn.Linear(features, bottleneck, bias=False) if linear else None
        self.code = nn.Identity()
        self.decoder = nn.Sequential(*decoder)
        self.restore = nn.Linear(bottleneck, features, bias=False) if linear else None
        self.mean = nn.Buffer(torch.full((channels, size, size), 0.5))
        self.spread = nn.Buffer(torch.ones(bottleneck))
        for path in (self.project, self.restore):
            if path is not None:
                nn.init.zeros_(path.weight)

    def start_at_mean(self, mean: np.ndarray) -> None:
        """Let the reconstruction start at ``mean`` (d,), the mean image, whatever the code."""
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(np.asarray(mean)).view_as(self.mean))
            self.decoder[-1].weight.zero_()
            self.decoder[-1].bias.zero_()

    def start_at_pca(self, mean: np.ndarray, components: np.ndarray, spread: np.ndarray) -> None:
        """Let codes be PCA scores and reconstructions PCA's, exactly, until training goes on.

        Parameters
        ----------
        mean : ndarray, shape (d,)
            The mean image, d = channels * size * size.
        components : ndarray, shape (k, d)
            Orthonormal rows, k at most the bottleneck; numbers of the code beyond k start at 0.
        spread : ndarray, shape (k,)
            Standard deviation of the scores: the convolutional decoder sees codes in its units.

        Raises
        ------
        InputError
            The network was built without its linear path.
        """
        if self.project is None or self.restore is None:
            raise InputError(
                "start_at_pca: the autoencoder must have its linear path, got linear=False. "
                "Open it with linear=True."
            )
        self.start_at_mean(mean)
        k = len(components)
        rows = torch.from_numpy(np.asarray(components, dtype=np.float32))
        with torch.no_grad():
            self.project.weight.zero_()[:k] = rows
            self.restore.weight.zero_()[:, :k] = rows.T
            self.spread.fill_(1.0)[:k] = torch.from_numpy(np.asarray(spread, dtype=np.float32))
            self.encoder[-1].weight.zero_()
            self.encoder[-1].bias.zero_()

    def encode(self, x: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x`` (b, channels, size, size)."""
        centred = x - self.mean
        code = self.encoder(centred)
        if self.project is not None:
            code = code + self.project(centred.flatten(1))
        return self.code(code)

    def decode(self, code: Tensor) -> Tensor:
        """The images (b, channels, size, size) of ``code``, not clipped."""
        x = self.mean + self.decoder(code / self.spread)
        return x if self.restore is None else x + self.restore(code).view_as(x)

    def forward(self, x: Tensor) -> Tensor:
        """The reconstructions of ``x``, not clipped."""
        return self.decode(self.encode(x))


def build(
    *, bottleneck: int = 32, size: int = 64, channels: int = 1, width: int = 16, linear: bool = True
) -> Model:
    """An autoencoder with random weights.

    Parameters
    ----------
    bottleneck : int
        Numbers in a code, at least 1.
    size : int
        Side of the images in pixels, a multiple of 8 from 16 to 512.
    channels : int
        1 (grey) or 3 (colour).
    width : int
        Maps of the first convolution, at least 1.
    linear : bool
        Whether a linear path runs beside the convolutions, from which training starts at PCA.
    """
    who = "open_model('autoencoder')"
    checks.whole(who, "bottleneck", bottleneck, low=1)
    checks.whole(who, "width", width, low=1)
    checks.whole(who, "size", size, low=16, high=512)
    if size % 2**HALVINGS:
        raise InputError(f"{who}: size must be a multiple of {2**HALVINGS} pixels, got {size}.")
    if channels not in (1, 3):
        raise InputError(f"{who}: channels must be 1 (grey) or 3 (colour), got {channels!r}.")
    module = ConvAutoencoder(
        size=size, channels=channels, bottleneck=bottleneck, width=width, linear=linear
    )
    module = module.to(memory_format=torch.channels_last)
    preprocessing = Preprocessing((size, size), channels, (0.0,) * channels, (1.0,) * channels)
    return Model("autoencoder", module, preprocessing, ("code",), "random", {}, task="pixels")


def encode(module: ConvAutoencoder, X: np.ndarray) -> np.ndarray:
    """The codes (n, bottleneck) float32 of the images ``X`` (n, d) in [0, 1]."""
    X = checks.matrix("encode", X, rows=1)
    return _in_blocks("encode", module, X, module.channels * module.size**2, module.encode)


def decode(module: ConvAutoencoder, Z: np.ndarray) -> np.ndarray:
    """The images (n, d) float32, clipped to [0, 1], of codes ``Z`` (n, k)."""
    Z = checks.matrix("decode", Z, rows=1)
    images = _in_blocks("decode", module, Z, module.bottleneck, module.decode)
    return np.clip(images, 0.0, 1.0, out=images)


def reconstruct(module: ConvAutoencoder, X: np.ndarray) -> np.ndarray:
    """What is left of the images ``X`` (n, d) after the bottleneck, float32 clipped to [0, 1]."""
    return decode(module, encode(module, X))


def _in_blocks(
    who: str, module: ConvAutoencoder, X: np.ndarray, d: int, step: Callable[[Tensor], Tensor]
) -> np.ndarray:
    if X.shape[1] != d:
        raise InputError(f"{who}: X must have {d} columns, got {X.shape[1]}.")
    shape = (module.channels, module.size, module.size) if step == module.encode else (d,)
    place, out = module.mean.device, []
    with evaluating(module):
        for start in range(0, len(X), BLOCK):
            block = torch.tensor(X[start : start + BLOCK], dtype=torch.float32, device=place)
            out.append(step(block.view(-1, *shape)).flatten(1).cpu().numpy())
    return np.concatenate(out)
