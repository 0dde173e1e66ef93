"""The network of the code of 2012, which differs from the one that the paper describes.

Krizhevsky's code was published in 2025 (Computer History Museum, ``AlexNet-Source-Code``). Its
``layers/layers-145.cfg`` is the network of the paper's tables: the error rates noted in
``layer-params-145-2010.cfg`` (37.5 % and 17.0 %) and ``layer-params-145.cfg`` (40.7 % and 18.2 %)
are those of "CNN" in table 1 and of "1 CNN" in table 2.

The code rectifies after pooling where this network does before: the maximum and rectification
commute, so every other value is the same, and ``pool5`` means what it does in the other variants.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from repviz.models.normalisation import LocalResponseNorm

SIDE = 224  # crop of images of 256 pixels, --crop-border 16
STDS = {"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}  # initW; 0.01 elsewhere


class MapResponseNorm(nn.Module):
    """Local response normalisation within each map, over space: ``rnorm`` of the code.

    ``y = x / (1 + alpha / n**2 * sum of x**2 over the n x n pixels around it) ** beta``

    Parameters
    ----------
    n : int
        Side of the square in pixels; odd.
    alpha, beta : float
        The constants of the formula.
    """

    def __init__(self, *, n: int = 5, alpha: float = 1e-3, beta: float = 0.75) -> None:
        super().__init__()
        self.n, self.alpha, self.beta = n, alpha, beta

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (b, c, h, w), normalised."""
        mean = functional.avg_pool2d(x.square(), self.n, stride=1, padding=self.n // 2)
        return x * (1 + self.alpha * mean).pow(-self.beta)

    def extra_repr(self) -> str:
        """The constants, as ``print`` shows them."""
        return f"n={self.n}, alpha={self.alpha}, beta={self.beta}"


class UnscaledDropout(nn.Module):
    """Dropout as in 2012: unscaled in training; evaluation multiplies by the share kept.

    ``torch.nn.Dropout`` divides by it in training instead, which gives outputs twice as large for
    the same weights.

    Parameters
    ----------
    keep : float
        Probability that a value is kept, in (0, 1].
    """

    def __init__(self, keep: float = 0.5) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        """``x`` of any shape, with values dropped out in training."""
        return self.keep * functional.dropout(x, 1 - self.keep, self.training)

    def extra_repr(self) -> str:
        """The probability, as ``print`` shows it."""
        return f"keep={self.keep}"


def layers(classes: int) -> OrderedDict[str, nn.Module]:
    """The layers of ``layers-145.cfg``, both towers in one, by name; ``classes`` outputs of fc8."""
    return OrderedDict(
        # 1 + ceil((224 - 11) / 4) = 55 positions: the last one looks 3 pixels beyond the edge.
        pad1=nn.ZeroPad2d((0, 3, 0, 3)),
        conv1=nn.Conv2d(3, 96, 11, stride=4),
        norm1=LocalResponseNorm(divide=True, towers=2),
        relu1=nn.ReLU(),
        pool1=nn.MaxPool2d(3, stride=2),
        conv2=nn.Conv2d(96, 256, 5, padding=2, groups=2),
        relu2=nn.ReLU(),
        norm2=LocalResponseNorm(divide=True, towers=2),
        mapnorm2=MapResponseNorm(),
        pool2=nn.MaxPool2d(3, stride=2),
        conv3=nn.Conv2d(256, 384, 3, padding=1),
        relu3=nn.ReLU(),
        conv4=nn.Conv2d(384, 384, 3, padding=1, groups=2),
        relu4=nn.ReLU(),
        conv5=nn.Conv2d(384, 256, 3, padding=1, groups=2),
        relu5=nn.ReLU(),
        pool5=nn.MaxPool2d(3, stride=2),
        fc6=nn.Linear(256 * 6 * 6, 4096),
        relu6=nn.ReLU(),
        drop6=UnscaledDropout(),
        fc7=nn.Linear(4096, 4096),
        relu7=nn.ReLU(),
        drop7=UnscaledDropout(),
        fc8=nn.Linear(4096, classes),
    )
