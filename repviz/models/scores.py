"""An autoencoder over a linear one: ``code = PCA scores + g(x)``, ``output = PCA's + h(code)``.

With the last layers of g and h at zero it starts AT the best linear autoencoder (Baldi & Hornik
1989, Neural Networks 2:53), and training can only add what a linear map cannot do. g and h see
principal components, each divided by its standard deviation, and not pixels: the components are
orthonormal, so that the squared error of the first few hundred is that of the pixels up to a
constant, and a step costs a twentieth of a convolutional one.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz.models.autoencoder import Autoencoder, Shape

COMPONENTS = 256
HIDDEN, LAYERS = 512, 2
WAVES, OCTAVES = 8, 8  # how a stack is told a size: waves over its logarithm
LONGER = 5 / 4  # components for each number of a long code: beyond its end there is more to guess


class ScoreAutoencoder(Autoencoder):
    """See :class:`repviz.models.autoencoder.Autoencoder` for the shared parameters.

    Parameters
    ----------
    shape, bottleneck, ordered, decoder
        As there.
    components : int, optional
        How many principal components are looked at and corrected.
    width, depth : int
        Units and number of the hidden layers of g and h.
    """

    OPTIONS = ("components", "width", "depth")

    def __init__(
        self,
        shape: Shape,
        bottleneck: int,
        *,
        ordered: bool = False,
        decoder: bool = True,
        components: int | None = None,
        width: int = HIDDEN,
        depth: int = LAYERS,
    ) -> None:
        super().__init__(shape, bottleneck, ordered=ordered, decoder=decoder)
        m = components or looked_at(bottleneck, math.prod(shape))
        self.mean = nn.Buffer(torch.full((math.prod(shape),), 0.5))
        directions = torch.randn(m, math.prod(shape)) / math.sqrt(math.prod(shape))
        self.basis = nn.Buffer(directions)  # random ones, until principal ones are given
        self.core = ScoreCore(m, bottleneck, ordered, decoder, width, depth)

    def start_at(self, mean: np.ndarray, basis: np.ndarray, spread: np.ndarray) -> None:
        """Let codes be PCA scores and reconstructions PCA's, exactly, until training goes on.

        Parameters
        ----------
        mean : ndarray, shape (d,)
            The mean image.
        basis : ndarray, shape (m, d)
            Orthonormal rows; components beyond m stay at zero.
        spread : ndarray, shape (m,)
            Standard deviation of the scores, most first, each above 0.
        """
        core, m = self.core, min(len(basis), len(self.basis))
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(np.asarray(mean, dtype=np.float32)))
            self.basis.zero_()[:m] = torch.from_numpy(np.asarray(basis[:m], dtype=np.float32))
            core.spread.fill_(float(spread[m - 1]))
            core.spread[:m] = torch.from_numpy(np.asarray(spread[:m], dtype=np.float32))
        for stack in filter(None, (core.g, core.h)):
            stack.still()

    def scores(self, x: Tensor) -> Tensor:
        """The principal components (b, m) of ``x``."""
        return (x.flatten(1) - self.mean) @ self.basis.T

    def squeeze(self, x: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x``, in the units of PCA scores."""
        return self.core.encode(self.scores(x), sizes)

    def draw(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The images of codes of which the first ``sizes`` numbers are known."""
        x = self.core.decode(code, sizes) @ self.basis + self.mean
        return x.view(-1, *self.shape)


class ScoreCore(nn.Module):
    """The same autoencoder from principal components to principal components (b, m).

    An ordered one serves every size k: both halves are told k, and keep to PCA's own first k
    scores where ``open`` is 0, so that no size need end above PCA.
    """

    def __init__(
        self, m: int, bottleneck: int, ordered: bool, decoder: bool, width: int, depth: int
    ) -> None:
        super().__init__()
        self.bottleneck, self.ordered = bottleneck, ordered
        self.spread = nn.Buffer(torch.ones(m))
        self.open = nn.Buffer(torch.ones(bottleneck)) if ordered else None
        self.g = Stack(m, bottleneck, width, depth, told=ordered)
        self.h = Stack(bottleneck, m, width, depth, told=ordered) if decoder else None
        self.sizes = torch.zeros(0, dtype=torch.long)  # at which the last codes were cut

    def encode(self, s: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of scores ``s`` (b, m); 0 beyond ``sizes`` (b,)."""
        k, m = self.bottleneck, len(self.spread)
        own = functional.pad(s, (0, k - m))  # cuts where k < m
        added = self._unit() * self.g(s / self.spread, sizes).float()
        if self.open is None:
            return own + added
        return (own + self._gate(sizes) * added) * self._known(sizes)

    def decode(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The scores (b, m) of codes of which the first ``sizes`` (b,) numbers are known."""
        assert self.h is not None
        k, m = self.bottleneck, len(self.spread)
        code = code if self.open is None else code * self._known(sizes)
        # What is left to correct of a component is no more than of the first that is missing.
        limit = torch.minimum(self.spread, self.spread[sizes.clamp(max=m - 1)][:, None])
        added = limit * self.h(code / self._unit(), sizes).float()
        added = added if self.open is None else self._gate(sizes) * added
        return functional.pad(code, (0, m - k)) + added

    def forward(self, s: Tensor) -> Tensor:
        """Scores after the bottleneck; in training an ordered code is cut at a random size."""
        sizes = torch.full((len(s),), self.bottleneck, device=s.device)
        if self.ordered and self.training:
            sizes = cuts(len(s), self.bottleneck, s.device)
        self.sizes = sizes
        return self.decode(self.encode(s, sizes), sizes)

    def _unit(self) -> Tensor:
        """The standard deviation that a number of the code starts with."""
        k, m = self.bottleneck, len(self.spread)
        return torch.cat([self.spread[:k], self.spread[-1:].expand(max(0, k - m))])

    def _known(self, sizes: Tensor) -> Tensor:
        return torch.arange(self.bottleneck, device=sizes.device) < sizes[:, None]

    def _gate(self, sizes: Tensor) -> Tensor:
        assert self.open is not None
        return self.open[sizes - 1][:, None]


class Stack(nn.Module):
    """Linear layers with units between them, its last one zero; ``told`` how long the code is."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, *, told: bool) -> None:
        super().__init__()
        sides = [inputs, *[width] * depth]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sides))
        self.told = nn.Linear(2 * WAVES, depth * width) if told else None
        self.dropout = nn.Dropout(0.0)
        self.last = nn.Linear(width, outputs)
        self.still()

    def still(self) -> None:
        """Let the output be zero until training goes on."""
        with torch.no_grad():
            self.last.weight.zero_()
            self.last.bias.zero_()

    def forward(self, x: Tensor, sizes: Tensor) -> Tensor:
        """(b, outputs) of ``x`` (b, inputs), for codes of ``sizes`` (b,) numbers."""
        added: Any = [0.0] * len(self.layers)
        if self.told is not None:
            octave = torch.log2(sizes.float())[:, None]
            phase = octave * torch.arange(1, WAVES + 1, device=x.device) * (math.pi / OCTAVES)
            waves = torch.cat([phase.sin(), phase.cos()], dim=1)
            added = self.told(waves).chunk(len(self.layers), dim=1)
        for layer, more in zip(self.layers, added, strict=True):
            x = functional.gelu(layer(x) + more)
        return self.last(self.dropout(x))


def looked_at(bottleneck: int, most: int) -> int:
    """How many components serve a code of that length, where there are ``most``."""
    return min(most, max(COMPONENTS, round(LONGER * bottleneck)))


def cuts(count: int, bottleneck: int, device: torch.device) -> Tensor:
    """Random sizes (count,) from 1 to the bottleneck, as many in each octave."""
    drawn = torch.rand(count, device=device) * math.log2(bottleneck + 1)
    return torch.exp2(drawn).long().clamp_(1, bottleneck)
