"""Autoencoders whose training finds a size: latent numbers, rotated and ordered once trained.

Encoder and decoder are a linear map and a network each, from principal components to principal
components, and start at PCA. After the training the latent numbers are expressed in a fixed basis,
most important direction first; a code of k numbers is the first k coordinates, and the others are
taken to be at their mean. :mod:`repviz.training.least_volume` and
:mod:`repviz.training.rank_reduction` say how they are trained.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz.models.scores import MLP, ComponentAutoencoder

GELU_SLOPE = 1.1290  # the largest slope of GELU, rounded up
GAIN = 8.0  # the Lipschitz constant of the network beside the linear map


class LatentAutoencoder(ComponentAutoencoder):
    """An autoencoder whose training finds how many latent numbers it needs.

    See :class:`repviz.models.scores.ComponentAutoencoder` for the parameters.
    """

    @property
    def found_size(self) -> int:
        """The number of latent numbers that the training found to be needed."""
        return int(self.core.size)

    def make_core(self, m: int, decoder: bool, width: int, depth: int) -> nn.Module:
        """A core, with a decoder if one is wanted."""
        return LatentCore(
            m,
            MLP(m, self.bottleneck, width, depth),
            self.make_decoder(m, width, depth) if decoder else None,
        )

    def make_decoder(self, m: int, width: int, depth: int) -> nn.Module:
        """The map from latent numbers to the scores of m components."""
        raise NotImplementedError


class LeastVolumeAutoencoder(LatentAutoencoder):
    """Autoencoder whose decoder has a Lipschitz constant of at most 9: 1 (linear) plus 8 (MLP)."""

    def make_decoder(self, m: int, width: int, depth: int) -> nn.Module:
        """A Lipschitz decoder."""
        return LipschitzDecoder(self.bottleneck, m, width, depth)


class RankReductionAutoencoder(LatentAutoencoder):
    """Autoencoder whose codes have at most as many numbers as the rank that its training found."""

    def make_decoder(self, m: int, width: int, depth: int) -> nn.Module:
        """A plain decoder."""
        return PlainDecoder(self.bottleneck, m, width, depth)

    def encode(self, x: Tensor, k: int | None = None) -> Tensor:
        """The codes (b, at most k) of ``x``: no more numbers than the rank."""
        return super().encode(x, min(k or self.bottleneck, self.found_size))


class LatentCore(nn.Module):
    """From the scores of m principal components to K latent numbers and back.

    Parameters
    ----------
    m : int
        Number of components.
    g : MLP
        The encoder's network.
    decoder : PlainDecoder or LipschitzDecoder, optional
        From latent numbers to components.
    """

    def __init__(self, m: int, g: MLP, decoder: PlainDecoder | LipschitzDecoder | None) -> None:
        super().__init__()
        latents = g.last.out_features
        self.spread = nn.Buffer(torch.ones(m))
        self.down, self.g, self.decoder = nn.Linear(m, latents, bias=False), g, decoder
        self.centre = nn.Buffer(torch.zeros(latents))
        self.directions = nn.Buffer(torch.eye(latents))  # orthonormal rows, most important first
        self.size = nn.Buffer(torch.tensor(latents))  # the size that was found
        nn.init.eye_(self.down.weight)

    @property
    def scale(self) -> Tensor:
        """The root of the total variance of the scores."""
        return self.spread.norm()

    def start(self, spread: Tensor) -> None:
        """Set it to PCA of scores with standard deviations ``spread`` (m,)."""
        with torch.no_grad():
            self.spread.copy_(spread)
            nn.init.eye_(self.down.weight)
        self.g.zero_output_layer()
        if self.decoder is not None:
            self.decoder.start()

    def latent(self, s: Tensor) -> Tensor:
        """The latent numbers (b, K) of scores ``s`` (b, m)."""
        unit = functional.pad(self.spread, (0, len(self.centre) - len(self.spread)))
        unit = unit.where(unit > 0, self.spread[-1])
        correction = self.g(s / self.spread, len(self.centre)).float()
        return self.down(s).float() + unit * correction

    def from_latent(self, z: Tensor) -> Tensor:
        """The scores (b, m) of latent numbers ``z`` (b, K)."""
        assert self.decoder is not None
        scale = self.scale
        scores: Tensor = scale * self.decoder(z / scale, self.spread / scale)
        return scores

    def encode(self, s: Tensor, k: int) -> Tensor:
        """The codes (b, k) of scores ``s`` (b, m): the first k coordinates in the fixed basis."""
        return (self.latent(s) - self.centre) @ self.directions[:k].T

    def decode(self, code: Tensor) -> Tensor:
        """The scores (b, m) of codes (b, k); the other coordinates are at their mean."""
        return self.from_latent(self.centre + code @ self.directions[: code.shape[1]])

    def forward(self, s: Tensor) -> Tensor:
        """The scores after all latent numbers."""
        return self.from_latent(self.latent(s))

    @torch.no_grad()
    def error(self, s: Tensor, k: int) -> float:
        """The squared error of scores ``s`` (n, m) per image, with codes of ``k`` numbers."""
        difference = self.decode(self.encode(s, k)) - s
        return difference.double().square().sum().item() / len(s)

    @torch.no_grad()
    def set_basis(self, centre: Tensor, directions: Tensor) -> None:
        """Fix the basis: the mean (K,) of the latent numbers, and orthonormal rows (K, K)."""
        self.centre.copy_(centre)
        self.directions.copy_(directions)


class PlainDecoder(nn.Module):
    """A linear map and a network, from ``inputs`` latent numbers to ``outputs`` components."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        self.up = nn.Linear(inputs, outputs, bias=False)
        self.h = MLP(inputs, outputs, width, depth)
        self.start()

    def start(self) -> None:
        """Set it to the identity."""
        nn.init.eye_(self.up.weight)
        self.h.zero_output_layer()

    def forward(self, z: Tensor, spread: Tensor) -> Tensor:
        """The components (b, outputs) of ``z`` (b, inputs); ``spread`` is the scale of each."""
        return self.up(z).float() + spread * self.h(z, len(spread)).float()


