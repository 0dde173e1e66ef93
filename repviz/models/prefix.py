"""One autoencoder for all sizes of code: its weights are a function of the size.

The optimal codes of 32 and of 33 numbers differ, and one network that is given the size as an input
is worse at each of them than a network of that size. But weights can be carried from size to size:
trained while the size shrinks, step by step, a network stays near the optimum of each. The weights
are saved at some sizes (the knots) and interpolated between them.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz.models.autoencoder import Shape
from repviz.models.decoder_arrays import DecoderArrays
from repviz.models.scores import ScoreAutoencoder, ScoreCore

KNOTS_PER_OCTAVE = 2  # saved networks for each doubling of the size


class PrefixAutoencoder(ScoreAutoencoder):
    """See :class:`repviz.models.scores.ScoreAutoencoder`; at each size it starts at PCA."""

    def __init__(self, shape: Shape, bottleneck: int, **options: Any) -> None:
        super().__init__(shape, bottleneck, **options)
        self.core: PrefixCore = PrefixCore(self.core, bottleneck)  # type: ignore[assignment]

    def encode_prefix(self, x: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x`` at one size; 0 beyond it."""
        k = int(sizes[0])
        code = self.core.encode(self.scores(x), k)
        return functional.pad(code, (0, self.bottleneck - k))

    def decode_unclipped(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The images of codes of which the first ``sizes`` numbers are given, one size for all."""
        x = self.core.decode(code[:, : int(sizes[0])]) @ self.basis + self.mean
        return x.view(-1, *self.shape)

    def decoder_arrays(self, k: int) -> DecoderArrays:
        """The decoder of codes of ``k`` numbers, which may be fewer than the bottleneck."""
        return self.at_size(k).decoder_arrays(k)

    def at_size(self, k: int) -> ScoreAutoencoder:
        """The autoencoder for codes of ``k`` numbers alone."""
        net = self.core.at(k)
        single = ScoreAutoencoder(
            self.shape,
            k,
            decoder=self.decodes,
            components=len(self.basis),
            width=net.width,
            depth=net.depth,
        )
        single.mean.copy_(self.mean)
        single.basis.copy_(self.basis)
        single.core = net.cut(k, float(self.core.gain[k - 1]))
        return single


class PrefixCore(nn.Module):
    """The networks from principal components to principal components (b, m), one per knot.

    ``gain`` holds the factor on the corrections of each size; 0 leaves PCA itself.
    """

    def __init__(self, core: ScoreCore, bottleneck: int) -> None:
        super().__init__()
        count = 1 + math.ceil(KNOTS_PER_OCTAVE * math.log2(bottleneck))
        log_sizes = torch.linspace(0, math.log2(bottleneck), count)
        self.knots = nn.Buffer(log_sizes)  # logarithms of sizes to base 2, ascending
        self.gain = nn.Buffer(torch.ones(bottleneck))
        self.nets = nn.ModuleList([core, *(copy.deepcopy(core) for _ in log_sizes[1:])])

    def start(self, spread: Tensor) -> None:
        """Set each network to PCA; see :meth:`ScoreCore.start`."""
        for net in self.nets:
            net.start(spread)

    def at(self, k: int) -> ScoreCore:
        """The network for codes of ``k`` numbers, interpolated between the nearest two knots."""
        log_size = math.log2(k)
        after = min(int(torch.searchsorted(self.knots, log_size)), len(self.nets) - 1)
        before = max(0, after - 1)
        low, high = float(self.knots[before]), float(self.knots[after])
        net: ScoreCore = copy.deepcopy(self.nets[before])
        weight = (log_size - low) / (high - low) if high > low else 1.0
        with torch.no_grad():
            for own, other in zip(net.parameters(), self.nets[after].parameters(), strict=True):
                own.lerp_(other, weight)
        return net

    def encode(self, s: Tensor, k: int) -> Tensor:
        """The codes (b, k) of scores ``s`` (b, m)."""
        if not self.gain[k - 1]:
            return functional.pad(s, (0, k - s.shape[1]))
        return self.at(k).encode(s, k)

    def decode(self, code: Tensor) -> Tensor:
        """The scores (b, m) of codes (b, k)."""
        k, m = code.shape[1], len(self.nets[0].spread)
        linear = functional.pad(code, (0, m - k))
        gain = self.gain[k - 1]
        return torch.lerp(linear, self.at(k).decode(code), gain) if gain else linear
