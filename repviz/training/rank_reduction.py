"""Training of a rank-reduction autoencoder: its latent matrix has a rank that falls in training.

The latent numbers of a batch, centred, are truncated by a singular value decomposition to a rank
before they are decoded (Mounayer et al. 2024, arXiv:2405.13980, "Rank reduction autoencoders"). The
rank falls as long as the error stays within the tolerance of :mod:`repviz.training.found_size`.

We differ from their adaptive algorithm, which lowers the rank by one and trains until the error is
again what it was, or gives up. The training starts at PCA, so that the error to be kept is known at
once. Each batch has a rank between the present one and half of it, so that lower ranks are learned
before they are needed; after each epoch the rank falls to the lowest within the tolerance. And the
gradient treats the singular vectors as constants, as derivatives of vectors with nearly equal
singular values are unbounded.
"""

from __future__ import annotations

import copy
from math import log2

import torch
from torch import Tensor, nn

from repviz.models.latent import LatentCore
from repviz.training.found_size import smallest_size

LOWEST = 0.5  # the lowest rank that is tried, as a multiple of the present one


class RankReductionTraining(nn.Module):
    """The network, the smallest rank that suffices so far, and the best weights of that rank.

    Parameters
    ----------
    core : LatentCore
        The network, at its start.
    train, validation : Tensor, shapes (n, m) and (v, m)
        Scores that the basis is computed from, and scores that the rank is found with.
    tolerance : float
        How much the error may grow, in squared scores per image.
    """

    def __init__(
        self, core: LatentCore, train: Tensor, validation: Tensor, tolerance: float
    ) -> None:
        super().__init__()
        self.core = core
        self.train_scores = nn.Buffer(train, persistent=False)
        self.validation = nn.Buffer(validation, persistent=False)
        self.rank = len(core.centre)
        self._set_basis()
        self.allowed = self.error(self.rank) + tolerance
        self.smallest_error, self.best = float("inf"), core.state_dict()

    def forward(self, s: Tensor) -> Tensor:
        """Scores (b, m) after latent numbers of a random rank up to the present one."""
        lowest = log2(max(1.0, LOWEST * self.rank))
        rank = 2 ** (lowest + float(torch.rand(())) * (log2(self.rank) - lowest))
        return self.core.from_latent(truncated(self.core.latent(s), round(rank)))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Squared error as a share of the total variance."""
        return (output - target).square().sum() / (len(target) * self.core.scale.square())

    def error(self, k: int) -> float:
        """The validation error with codes of ``k`` numbers."""
        return self.core.error(self.validation, k)

    def after_epoch(self) -> float:
        """The validation error, after lowering the rank as far as the error allows."""
        self._set_basis()
        rank = smallest_size(self.error, self.rank, self.allowed)
        rank = self.rank if rank is None else max(1, rank)
        error = self.error(rank)
        if rank < self.rank or error < self.smallest_error:
            self.rank, self.smallest_error = rank, error
            self.best = copy.deepcopy(self.core.state_dict())
        return error

    def finish(self) -> None:
        """Return to the best weights of the lowest rank that sufficed."""
        self.core.load_state_dict(self.best)
        self.core.size.fill_(self.rank)

    @torch.no_grad()
    def _set_basis(self) -> None:
        z = self.core.latent(self.train_scores).double()
        centre = z.mean(dim=0)
        directions = torch.linalg.eigh((z - centre).T @ (z - centre)).eigenvectors.flip(1).T
        largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
        self.core.set_basis(centre, directions * largest.sign())


def truncated(z: Tensor, rank: int) -> Tensor:
    """Latent numbers ``z`` (b, K), centred, truncated to ``rank`` singular values."""
    centre = z.mean(dim=0)
    centred = z - centre
    if rank >= min(centred.shape):
        return z
    with torch.no_grad():
        directions = torch.linalg.svd(centred, full_matrices=False).Vh[:rank]
    return centre + centred @ directions.T @ directions
