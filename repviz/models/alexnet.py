"""AlexNet (Krizhevsky, Sutskever & Hinton 2012) in five variants; each operation is a layer.

==============  ===========  ============================  ===================================
variant         parameters   convolutions                  response normalisation
==============  ===========  ============================  ===================================
paper           60,965,224   conv2, 4, 5 in two towers     k = 2, alpha not divided by n
ungrouped       62,378,344   each over all maps            k = 2, alpha not divided by n
code2012        60,965,224   conv2, 4, 5 in two towers     k = 2, alpha / n, within each tower
caffe           60,965,224   conv2, 4, 5 in two towers     k = 1, alpha / n
torchvision     61,100,840   another net (64 maps first)   none
==============  ===========  ============================  ===================================

The numbers of parameters are those with 1,000 classes. :mod:`repviz.models.alexnet_differences`
lists how each variant differs from the paper and from the published code, with the sources.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from repviz import checks
from repviz.errors import InputError
from repviz.models import alexnet_code2012
from repviz.models.model import MOST_CLASSES, Model, Preprocessing
from repviz.models.normalisation import LocalResponseNorm

VARIANTS: dict[str, str] = {
    "paper": "two towers; response normalisation as printed in the paper",
    "ungrouped": "no towers; response normalisation as printed in the paper",
    "code2012": "two towers; layers, input scale and first weights of the published code",
    "caffe": "two towers; alpha divided by n, k = 1",
    "torchvision": "torchvision's network of the same name, a different one",
}
INITS: dict[str, str] = {
    "robust": "He normal, biases 0, small last layer: learns from few images",
    "paper": "std 0.01; biases 1 in conv2, conv4, conv5, fc6 and fc7",
    "code2012": "as paper, but std 0.03 in conv3, conv4 and conv5",
}
# The 2012 recipe subtracts the mean of the training set; ImageNet's is the usual substitute.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The outputs of the eight layers with weights, and of the last pooling.
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "fc8")
TORCHVISION_LAYERS = (
    *("features.0", "features.3", "features.6", "features.8", "features.10", "features.12"),
    *("classifier.1", "classifier.4", "classifier.6"),
)


class AlexNet(nn.Sequential):
    """The 2012 network: 5 convolutions, 3 fully connected layers.

    Its layers are ``conv1 relu1 norm1 pool1 conv2 ... pool5 fc6 relu6 drop6 fc7 relu7 drop7 fc8``;
    none works in place, so that each can be extracted.

    Parameters
    ----------
    layers : OrderedDict of str to torch.nn.Module
        The layers by name; what goes into ``fc6`` is flattened.
    side : int
        Height and width of the input in pixels.
    """

    def __init__(self, layers: OrderedDict[str, nn.Module], side: int = 227) -> None:
        super().__init__(layers)
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """The class scores (b, classes) of ``x`` (b, 3, side, side)."""
        if x.ndim != 4 or x.shape[1:] != (3, self.side, self.side):
            raise InputError(_wrong_input(tuple(x.shape), self.side))
        for name, layer in self.named_children():
            x = layer(x.flatten(1) if name == "fc6" else x)
        return x


def build(
    *,
    variant: str = "paper",
    classes: int = 1000,
    init: str | None = None,
    map_dropout: float = 0.0,
) -> Model:
    """AlexNet with random weights.

    Parameters
    ----------
    variant : str
        A key of :data:`VARIANTS`.
    classes : int
        Outputs of fc8, at least 2.
    init : str, optional
        A key of :data:`INITS`; by default "code2012" for that variant, "robust" for the others.
    map_dropout : float
        Fraction of feature maps that training drops out after each convolution (layers ``drop1``
        to ``drop5``), in [0, 0.9]; 0 leaves these layers out, as the paper does. Dropping single
        values regularises little: their neighbours in the map are correlated (Tompson et al. 2015).
    """
    checks.one_of("open_model('alexnet')", "variant", variant, VARIANTS)
    if init is None:
        init = "code2012" if variant == "code2012" else "robust"
    checks.one_of("open_model('alexnet')", "init", init, INITS)
    classes = checks.integer("open_model('alexnet')", "classes", classes, low=2, high=MOST_CLASSES)
    map_dropout = checks.real("open_model('alexnet')", "map_dropout", map_dropout, low=0, high=0.9)
    if map_dropout and variant == "torchvision":
        raise InputError(
            "open_model('alexnet'): map_dropout needs one of the 2012 variants, got "
            "variant='torchvision'. Leave one of them out."
        )
    with torch.device("meta"):  # weights are drawn once, below
        module: nn.Module = (
            _torchvision_net(classes)
            if variant == "torchvision"
            else _net(variant, classes, map_dropout)
        )
    module = module.to_empty(device="cpu")
    _initialise(module, init)
    module = module.to(memory_format=torch.channels_last)
    side = module.side if isinstance(module, AlexNet) else 224
    std = (1 / 255,) * 3 if variant == "code2012" else STD  # the code leaves pixels at 0 to 255
    layers = TORCHVISION_LAYERS if variant == "torchvision" else LAYERS
    return Model("alexnet", module, Preprocessing((side, side), 3, MEAN, std), layers, "random", {})


def _net(variant: str, classes: int, map_dropout: float) -> AlexNet:
    if variant == "code2012":
        return AlexNet(
            _with_map_dropout(alexnet_code2012.layers(classes), map_dropout), alexnet_code2012.SIDE
        )
    towers = 1 if variant == "ungrouped" else 2
    k, divide = (1.0, True) if variant == "caffe" else (2.0, False)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv1"] = nn.Conv2d(3, 96, 11, stride=4)
    layers["relu1"] = nn.ReLU()
    layers["norm1"] = LocalResponseNorm(k=k, divide=divide)
    layers["pool1"] = nn.MaxPool2d(3, stride=2)
    layers["conv2"] = nn.Conv2d(96, 256, 5, padding=2, groups=towers)
    layers["relu2"] = nn.ReLU()
    layers["norm2"] = LocalResponseNorm(k=k, divide=divide)
    layers["pool2"] = nn.MaxPool2d(3, stride=2)
    layers["conv3"] = nn.Conv2d(256, 384, 3, padding=1)
    layers["relu3"] = nn.ReLU()
    layers["conv4"] = nn.Conv2d(384, 384, 3, padding=1, groups=towers)
    layers["relu4"] = nn.ReLU()
    layers["conv5"] = nn.Conv2d(384, 256, 3, padding=1, groups=towers)
    layers["relu5"] = nn.ReLU()
    layers["pool5"] = nn.MaxPool2d(3, stride=2)
    layers["fc6"] = nn.Linear(256 * 6 * 6, 4096)
    layers["relu6"] = nn.ReLU()
    layers["drop6"] = nn.Dropout(0.5)
    layers["fc7"] = nn.Linear(4096, 4096)
    layers["relu7"] = nn.ReLU()
    layers["drop7"] = nn.Dropout(0.5)
    layers["fc8"] = nn.Linear(4096, classes)
    return AlexNet(_with_map_dropout(layers, map_dropout))


def _with_map_dropout(
    layers: OrderedDict[str, nn.Module], rate: float
) -> OrderedDict[str, nn.Module]:
    """``layers`` with a dropout of feature maps after each convolution and its pooling, if any."""
    if not rate:
        return layers
    last = {
        "pool1": "drop1",
        "pool2": "drop2",
        "relu3": "drop3",
        "relu4": "drop4",
        "pool5": "drop5",
    }
    extended: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in layers.items():
        extended[name] = layer
        if name in last:
            extended[last[name]] = nn.Dropout2d(rate)
    return extended


def _torchvision_net(classes: int) -> nn.Module:
    from torchvision.models import alexnet

    net: nn.Module = alexnet(weights=None, num_classes=classes)
    return net


def _initialise(module: nn.Module, init: str) -> None:
    weighted = {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, nn.Conv2d | nn.Linear)
    }
    for index, (name, part) in enumerate(weighted.items()):
        if init == "code2012":
            nn.init.normal_(part.weight, std=alexnet_code2012.STDS.get(name, 0.01))
        elif init == "paper" or index == len(weighted) - 1:
            nn.init.normal_(part.weight, std=0.01)
        else:
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        # "the second, fourth, and fifth convolutional layers, as well as [...] the
        # fully-connected hidden layers, with the constant 1" (section 5)
        ones = init != "robust" and index in (1, 3, 4, 5, 6)
        nn.init.constant_(part.bias, 1.0 if ones else 0.0)


def _wrong_input(shape: tuple[int, ...], side: int) -> str:
    got = "x".join(str(length) for length in shape[1:])
    text = f"AlexNet: the input must be 3x{side}x{side}, got {got}."
    if side == 227 and shape[-2:] == (224, 224):
        return (
            f"{text} There are three ways to conv1's 55 x 55 maps: 227 pixels without padding, "
            "(227 - 11) / 4 + 1 = 55, as here; 224 pixels and 3 zeros to the right and below, as "
            "in variant='code2012'; or 224 pixels padded by 2, (224 + 4 - 11) / 4 + 1 = 55.25, "
            "rounded down, as in variant='torchvision'. Resize to 227."
        )
    return f"{text} Apply model.preprocessing to the images first: it resizes them."
