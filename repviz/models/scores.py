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
from repviz.models.decoder_arrays import DecoderArrays, Dense

COMPONENTS = 256
HIDDEN, LAYERS = 512, 2
PER_NUMBER = 5 / 4  # components per number of a long code, so that some lie beyond its end


class ComponentAutoencoder(Autoencoder):
    """An autoencoder of principal components; ``core`` maps their scores to codes and back.

    Parameters
    ----------
    shape, bottleneck, ordered, decoder
        As in :class:`repviz.models.autoencoder.Autoencoder`.
    components : int, optional
        Number of principal components that are read and reconstructed.
    width, depth : int
        Width and number of the hidden layers of the encoder and of the decoder.
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
        m = components or n_components_for(bottleneck, math.prod(shape))
        self.mean = nn.Buffer(torch.full((math.prod(shape),), 0.5))
        directions = torch.randn(m, math.prod(shape)) / math.sqrt(math.prod(shape))
        self.basis = nn.Buffer(directions)  # random directions, until principal ones are set
        self.core: Any = self.make_core(m, decoder, width, depth)

    def make_core(self, m: int, decoder: bool, width: int, depth: int) -> nn.Module:
        """The network from the scores of ``m`` components to codes and back."""
        raise NotImplementedError

    def start_at(self, mean: np.ndarray, basis: np.ndarray, spread: np.ndarray) -> None:
        """Set the network to PCA exactly: codes are PCA scores, reconstructions are PCA's.

        Parameters
        ----------
        mean : ndarray, shape (d,)
            The mean image.
        basis : ndarray, shape (m, d)
            Orthonormal rows; components beyond m are zero.
        spread : ndarray, shape (m,)
            Standard deviation of the scores, largest first, each above 0.
        """
        m = min(len(basis), len(self.basis))
        padded = torch.full((len(self.basis),), float(spread[m - 1]))
        padded[:m] = torch.from_numpy(np.asarray(spread[:m], dtype=np.float32))
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(np.asarray(mean, dtype=np.float32)))
            self.basis.zero_()[:m] = torch.from_numpy(np.asarray(basis[:m], dtype=np.float32))
        self.core.start(padded)

    def scores(self, x: Tensor) -> Tensor:
        """The principal components (b, m) of ``x``."""
        return (x.flatten(1) - self.mean) @ self.basis.T

    def encode_prefix(self, x: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x``, in the units of PCA scores."""
        return self.core.encode(self.scores(x), self.bottleneck)

    def decode_unclipped(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The images of codes of which the first ``sizes`` numbers are given."""
        x = self.core.decode(code) @ self.basis + self.mean
        return x.view(-1, *self.shape)


class ScoreAutoencoder(ComponentAutoencoder):
    """See :class:`ComponentAutoencoder` for the parameters."""

    def make_core(self, m: int, decoder: bool, width: int, depth: int) -> nn.Module:
        """A :class:`ScoreCore`."""
        return ScoreCore(m, self.bottleneck, decoder, width, depth)

    def decoder_arrays(self, k: int) -> DecoderArrays:
        """The decoder of codes of ``k`` numbers; k is the bottleneck, or below it if ordered."""
        arrays: DecoderArrays = self.core.decoder_arrays(k, self.basis.numpy(), self.mean.numpy())
        return arrays


class ScoreCore(nn.Module):
    """The same autoencoder from principal components to principal components (b, m).

    With codes of k numbers, fewer than the bottleneck, only the weights that touch those are used.
    """

    def __init__(self, m: int, bottleneck: int, decoder: bool, width: int, depth: int) -> None:
        super().__init__()
        self.bottleneck, self.width, self.depth = bottleneck, width, depth
        self.spread = nn.Buffer(torch.ones(m))
        self.g = MLP(m, bottleneck, width, depth)
        self.h = MLP(bottleneck, m, width, depth) if decoder else None

    def start(self, spread: Tensor) -> None:
        """Set it to PCA of scores with standard deviations ``spread`` (m,)."""
        with torch.no_grad():
            self.spread.copy_(spread)
        for mlp in filter(None, (self.g, self.h)):
            mlp.zero_output_layer()

    def cut(self, k: int, gain: float) -> ScoreCore:
        """The network for codes of ``k`` numbers alone, h multiplied by ``gain``; PCA at 0."""
        part = ScoreCore(len(self.spread), k, self.h is not None, self.width, self.depth)
        part.start(self.spread)
        if gain:
            for own, full in zip(part.parameters(), self.parameters(), strict=True):
                own.data.copy_(full.data[tuple(slice(side) for side in own.shape)])
        if gain and part.h is not None:
            part.h.last.weight.data.mul_(gain)
            part.h.last.bias.data.mul_(gain)
        return part

    def encode(self, s: Tensor, k: int) -> Tensor:
        """The codes (b, k) of scores ``s`` (b, m)."""
        linear = functional.pad(s, (0, k - len(self.spread)))  # cuts where k < m
        return linear + self._unit(k) * self.g(s / self.spread, k).float()

    def decode(self, code: Tensor) -> Tensor:
        """The scores (b, m) of codes (b, k)."""
        assert self.h is not None
        k, m = code.shape[1], len(self.spread)
        correction = self._limit(k) * self.h(code / self._unit(k), m).float()
        return functional.pad(code, (0, m - k)) + correction

    def decoder_arrays(self, k: int, basis: np.ndarray, mean: np.ndarray) -> DecoderArrays:
        """The decoder of codes of ``k`` numbers as arrays; ``basis`` and ``mean`` are its PCA's."""
        assert self.h is not None
        limit = self._limit(k).numpy()
        pairs = [(layer.weight, layer.bias) for layer in (*self.h.layers, self.h.last)]
        arrays = [(weight.detach().numpy(), bias.detach().numpy()) for weight, bias in pairs]
        arrays[0] = arrays[0][0][:, :k], arrays[0][1]
        arrays[-1] = limit[:, None] * arrays[-1][0], limit * arrays[-1][1]
        layers = tuple(Dense(weight, bias) for weight, bias in arrays)
        return DecoderArrays(self._unit(k).numpy(), layers, basis, mean)

    def forward(self, s: Tensor) -> Tensor:
        """Scores after the bottleneck."""
        return self.decode(self.encode(s, self.bottleneck))

    def _limit(self, k: int) -> Tensor:
        """The largest correction of each component for codes of ``k`` numbers."""
        # A component cannot need a larger correction than the first that the code lacks.
        return torch.minimum(self.spread, self.spread[min(k, len(self.spread) - 1)])

    def _unit(self, k: int) -> Tensor:
        """The initial standard deviation of each number of the code."""
        m = len(self.spread)
        return torch.cat([self.spread[:k], self.spread[-1:].expand(max(0, k - m))])


class MLP(nn.Module):
    """A multilayer perceptron with GELU units and an output layer that starts at zero."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int) -> None:
        super().__init__()
        sides = [inputs, *[width] * depth]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sides))
        self.dropout = nn.Dropout(0.0)
        self.last = nn.Linear(width, outputs)
        self.zero_output_layer()

    def zero_output_layer(self) -> None:
        """Set the output layer to zero."""
        with torch.no_grad():
            self.last.weight.zero_()
            self.last.bias.zero_()

    def forward(self, x: Tensor, outputs: int) -> Tensor:
        """The first ``outputs`` outputs for ``x`` (b, inputs), whose last columns may be absent."""
        first = self.layers[0]
        x = functional.gelu(functional.linear(x, first.weight[:, : x.shape[1]], first.bias))
        for layer in self.layers[1:]:
            x = functional.gelu(layer(x))
        x = self.dropout(x)
        return functional.linear(x, self.last.weight[:outputs], self.last.bias[:outputs])


def n_components_for(bottleneck: int, available: int) -> int:
    """The number of components for codes of length ``bottleneck``, at most ``available``."""
    return min(available, max(COMPONENTS, round(PER_NUMBER * bottleneck)))
