"""One autoencoder for every size of code: a network on the path of its weights over the sizes.

The best codes of 32 and of 33 numbers differ, and a network that is merely told the size serves all
of them worse than each. But its weights can be carried from size to size: trained while the size
shrinks, step by step, it stays near the best of each. Kept at some sizes, the weights of those
between are interpolated.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz.models.autoencoder import Shape
from repviz.models.scores import ScoreAutoencoder, ScoreCore

OCTAVE = 2  # networks kept for each doubling of the size


class PathAutoencoder(ScoreAutoencoder):
    """See :class:`repviz.models.scores.ScoreAutoencoder`; at each size it starts at PCA."""

    def __init__(self, shape: Shape, bottleneck: int, **options: Any) -> None:
        super().__init__(shape, bottleneck, **options)
        self.core: PathCore = PathCore(self.core, bottleneck)  # type: ignore[assignment]

    def encode_prefix(self, x: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x`` at one size; 0 beyond it."""
        k = int(sizes[0])
        code = self.core.encode(self.scores(x), k)
        return functional.pad(code, (0, self.bottleneck - k))

    def decode_unclipped(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The images of codes of which the first ``sizes`` numbers are known, one size for all."""
        x = self.core.decode(code[:, : int(sizes[0])]) @ self.basis + self.mean
        return x.view(-1, *self.shape)

    def alone(self, k: int) -> ScoreAutoencoder:
        """The autoencoder that it is at size ``k``, by itself."""
        net = self.core.at(k)
        made = ScoreAutoencoder(
            self.shape,
            k,
            decoder=self.decodes,
            components=len(self.basis),
            width=net.width,
            depth=net.depth,
        )
        made.mean.copy_(self.mean)
        made.basis.copy_(self.basis)
        made.core = net.cut(k, float(self.core.gain[k - 1]))
        return made


class PathCore(nn.Module):
    """The networks from principal components to principal components (b, m), one a knot.

    ``gain`` holds for each size what its corrections are multiplied with; 0 leaves PCA itself.
    """

    def __init__(self, core: ScoreCore, bottleneck: int) -> None:
        super().__init__()
        count = 1 + math.ceil(OCTAVE * math.log2(bottleneck))
        places = torch.linspace(0, math.log2(bottleneck), count)
        self.knots = nn.Buffer(places)  # logarithms of sizes to base 2, ascending
        self.gain = nn.Buffer(torch.ones(bottleneck))
        self.nets = nn.ModuleList([core, *(copy.deepcopy(core) for _ in places[1:])])

    def start(self, spread: Tensor) -> None:
        """Let each start at PCA; see :meth:`ScoreCore.start`."""
        for net in self.nets:
            net.start(spread)

    def at(self, k: int) -> ScoreCore:
        """The network for codes of ``k`` numbers: between two knots, by their distance."""
        place = math.log2(k)
        after = min(int(torch.searchsorted(self.knots, place)), len(self.nets) - 1)
        before = max(0, after - 1)
        low, high = float(self.knots[before]), float(self.knots[after])
        net: ScoreCore = copy.deepcopy(self.nets[before])
        share = (place - low) / (high - low) if high > low else 1.0
        with torch.no_grad():
            for own, other in zip(net.parameters(), self.nets[after].parameters(), strict=True):
                own.lerp_(other, share)
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
