"""Training of a least-volume autoencoder: latent deviations shrink as far as the error allows.

The loss is the squared error plus a weight times the geometric mean of the latent numbers' standard
deviations (Chen & Fuge 2024, ICLR, "Compressing latent space via least volume"). The decoder's
Lipschitz constant is bounded, or all deviations would shrink alike and the decoder make up for it.
With a linear decoder of orthonormal columns the solution is PCA, as they prove.

We differ in three points. The error and the deviations are relative to the images' variance, so
that their scale does not matter. The weight is proportional to the number of latent dimensions, so
that the gradient of one of them does not depend on how many there are. And the training starts at
PCA.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repviz.models.latent import LatentCore, LipschitzLinear
from repviz.training.found_size import smallest_size

# Weight of the volume per latent dimension, and what is added to each deviation; both relative to
# the root of the images' total variance.
WEIGHT, ETA = 0.1, 0.01


def volume(z: Tensor, eta: float = ETA) -> Tensor:
    """The geometric mean of the standard deviations of ``z`` (b, K), each plus ``eta``."""
    return torch.exp(torch.log(z.std(dim=0, correction=0) + eta).mean())


class LeastVolumeTraining(nn.Module):
    """The network, and the volume of its latent numbers in the last batch."""

    def __init__(self, core: LatentCore) -> None:
        super().__init__()
        self.core, self.volume = core, torch.zeros(())

    def forward(self, s: Tensor) -> Tensor:
        """Scores (b, m) after all latent numbers."""
        z = self.core.latent(s)
        self.volume = volume(z / self.core.scale)
        return self.core.from_latent(z)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Squared error as a share of the total variance, plus the weighted volume."""
        error = (output - target).square().sum() / (len(target) * self.core.scale.square())
        return error + WEIGHT * len(self.core.centre) * self.volume

    @torch.no_grad()
    def finish(self, train: Tensor, validation: Tensor, tolerance: float) -> None:
        """Order the latent dimensions by their deviations, and find how many are enough.

        Parameters
        ----------
        train, validation : Tensor, shapes (n, m) and (v, m)
            Scores that the order is computed from, and scores that the size is found with.
        tolerance : float
            How much the error may grow, in squared scores per image.
        """
        core = self.core
        for layer in core.modules():
            if isinstance(layer, LipschitzLinear):
                layer.tighten()
        z = core.latent(train).double()
        order = torch.argsort(z.std(dim=0, correction=0), descending=True, stable=True)
        core.set_basis(z.mean(dim=0), torch.eye(z.shape[1])[order])
        latents = z.shape[1]
        allowed = core.error(validation, latents) + tolerance
        size = smallest_size(lambda k: core.error(validation, k), latents, allowed)
        core.size.fill_(max(1, size or latents))
