"""How each AlexNet variant and recipe differs from the paper and from the published code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from repviz import checks
from repviz.models.alexnet import VARIANTS

if TYPE_CHECKING:
    import pandas as pd

PAPER = "Krizhevsky, Sutskever & Hinton (2012), section {}"
# The Computer History Museum's release of 2025, a repository of this name.
CODE = "AlexNet-Source-Code, {}"
_PARAMETERS = "layers/layer-params-145.cfg"
_LAYERS = "layers/layers-145.cfg"
# What a variant does where it does what the one or the other says.
AS_PAPER, AS_CODE = "as the paper", "as the code"


@dataclass(frozen=True)
class Aspect:
    """One property of the network or of its training.

    Attributes
    ----------
    name : str
        What it is.
    paper, paper_section : str
        What the paper says, and the section where it does.
    code, code_file : str
        What the published code does, and in which of its files.
    variants : dict of str to str
        A key of :data:`repviz.models.alexnet.VARIANTS`, or ``"recipe paper"`` and
        ``"recipe code2012"``, to what it does: :data:`AS_PAPER`, :data:`AS_CODE`, or words. Where
        paper and code agree, ``AS_PAPER`` means both.
    """

    name: str
    paper: str
    paper_section: str
    code: str
    code_file: str
    variants: dict[str, str]

    @property
    def agree(self) -> bool:
        """Whether paper and code agree."""
        return self.paper == self.code


def _all(text: str, **others: str) -> dict[str, str]:
    return {variant: others.get(variant, text) for variant in VARIANTS}


def _both(paper: str, code: str) -> dict[str, str]:
    return {"recipe paper": paper, "recipe code2012": code}


ASPECTS: tuple[Aspect, ...] = (
    Aspect(
        "input size",
        "224 x 224, which gives no whole number of positions at stride 4",
        "3.5",
        "224 x 224; the 55th position looks 3 pixels of zeros beyond the right and lower edge",
        f"layer.py (modulesX), convdata_jpeg.py, {_LAYERS}",
        _all(
            "227 x 227, as Caffe's",
            code2012=AS_CODE,
            torchvision="224 x 224, padded by 2 all round",
        ),
    ),
    Aspect(
        "input scale",
        "0 to 255, mean subtracted",
        "2",
        "0 to 255, mean subtracted",
        "convdata_jpeg.py (subtract_mean)",
        _all("divided by the standard deviation of ImageNet's pixels", code2012=AS_PAPER),
    ),
    Aspect(
        "mean subtracted",
        "of each pixel over the training set",
        "2",
        "of each pixel over the training set",
        "convdata_jpeg.py (subtract_mean)",
        _all("ImageNet's, of each colour channel"),
    ),
    Aspect(
        "parameters (1,000 classes)",
        "60,965,224 (counted; the paper says 60 million)",
        "3.5",
        "60,965,224 (counted; the paper says 60 million)",
        _LAYERS,
        _all(
            AS_PAPER,
            ungrouped="62,378,344: conv2, conv4 and conv5 see all maps",
            torchvision="61,100,840: 64, 192, 384, 256 and 256 maps, as in Krizhevsky (2014)",
        ),
    ),
    Aspect(
        "order in layer 1",
        "convolution, rectification, response normalisation, pooling",
        "3.5",
        "convolution, response normalisation, pooling, rectification",
        _LAYERS,
        _all(AS_PAPER, code2012=AS_CODE, torchvision="no normalisation"),
    ),
    Aspect(
        "response normalisation, constants",
        "k = 2, n = 5, alpha = 0.0001 times the sum, beta = 0.75",
        "3.3",
        "k = 2, n = 5, alpha = 0.0001 / 5 times the sum, beta = 0.75",
        f"layer.py (NormLayerParser divides scale by size), {_PARAMETERS} (minDiv=2)",
        _all(
            AS_PAPER,
            code2012=AS_CODE,
            caffe="as the code, but k = 1 (bvlc_alexnet)",
            torchvision="no normalisation",
        ),
    ),
    Aspect(
        "response normalisation, maps in the sum",
        "adjacent maps of all of the layer",
        "3.3",
        "adjacent maps of the same tower",
        f"{_LAYERS} (rnorm1a and rnorm1b, each of 48 maps)",
        _all(AS_PAPER, code2012=AS_CODE, torchvision="no normalisation"),
    ),
    Aspect(
        "second normalisation in layer 2",
        "none",
        "3.5",
        "each map by its own 5 x 5 neighbourhood, alpha = 0.001 / 25, beta = 0.75, k = 1",
        f"{_LAYERS} (cnorm2a, of type rnorm), {_PARAMETERS}",
        _all(AS_PAPER, code2012=AS_CODE, torchvision="no normalisation"),
    ),
    Aspect(
        "dropout",
        "outputs multiplied by 0.5 in evaluation",
        "4.2",
        "outputs multiplied by 0.5 in evaluation",
        "src/layer.cu (HiddenSexLayer)",
        _all("outputs multiplied by 2 in training", code2012=AS_PAPER),
    ),
    Aspect(
        "first weights",
        "standard deviation 0.01",
        "5",
        "standard deviation 0.03 in conv3, conv4 and conv5, 0.01 elsewhere",
        f"{_LAYERS} (initW)",
        _all("He normal, fc8 0.01; init='paper': as the paper", code2012=AS_CODE),
    ),
    Aspect(
        "first biases",
        "1 in conv2, conv4, conv5, fc6 and fc7, 0 elsewhere",
        "5",
        "1 in conv2, conv4, conv5, fc6 and fc7, 0 elsewhere",
        f"{_LAYERS} (initB)",
        _all("0; init='paper': as the paper", code2012=AS_PAPER),
    ),
    Aspect(
        "weight decay",
        "0.0005; biases not mentioned",
        "5",
        "0.0005, none of biases",
        f"{_PARAMETERS} (wc), src/layer.cu (WeightLayer)",
        _both("0.0005, of biases too", AS_CODE),
    ),
    Aspect(
        "learning rate of biases",
        "that of all layers, 0.01 at first",
        "5",
        "twice that of weights, 0.02 at first",
        "layers/layer-params-126-2012-full.cfg (epsB)",
        _both(AS_PAPER, AS_CODE),
    ),
    Aspect(
        "fall of the learning rate",
        "divided by 10, three times, when the validation error stopped improving; about 90 epochs",
        "5",
        "of weights: divided by 10 by hand after 25, 51 and 79 of 91 epochs; in conv1 after 67, "
        "and 0 after 72",
        f"{_PARAMETERS} (notes)",
        _both(
            "divided by 10 after 5 epochs without a better validation accuracy, three times",
            "divided by 10 after 27, 56 and 87 % of the epochs, in conv1 too, and of biases too",
        ),
    ),
    Aspect(
        "fall of the rate and momentum",
        "the rate scales the gradient as it enters the momentum",
        "5",
        "the rate scales the gradient as it enters the momentum",
        "src/weights.cu (Weights::update)",
        _both(*["torch's: the rate scales the momentum (differs for some steps after a fall)"] * 2),
    ),
    Aspect(
        "crops and mirror images",
        "random, of images of 256 x 256",
        "4.1",
        "random, of images of 256 x 256, the same for 32 images at a time",
        "convdata_jpeg.py (crop_chunk)",
        _both(AS_PAPER, "random, of images of 256 x 256, for each image"),
    ),
    Aspect(
        "colour noise",
        "0.1 times the eigenvalues of the covariance of colours",
        "4.1",
        "0.1 times their square roots, the input then divided by 1.1; none after 67 of 91 epochs",
        f"convdata_jpeg.py (color_stdevs), {_PARAMETERS} (notes)",
        _both(*["0.1 times their square roots, in all epochs"] * 2),
    ),
)


def differences(variant: str = "code2012") -> pd.DataFrame:
    """One row per property in which ``variant`` is not what the paper and the code both say.

    Parameters
    ----------
    variant : str
        A key of :data:`repviz.models.alexnet.VARIANTS`, or ``"recipe paper"`` or
        ``"recipe code2012"`` for a way of training.

    Returns
    -------
    DataFrame
        ``aspect``; ``here``, what this variant does; ``paper``, ``paper_source``, ``code`` and
        ``code_source``, what the two say, and where. ``here`` is the same text as ``paper`` or as
        ``code`` where the variant follows one of two that differ.

    Raises
    ------
    UnknownName
        No such variant.
    """
    import pandas as pd

    known = [*VARIANTS, "recipe paper", "recipe code2012"]
    checks.one_of("differences", "variant", variant, known)
    rows = []
    for aspect in ASPECTS:
        does = aspect.variants.get(variant)
        if does is None or (aspect.agree and does in (AS_PAPER, AS_CODE)):
            continue
        rows.append(
            {
                "aspect": aspect.name,
                "here": {AS_PAPER: aspect.paper, AS_CODE: aspect.code}.get(does, does),
                "paper": aspect.paper,
                "paper_source": PAPER.format(aspect.paper_section),
                "code": aspect.code,
                "code_source": CODE.format(aspect.code_file),
            }
        )
    return pd.DataFrame(rows)
