"""Pairs of representations that a study compares, and their differences, paired by image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from repviz import intervals
from repviz.weight_kinds import STUDIED

DIFFERENCES = ["representation_a", "representation_b", "difference", "low", "high", "n"]

# From rows of a table, one per representation, to the pairs that are compared.
Pairs = Callable[[Sequence[dict[str, Any]]], list[tuple[str, str]]]


def control_pairs(rows: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Pairs of a representation and a control: the pixels, or a trained layer's untrained copy.

    Parameters
    ----------
    rows : sequence of dict
        Rows of layers.csv or of profile.csv.
    """
    names = {row["representation"] for row in rows}
    pairs = []
    for row in rows:
        untrained = f"untrained {row['layer']}" if row["weights"] in STUDIED else "pixels"
        others = dict.fromkeys(("pixels", untrained))
        pairs += [
            (row["representation"], other)
            for other in others
            if other in names and other != row["representation"]
        ]
    return pairs


def outcomes_table(hits: dict[str, pd.Series]) -> pd.DataFrame:
    """One row per representation and image: representation, row, correct (1 or 0)."""
    parts = [
        pd.DataFrame(
            {"representation": name, "row": own.index, "correct": own.to_numpy().astype(int)}
        )
        for name, own in hits.items()
    ]
    return pd.concat(parts) if parts else pd.DataFrame(columns=["representation", "row", "correct"])


def paired_differences(
    hits: dict[str, pd.Series],
    pairs: Sequence[tuple[str, str]],
    clusters: dict[str, pd.Series | None],
) -> pd.DataFrame:
    """The difference of two shares of hits for each pair, over the images that both have.

    Parameters
    ----------
    hits : dict of str to Series of bool
        Of each representation, by the image's row of images.csv.
    pairs : sequence of (str, str)
        Names in ``hits``; a pair that shares fewer than two images is left out.
    clusters : dict of str to Series or None
        Which images are not independent draws.

    Returns
    -------
    DataFrame
        As :func:`compare_identity` gives it.
    """
    rows = []
    for a, b in pairs:
        shared = hits[a].index.intersection(hits[b].index)
        if len(shared) < 2:
            continue
        groups = clusters[a]
        own = None if groups is None else groups[shared].to_numpy()
        one, other = (hits[name][shared].to_numpy() for name in (a, b))
        difference = intervals.paired_difference(one, other, own)
        rows.append({"representation_a": a, "representation_b": b, **difference})
    return pd.DataFrame(rows, columns=DIFFERENCES)
