"""The kinds of a network's weights: trained, given by a user's module, or random."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from repviz.number_format import listed, points_with_interval


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


def benefit(differences: Iterable[Mapping[str, Any]], kind: str) -> tuple[str, str]:
    """Whether weights of ``kind`` help: as a word, and as a clause with each gain's interval.

    The deepest layer is claimed; the clause says in which earlier ones a gain is shown as well.

    Parameters
    ----------
    differences : iterable of mapping
        The rows of ``identity_differences.csv``: paired differences of shares, the layers by depth.
    kind : str
        The kind of the weights that are studied, of :data:`WEIGHT_KINDS`.
    """
    pairs = {(row["representation_a"], row["representation_b"]): row for row in differences}
    named = [(a.removeprefix(f"{kind} "), a, b) for a, b in pairs if a.startswith(f"{kind} ")]
    gains = {layer: pairs[a, b] for layer, a, b in named if b == f"untrained {layer}"}
    if not gains:
        return "cannot be told", "too few images are compared to tell"
    *earlier, layer = gains
    own, pixels, cause = gains[layer], pairs[f"{kind} {layer}", "pixels"], WEIGHT_KINDS[kind].cause
    also = [one for one in earlier if gains[one]["low"] > 0]
    interval, beside = (
        points_with_interval(row["difference"], row["low"], row["high"]) for row in (own, pixels)
    )
    pixels_better, over_pixels = pixels["high"] < 0, pixels["low"] > 0
    if pixels_better:
        control = f"the pixels do better ({beside})"
    elif over_pixels:
        control = f"the gain over the pixels is {beside}"
    else:
        control = f"no gain over the pixels is shown ({beside})"
    if not own["low"] > 0:  # nor where there is no interval
        worse = own["high"] < 0
        said = f"{cause} makes it worse" if worse else f"no benefit of {cause} is shown"
        but = f", but it helps in {listed(also)}" if also else ""
        word = "no, worse" if worse else "no benefit shown"
        return word, f"{said} in {layer} ({interval}){but}; {control}"
    where = f"{cause} helps in {layer} ({interval})"
    if earlier and not also:
        where += "; no gain is shown in an earlier layer"
    elif earlier:
        where += f" and in {listed(also) if also != earlier else 'every earlier layer'}"
    word = f"in {layer} only" if earlier and not also else "yes" if over_pixels else "partly"
    return "less than pixels" if pixels_better else word, f"{where}; {control}"
