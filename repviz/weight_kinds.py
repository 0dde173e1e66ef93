"""The kinds of a network's weights: trained, given by a user's module, or random."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class WeightKind:
    """One kind of weights, as tables and reports word it.

    Attributes
    ----------
    legend : str
        Beside a mark in a figure.
    network : str
        The network with such weights, in a sentence.
    credit : str
        What is said of that which only such a network has: "was learned".
    cause : str
        What sets it apart from the untrained network: "training".
    """

    legend: str
    network: str
    credit: str
    cause: str


# The column "weights" of a study's tables. Only "untrained" weights were drawn by repviz; of
# "given" ones nobody but their author knows whether they are trained, random, or half of each; of
# an imported matrix ("unknown") not even who gave them.
WEIGHT_KINDS = {
    "trained": WeightKind("trained weights", "the trained network", "was learned", "training"),
    "given": WeightKind(
        "weights as the module gave them",
        "the network as given",
        "is due to its weights",
        "using the given weights",
    ),
    "untrained": WeightKind(
        "random weights", "the untrained network", "is due to its architecture", "chance"
    ),
    "none": WeightKind("no weights", "the pixels", "is due to the images", "nothing"),
    "unknown": WeightKind(
        "weights not recorded", "the network", "is due to what is not recorded", "its weights"
    ),
}
STUDIED = ("trained", "given")  # what an untrained control stands beside


def studied_kind(kinds: Iterable[str]) -> str:
    """The kind among ``kinds`` that is studied: "trained" or "given", else "untrained"."""
    present = set(kinds)
    return next((kind for kind in STUDIED if kind in present), "untrained")


def benefit(
    over_untrained: tuple[float, float], over_pixels: tuple[float, float], cause: str
) -> tuple[str, str]:
    """Whether two paired differences show a benefit of ``cause``: as a word, and as a clause.

    Parameters
    ----------
    over_untrained, over_pixels : pair of float
        The interval of the gain over each control, low and high.
    cause : str
        :attr:`WeightKind.cause` of the weights that are studied.
    """
    if over_untrained[1] < 0:
        return "no, worse", f"{cause} makes it worse"
    gains, pixels_better = over_untrained[0] > 0, over_pixels[1] < 0
    if gains and over_pixels[0] > 0:
        return "yes", f"{cause} helps"
    beside = "the pixels do better" if pixels_better else "no gain over the pixels is shown"
    if gains:
        word = "less than pixels" if pixels_better else "partly"
        return word, f"{cause} improves on the untrained network, but {beside}"
    end = f", and {beside}" if pixels_better else ""
    return "no benefit shown", f"no benefit of {cause} is shown{end}"
