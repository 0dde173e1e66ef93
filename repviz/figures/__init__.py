"""Figures: a table in, a matplotlib figure out. They draw stored numbers and compute nothing.

Every kind is one file with one function, ``draw(table, *, width) -> Figure``; :data:`FIGURES`
lists them. matplotlib is loaded when the first figure is drawn, not before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from repviz import checks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# kind: what it shows. The file of the same name in this folder draws it.
FIGURES: dict[str, str] = {
    "sweep": "reconstruction error, and its ratio to PCA's, against the bottleneck size",
    "learning_curves": "training and validation error of each engine against the step",
    "code_probes": "what can be decoded from the codes, against the bottleneck size",
    "anatomy": "the share of parameters and of multiply-adds in each layer",
    "training": "accuracy and loss against the epoch",
    "confusion": "which label the images of each label are classified as",
    "spectrum": "cumulative explained variance against the number of components",
    "dimension": "intrinsic dimension of each representation, with its interval",
    "identity": "how often the nearest training image has the same label, with its interval",
    "profile": "intrinsic dimension and label decoding over a network's depth, with controls",
    "factors": "how well known factors are decoded from each layer",
    "invariance": "how far a perturbation of the image moves each layer",
    "similarity": "similarity of every two representations",
    "comparison": "what sets two studies apart, number by number, with intervals",
    "ladder": "distance of random images to the nearest real one",
    "paths": "distance to the nearest known image, step by step from one image to another",
    "random_map": "random images placed on the map of real ones",
    "ladder_judges": "the share of random images that each judge accepts",
    "rarity": "how rare it is that noise is accepted, by estimates and bounds",
    "capacity": "how many labels a code tells apart at most, against the false-accept rate",
}


def draw(kind: str, table: pd.DataFrame, *, width: float = 720) -> Figure:
    """The figure of one kind, drawn from its table.

    Parameters
    ----------
    kind : str
        A name of :data:`FIGURES`.
    table : DataFrame
        The rows to draw; the columns are those of the study's CSV file of that name.
    width : float
        Width in CSS pixels (1/72 inch). Below 500 the panels stand under each other.

    Raises
    ------
    UnknownName
        No figure has this name.
    InputError
        The table has no row, or lacks a column that the figure draws.
    """
    checks.one_of("figures.draw", "figure", kind, FIGURES)
    return import_module(f"repviz.figures.{kind}").draw(table, width=width)
