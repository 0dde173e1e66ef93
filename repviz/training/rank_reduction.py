"""Training of a rank-reduction autoencoder: its latent matrix has a rank that falls in training.

The latent numbers of a batch, centred, are truncated by a singular value decomposition to a rank
before they are decoded (Mounayer et al. 2024, arXiv:2405.13980, "Rank reduction autoencoders"). The
rank falls as long as the error stays within the tolerance of :mod:`repviz.training.found_size`
(their adaptive algorithm): each lower rank is tried for some epochs; where they do not suffice, the
weights return to those of the last rank that did.

We differ in three points: the batch is centred; the training starts at PCA, so that the error to be
kept is known at once; and the gradient treats the singular vectors as constants, as derivatives of
vectors with nearly equal singular values are unbounded.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from repviz.models.latent import LatentCore
from repviz.training.found_size import smallest_size

PATIENCE = 1 / 16  # epochs that one rank is tried for, as a fraction of all
STEP = 0.9  # the next rank to try, as a multiple of the smallest that is within the tolerance


class RankReductionTraining(nn.Module):
    """The network, the rank that is being trained, and the best weights of the smallest rank.

    Parameters
    ----------
    core : LatentCore
        The network, at its start.
    train, validation : Tensor, shapes (n, m) and (v, m)
        Scores that the basis is computed from, and scores that the rank is found with.
    tolerance : float
        How much the error may grow, in squared scores per image.
    epochs : int
        Length of the training.
    """

    def __init__(
        self, core: LatentCore, train: Tensor, validation: Tensor, tolerance: float, epochs: int
    ) -> None:
        super().__init__()
        self.core, self.train_scores, self.validation = core, train, validation
        self.patience = max(1, round(PATIENCE * epochs))
        self.failed, self.trials = 0, 0  # largest rank that did not suffice; epochs of this one
        self._set_basis()
        self.allowed = self.error(len(core.centre)) + tolerance
        self.rank = self.found = len(core.centre)
        self.smallest_error, self.best = float("inf"), copy.deepcopy(core.state_dict())

    def forward(self, s: Tensor) -> Tensor:
        """Scores (b, m) after latent numbers of the present rank."""
        return self.core.from_latent(truncated(self.core.latent(s), self.rank))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Squared error as a share of the total variance."""
        return (output - target).square().sum() / (len(target) * self.core.scale.square())

    def error(self, k: int) -> float:
        """The validation error with codes of ``k`` numbers."""
        return self.core.error(self.validation, k)

    def after_epoch(self) -> float:
        """The validation error at the present rank; then the next rank is set."""
        self._set_basis()
        error = self.error(self.rank)
        self.trials += 1
        if error <= self.allowed:
            rank = smallest_size(self.error, self.rank, self.allowed) or 1
            self._keep(max(1, rank), error if rank == self.rank else self.error(rank))
        elif self.trials >= self.patience:
            self.failed = self.rank
            self.core.load_state_dict(self.best)
            self._try_next()
        return error

    def finish(self) -> None:
        """Return to the best weights of the smallest rank that sufficed."""
        self.core.load_state_dict(self.best)
        self.core.size.fill_(self.found)

    def _keep(self, rank: int, error: float) -> None:
        if rank < self.found or error < self.smallest_error:
            self.smallest_error, self.best = error, copy.deepcopy(self.core.state_dict())
        if rank < self.found or self.rank > self.found:
            self.found = rank
            self._try_next()

    def _try_next(self) -> None:
        self.trials = 0
        self.rank = max(self.failed + 1, min(self.found - 1, round(STEP * self.found)))
        self.rank = min(self.rank, self.found)

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
