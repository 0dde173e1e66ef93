"""The plain convolutional autoencoder: ``code = g(x)``, ``output = mean + h(code)``."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from repviz.models.autoencoder import Autoencoder, Shape

WIDTH, MIN_SIDE, MAX_DEPTH = 16, 4, 4  # maps of the first convolution; last side; halvings


class ConvAutoencoder(Autoencoder):
    """See :class:`repviz.models.autoencoder.Autoencoder` for the shared parameters.

    Parameters
    ----------
    shape, bottleneck, ordered, decoder
        As there. Sides that cannot be halved ``depth`` times are padded, and cropped again.
    width : int
        Feature maps after the first halving; each further halving doubles them.
    depth : int, optional
        Number of halvings of the image. The first convolution does two at once, where there are
        two: at full resolution a step would cost twice as much without a gain.
    variational : bool
        Whether a code is sampled from a Gaussian in training; ``divergence`` then holds the batch's
        mean Kullback-Leibler divergence from the standard Gaussian, in nats per image.
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
        depth = depth or min(
            MAX_DEPTH, max(1, int(math.log2(max(MIN_SIDE, min(sides)) / MIN_SIDE)))
        )
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
            upsampling = nn.ConvTranspose2d(before, after, 4, stride, padding=1 - stride // 4)
            layers += [nn.GELU(), upsampling]
        self.decoder = nn.Sequential(*layers) if decoder else None
        self.mean = nn.Buffer(torch.full(shape, 0.5))
        self._init_weights()

    def _init_weights(self) -> None:
        """Draw weights that preserve variance from layer to layer (He et al. 2015, equation 10).

        torch's defaults shrink it: after eight layers nothing of an image is left, and with few
        images training never leaves the mean image.
        """
        for part in self.modules():
            if not isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                continue
            fan = part.weight[0].numel()
            if isinstance(part, nn.ConvTranspose2d):  # kernels overlap: 4 weights per channel meet
                fan = part.in_channels * math.prod(part.kernel_size) // math.prod(part.stride)
            nn.init.normal_(part.weight, std=math.sqrt(2 / fan))
            if part.bias is not None:
                nn.init.zeros_(part.bias)

    def start_at_mean(self, mean: np.ndarray) -> None:
        """Set the reconstruction to ``mean`` (d,), the mean image, for every code."""
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(np.asarray(mean)).view_as(self.mean))
            if self.decoder is not None:
                self.decoder[-1].weight.zero_()
                self.decoder[-1].bias.zero_()

    def encode_prefix(self, x: Tensor, sizes: Tensor) -> Tensor:
        """The codes (b, bottleneck) of ``x``; of a Gaussian, its mean."""
        return self._encode(x)[:, : self.bottleneck]

    def decode_unclipped(self, code: Tensor, sizes: Tensor) -> Tensor:
        """The images of codes of which the first ``sizes`` numbers are given."""
        if self.ordered:
            given = torch.arange(self.bottleneck, device=code.device) < sizes[:, None]
            code = code * given
        assert self.decoder is not None
        _, height, width = self.shape
        return self.mean + self.decoder(code)[:, :, :height, :width]

    def forward(self, x: Tensor) -> Tensor:
        """The reconstructions of ``x``; in training, of a sampled or truncated code."""
        if not self.training or not self.decodes:
            return super().forward(x)
        encoded = self._encode(x)
        code, sizes = encoded[:, : self.bottleneck], torch.full((len(x),), self.bottleneck)
        if self.variational:
            code = self._sample(encoded)
        if self.ordered:
            sizes = random_sizes(len(x), self.bottleneck, x.device)
        return self.decode_unclipped(self.code(code), sizes.to(x.device))

    def _encode(self, x: Tensor) -> Tensor:
        below, right = self.extra
        centred = x - self.mean
        if below or right:
            centred = functional.pad(centred, (0, right, 0, below), mode="replicate")
        return self.encoder(centred)

    def _sample(self, encoded: Tensor) -> Tensor:
        """A code per image, sampled from its Gaussian (Kingma & Welling 2014, section 3)."""
        mean, log_variance = encoded.float().split(self.bottleneck, dim=1)
        log_variance = log_variance.clamp(-20, 10)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        self.divergence = divergence.mean()
        return mean + torch.randn_like(mean) * (log_variance / 2).exp()


def random_sizes(count: int, bottleneck: int, device: torch.device) -> Tensor:
    """Random sizes (count,) from 1 to the bottleneck, uniform on a logarithmic scale."""
    log_sizes = torch.rand(count, device=device) * math.log2(bottleneck + 1)
    return torch.exp2(log_sizes).long().clamp_(1, bottleneck)
