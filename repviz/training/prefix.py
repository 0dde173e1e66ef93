"""Training one autoencoder for all sizes of code, from the longest code down to one number.

A network is trained at the longest code first. Then the code shrinks, by the same factor at each
step, while training continues: the network stays near the optimum of each size. What is saved at
each knot is the mean of the weights over the last steps, which is better than the last weights as
long as the learning rate stays high (Polyak & Juditsky 1992, SIAM J. Control Optim. 30:838).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from repviz.models.prefix import PrefixAutoencoder, PrefixCore
from repviz.models.scores import ScoreCore

RATE, DECAY = 3e-3, 0.3  # of AdamW; the decay keeps so high a learning rate from overfitting
FIRST, LAST, HORIZON = 0.08, 0.015, 0.01  # fractions of all steps: at either end, in the mean
GAIN_IMAGES = 512  # validation images that each size's gain is estimated on


class PrefixTraining(nn.Module):
    """The network while its code shrinks; it saves its mean weights at the knots.

    Parameters
    ----------
    core : PrefixCore
        Training starts with its network for the longest code and overwrites all of them.
    steps : int
        Number of training steps.
    """

    def __init__(self, core: PrefixCore, steps: int) -> None:
        super().__init__()
        self.steps, self.step = steps, 0
        self.core_in_list = [core]  # in a list, so that its weights are not trained
        self.net: ScoreCore = copy.deepcopy(core.nets[-1])  # type: ignore[assignment]
        self.mean = copy.deepcopy(self.net).requires_grad_(False)
        self.n_open = len(core.nets)  # knots that have not been saved yet

    @property
    def octaves(self) -> float:
        """The number of times that the code is halved."""
        return math.log2(self.net.bottleneck)

    def log_size(self, step: float) -> float:
        """The logarithm of the size at ``step``, to base 2."""
        progress = (step / self.steps - FIRST) / (1 - FIRST - LAST)
        return self.octaves * (1 - min(max(progress, 0.0), 1.0))

    def size(self, step: int) -> int:
        """The length of the code at ``step``."""
        return max(1, round(2 ** self.log_size(step)))

    def forward(self, s: Tensor) -> Tensor:
        """Scores (b, m) after a bottleneck of the size of this step."""
        size = self.size(self.step)
        if self.training:
            self._average()
            self.step += 1
        return self.net.decode(self.net.encode(s, size))

    @torch.no_grad()
    def _average(self) -> None:
        """Update the mean with the present weights; save it where a knot has been passed.

        The mean lags HORIZON behind, so it is saved so much later.
        """
        horizon = HORIZON * self.steps
        share = 1 / (1 + min(horizon, self.step))
        for mean, now in zip(self.mean.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(now, share)
        core = self.core_in_list[0]
        while self.n_open and self.log_size(self.step - horizon) <= float(
            core.knots[self.n_open - 1]
        ):
            if self.step < FIRST * self.steps:
                break
            self.n_open -= 1
            core.nets[self.n_open].load_state_dict(self.mean.state_dict())

    @torch.no_grad()
    def finish(self) -> None:
        """Save the mean at the remaining knots, once training has ended."""
        self._average()
        while self.n_open:
            self.n_open -= 1
            self.core_in_list[0].nets[self.n_open].load_state_dict(self.mean.state_dict())


def relative_loss(training: PrefixTraining) -> Callable[[Tensor, Tensor], Tensor]:
    """Squared error as a multiple of PCA's at the same size."""
    spectrum = training.net.spread.double().square()
    residual = (spectrum.sum() - torch.cumsum(spectrum, 0)).clamp_min(float(spectrum[-1])).float()

    def loss(output: Tensor, target: Tensor) -> Tensor:
        # The step has already been counted.
        k = training.size(training.step - 1)
        scale = float(residual[min(k, len(residual)) - 1])
        return (output - target).square().sum() / (len(target) * scale)

    return loss


@torch.no_grad()
def find_gains(module: PrefixAutoencoder, s: Tensor) -> None:
    """Set the factor on the corrections of each size, from validation scores ``s``.

    It minimises the squared error there, so that no size ends above PCA; 0, which is PCA itself,
    where the corrections do not help.
    """
    core, s = module.core, s[:GAIN_IMAGES]
    for k in range(1, module.bottleneck + 1):
        net = core.at(k)
        code = net.encode(s, k)
        linear = nn.functional.pad(code, (0, s.shape[1] - k))
        added, missing = net.decode(code) - linear, s - linear
        power = float(added.double().square().sum())
        gain = min(1.0, float((added * missing).double().sum()) / power) if power else 0.0
        left = float((missing - gain * added).double().square().sum())
        core.gain[k - 1] = gain if left < float(s[:, k:].double().square().sum()) else 0.0
