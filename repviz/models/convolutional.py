"""The plain convolutional autoencoder: ``code = g(x)``, ``output = mean + h(code)``."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz.models.autoencoder import Autoencoder, Shape

WIDTH, LEAST, MOST = 16, 4, 4  # maps of the first convolution; side at the end; halvings at most


class ConvAutoencoder(Autoencoder):
    """See :class:`repviz.models.autoencoder.Autoencoder` for the shared parameters.

    Parameters
    ----------
    shape, bottleneck, ordered, decoder
        As there. Sides that cannot be halved ``depth`` times are padded, and cut again.
    width : int
        Maps where the image is halved once; each next halving has twice as many.
    depth : int, optional
        How often the image is halved. The first convolution does so twice at once, where there are
        two: at full size a step would cost twice as much and gain nothing.
    variational : bool
        Whether a code is drawn from a Gaussian while it is trained; ``divergence`` then holds the
        batch's mean Kullback-Leibler divergence from the standard one, in nats an image.
    """

    OPTIONS = ("width", "depth", "variational")

    def __init__(
        self,
        shape: Shape,
        bottleneck: int,
        *,
        ordered: bool = False,
        decoder: bool = True,
        width: int = WIDTH,
        depth: int | None = None,
        variational: bool = False,
    ) -> None:
        super().__init__(shape, bottleneck, ordered=ordered, decoder=decoder)
        channels, *sides = shape
        depth = depth or min(MOST, max(1, int(math.log2(max(LEAST, min(sides)) / LEAST))))
        self.small = [-(-side // 2**depth) for side in sides]
        self.extra = [n * 2**depth - side for n, side in zip(self.small, sides, strict=True)]
        strides = [4] + [2] * (depth - 2) if depth > 1 else [2]
        maps = [width * 2 ** (depth - len(strides) + step) for step in range(len(strides))]
        top = maps[-1] * self.small[0] * self.small[1]
        self.variational, self.divergence = variational, torch.zeros(())
        encoder: list[nn.Module] = []
        for before, after, stride in zip([channels, *maps], maps, strides, strict=False):
            encoder += [nn.Conv2d(before, after, 4, stride, padding=1 - stride // 4), nn.GELU()]
        outputs = bottleneck * (1 + variational)
        self.encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(top, outputs))
        layers: list[nn.Module] = [
            nn.Linear(bottleneck, top),
            nn.Unflatten(1, (maps[-1], *self.small)),
        ]
        back = zip(maps[::-1], [*maps[-2::-1], channels], strides[::-1], strict=True)
        for before, after, stride in back:
            drawn = nn.ConvTranspose2d(before, after, 4, stride, padding=1 - stride // 4)
            layers += [nn.GELU(), drawn]
        self.decoder = nn.Sequential(*layers) if decoder else None
        self.mean = nn.Buffer(torch.full(shape, 0.5))
        self._keep_the_spread()

    def _keep_the_spread(self) -> None:
        """Draw weights that hand on what varies from layer to layer (He et al. 2015, equation 10).

        torch's own shrink it: after eight layers nothing of an image reaches the code and back, and
        with few images training never leaves the mean image.
        """
        for part in self.modules():
            if not isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                continue
            fan = part.weight[0].numel()
            if isinstance(part, nn.ConvTranspose2d):  # kernels overlap: 4 weights a channel meet
                fan = part.in_channels * math.prod(part.kernel_size) // math.prod(part.stride)
            nn.init.normal_(part.weight, std=math.sqrt(2 / fan))
            if part.bias is not None:
                nn.init.zeros_(part.bias)

    def start_at_mean(self, mean: np.ndarray) -> None:
        """Let the reconstruction start at ``mean`` (d,), the mean image, whatever the code."""
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(np.asarray(mean)).view_as(self.mean))
            if self.decoder is not None:
                self.decoder[-1].weight.zero_()
                self.decoder[-1].bias.zero_()

    def encode_prefix(self, x: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x``; of a Gaussian, its mean."""
        return self._encoded(x)[:, : self.bottleneck]

    def decode_unclipped(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The images of codes of which the first ``sizes`` numbers are known."""
        if self.ordered:
            known = torch.arange(self.bottleneck, device=code.device) < sizes[:, None]
            code = code * known
        assert self.decoder is not None
        _, height, width = self.shape
        return self.mean + self.decoder(code)[:, :, :height, :width]

    def forward(self, x: Tensor) -> Tensor:
        """The reconstructions of ``x``; in training a code is drawn or cut as its form has it."""
        if not self.training or not self.decodes:
            return super().forward(x)
        encoded = self._encoded(x)
        code, sizes = encoded[:, : self.bottleneck], torch.full((len(x),), self.bottleneck)
        if self.variational:
            code = self._drawn(encoded)
        if self.ordered:
            sizes = cuts(len(x), self.bottleneck, x.device)
        return self.decode_unclipped(self.code(code), sizes.to(x.device))

    def _encoded(self, x: Tensor) -> Tensor:
        below, right = self.extra
        centred = x - self.mean
        if below or right:
            centred = functional.pad(centred, (0, right, 0, below), mode="replicate")
        return self.encoder(centred)

    def _drawn(self, encoded: Tensor) -> Tensor:
        """A code a image from its Gaussian (Kingma & Welling 2014, section 3)."""
        mean, log_variance = encoded.float().split(self.bottleneck, dim=1)
        log_variance = log_variance.clamp(-20, 10)
        each = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        self.divergence = each.mean()
        return mean + torch.randn_like(mean) * (log_variance / 2).exp()


def cuts(count: int, bottleneck: int, device: torch.device) -> Tensor:
    """Random sizes (count,) from 1 to the bottleneck, as many in each octave."""
    drawn = torch.rand(count, device=device) * math.log2(bottleneck + 1)
    return torch.exp2(drawn).long().clamp_(1, bottleneck)
