"""How one autoencoder for every size of code is trained: from the longest code down to one number.

A network is trained at the longest code first. Then the code shrinks, by the same factor at each
step, and training goes on: the network stays near the best one of each size. What is kept at each
knot is the mean of the weights over the last steps, which is better than the last weights are as
long as the learning rate stays high (Polyak & Juditsky 1992, SIAM J. Control Optim. 30:838).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from repviz.models.path import PathAutoencoder, PathCore
from repviz.models.scores import ScoreCore

RATE, DECAY = 3e-3, 0.3  # of AdamW; the decay keeps so fast a training from learning by heart
FIRST, LAST, HORIZON = 0.08, 0.015, 0.01  # shares of all steps: at either end, and in the mean
JUDGED = 512  # validation images that each size's gain is found with


class PathTraining(nn.Module):
    """The network that is carried along, and what it leaves at the knots.

    Parameters
    ----------
    core : PathCore
        It starts with the network of its longest code, and fills all of them.
    steps : int
        How many there will be.
    """

    def __init__(self, core: PathCore, steps: int) -> None:
        super().__init__()
        self.steps, self.step = steps, 0
        self.path = [core]  # in a list: its weights are not trained
        self.net: ScoreCore = copy.deepcopy(core.nets[-1])  # type: ignore[assignment]
        self.mean = copy.deepcopy(self.net).requires_grad_(False)
        self.open = len(core.nets)  # knots from which nothing was kept yet

    @property
    def octaves(self) -> float:
        """How far the code shrinks."""
        return math.log2(self.net.bottleneck)

    def place(self, step: float) -> float:
        """The logarithm of the size at ``step``, to base 2."""
        way = (step / self.steps - FIRST) / (1 - FIRST - LAST)
        return self.octaves * (1 - min(max(way, 0.0), 1.0))

    def size(self, step: int) -> int:
        """The length of the code at ``step``."""
        return max(1, round(2 ** self.place(step)))

    def forward(self, s: Tensor) -> Tensor:
        """Scores (b, m) after a bottleneck of the size of this step."""
        size = self.size(self.step)
        if self.training:
            self._look_back()
            self.step += 1
        return self.net.decode(self.net.encode(s, size))

    @torch.no_grad()
    def _look_back(self) -> None:
        """Take the weights that the last step left into the mean; keep it where a knot is passed.

        The mean is that of weights HORIZON ago, so it is kept so much later.
        """
        horizon = HORIZON * self.steps
        share = 1 / (1 + min(horizon, self.step))
        for mean, now in zip(self.mean.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(now, share)
        core = self.path[0]
        while self.open and self.place(self.step - horizon) <= float(core.knots[self.open - 1]):
            if self.step < FIRST * self.steps:
                break
            self.open -= 1
            core.nets[self.open].load_state_dict(self.mean.state_dict())

    @torch.no_grad()
    def close(self) -> None:
        """Keep the mean at the knots that are left; the training is over."""
        self._look_back()
        while self.open:
            self.open -= 1
            self.path[0].nets[self.open].load_state_dict(self.mean.state_dict())


def relative_loss(training: PathTraining) -> Callable[[Tensor, Tensor], Tensor]:
    """Squared error as a multiple of PCA's at the same size."""
    spectrum = training.net.spread.double().square()
    left = (spectrum.sum() - torch.cumsum(spectrum, 0)).clamp_min(float(spectrum[-1])).float()

    def loss(output: Tensor, target: Tensor) -> Tensor:
        # The step has been counted already.
        k = training.size(training.step - 1)
        scale = float(left[min(k, len(left)) - 1])
        return (output - target).square().sum() / (len(target) * scale)

    return loss


@torch.no_grad()
def find_gains(module: PathAutoencoder, s: Tensor) -> None:
    """Set what the corrections of each size are multiplied with, from validation scores ``s``.

    It is what leaves the least squared error there, so that no size ends above PCA; 0, which is
    PCA itself, where they do not help.
    """
    core, s = module.core, s[:JUDGED]
    for k in range(1, module.bottleneck + 1):
        net = core.at(k)
        code = net.encode(s, k)
        linear = nn.functional.pad(code, (0, s.shape[1] - k))
        added, missing = net.decode(code) - linear, s - linear
        power = float(added.double().square().sum())
        gain = min(1.0, float((added * missing).double().sum()) / power) if power else 0.0
        left = float((missing - gain * added).double().square().sum())
        core.gain[k - 1] = gain if left < float(s[:, k:].double().square().sum()) else 0.0