class LipschitzDecoder(nn.Module):
    """The same with layers of spectral norm at most 1: its Lipschitz constant is at most 1 + GAIN.

    The network reads latent numbers GAIN times as large: those of PCA scores are below 1, where
    GELU units are nearly linear.
    """

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        sides = [inputs, *[width] * depth]
        self.up = LipschitzLinear(inputs, outputs, bias=False)
        self.layers = nn.ModuleList(LipschitzLinear(a, b) for a, b in pairwise(sides))
        self.last = LipschitzLinear(width, outputs)
        self.start()

    def start(self) -> None:
        """Set it to the identity."""
        nn.init.eye_(self.up.weight)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, z: Tensor, spread: Tensor) -> Tensor:
        """The components (b, outputs) of ``z`` (b, inputs)."""
        x = GAIN * z
        for layer in self.layers:
            x = functional.gelu(layer(x)) / GELU_SLOPE
        return self.up(z).float() + self.last(x).float()


class LipschitzLinear(nn.Linear):
    """A linear layer whose weight is divided by its largest singular value where that exceeds 1.

    The singular value is tracked by power iteration while it is trained (Miyato, Kataoka, Koyama &
    Yoshida 2018, ICLR, who divide by it always); :meth:`tighten` computes it exactly.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.left = nn.Buffer(functional.normalize(torch.ones(outputs), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        """The outputs (b, outputs) for ``x`` (b, inputs)."""
        with torch.no_grad():
            right = functional.normalize(self.weight.T @ self.left, dim=0)
            left = functional.normalize(self.weight @ right, dim=0)
            if self.training:  # a weight of zeros has no singular vectors: those before are kept
                self.left.copy_(left.where(left.norm() > 0.5, self.left))
        norm = self.left @ self.weight @ right
        return functional.linear(x, self.weight / norm.clamp(min=1.0), self.bias)

    @torch.no_grad()
    def tighten(self) -> None:
        """Divide the weight by its exact spectral norm where that exceeds 1."""
        self.weight.div_(torch.linalg.matrix_norm(self.weight, 2).clamp(min=1.0))
