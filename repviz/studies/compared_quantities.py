"""The quantities in which two studies are compared, from their tables to comparison.csv."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from repviz.number_format import count
from repviz.studies.paired_studies import (
    Effect,
    PairedStudies,
    paired_difference,
    paired_ratio,
    unpaired_difference,
    unpaired_ratio,
)
from repviz.study_folder import records

FEWEST = 10  # images that pair a quantity; with fewer it is compared without pairing
DIMENSION = ("dimension_calibrated", "dimension_calibrated_low", "dimension_calibrated_high")

Ends = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True)
class Quantity:
    """One number that both studies have.

    Attributes
    ----------
    name : str
        What it is of, as the report shows it.
    ends : ((float, float, float), (float, float, float))
        Value, low and high in either study.
    effect : Effect
        What sets the second apart.
    """

    name: str
    ends: tuple[Ends, Ends]
    effect: Effect


@dataclass(frozen=True)
class Comparison:
    """One kind of number: an entry of :data:`COMPARISONS`.

    Attributes
    ----------
    title : str
        What it is, in a sentence: "reconstruction error".
    effect : str
        "ratio" or "difference".
    tables : tuple of str
        The tables that both studies must have.
    quantities : function
        Every one of them, from the two studies.
    """

    title: str
    effect: str
    tables: tuple[str, ...]
    quantities: Callable[[PairedStudies], Iterator[Quantity]]


def _sweep(pair: PairedStudies) -> Iterator[Quantity]:
    """The error of each engine at each size."""
    names = ["engine", "bottleneck"]
    images = [table.groupby(names) for table in pair.results("sweep_images")]
    for row, other in _both(pair, "sweep", names):
        key = (row["engine"], row["bottleneck"])
        tables = [groups.get_group(key) for groups in images]
        own = _paired(pair, tables[0], tables[1], "mse", paired_ratio)
        ends = _ends(row, "mse", "mse_low", "mse_high"), _ends(other, "mse", "mse_low", "mse_high")
        name = f"{row['engine_label']}, {count(row['bottleneck'])} numbers"
        yield Quantity(name, ends, own or unpaired_ratio(*ends))


def _choices(pair: PairedStudies) -> Iterator[Quantity]:
    """The smallest size that passes each criterion; its interval may have no upper end."""
    for row, other in _both(pair, "choices", ["criterion", "engine"]):
        ends = _ends(row, "observed", "low", "high"), _ends(other, "observed", "low", "high")
        name = f"{row['title']}, {row['engine_label']}"
        yield Quantity(name, ends, unpaired_ratio(*ends))


def _dimension(pair: PairedStudies) -> Iterator[Quantity]:
    """The calibrated dimension of each representation."""
    for row, other in _both(pair, "layers", ["representation"]):
        ends = _ends(row, *DIMENSION), _ends(other, *DIMENSION)
        yield Quantity(row["representation"], ends, unpaired_ratio(*ends))


def _local_dimension(pair: PairedStudies) -> Iterator[Quantity]:
    """The dimension around each image: the harmonic mean, as maximum likelihood pools it."""
    maps = [table.groupby("representation") for table in pair.results("map")]
    for name in (name for name in maps[0].groups if name in maps[1].groups):
        tables = [groups.get_group(name) for groups in maps]
        if not all("local_dimension" in table for table in tables):
            continue
        one, other = (table.assign(inverse=1 / table["local_dimension"]) for table in tables)
        values, clusters = pair.paired(one, other, "inverse")
        if len(values) < FEWEST:
            continue
        # The ratio of the dimensions is that of the mean inverses, turned round.
        effect = paired_ratio(values[:, ::-1], clusters)
        a, b = (1 / values.mean(axis=0)).tolist()
        yield Quantity(str(name), ((a, np.nan, np.nan), (b, np.nan, np.nan)), effect)


def _identity(pair: PairedStudies) -> Iterator[Quantity]:
    """How often the nearest training image has the same label."""
    columns = ("nearest_same", "nearest_same_low", "nearest_same_high")
    yield from _hits(pair, "layers", "identity_images", columns)


def _probes(pair: PairedStudies) -> Iterator[Quantity]:
    """The accuracy of the linear probe."""
    yield from _hits(pair, "profile", "probe_images", ("linear", "linear_low", "linear_high"))


def _training(pair: PairedStudies) -> Iterator[Quantity]:
    """The accuracy on held-out images after the last epoch."""
    columns = ("held_out_accuracy", "held_out_low", "held_out_high")
    one, other = (records(table)[-1] for table in pair.results("training"))
    ends = _ends(one, *columns), _ends(other, *columns)
    effect = None
    if pair.both("images", "evaluation_images"):
        outcomes = pair.results("evaluation_images")
        effect = _paired(pair, *outcomes, "correct", paired_difference)
    yield Quantity("after the last epoch", ends, effect or unpaired_difference(*ends))


def _evaluation(pair: PairedStudies) -> Iterator[Quantity]:
    """The accuracy of a network that was evaluated."""
    for row, other in _both(pair, "evaluation", ["views"]):
        ends = _ends(row, "accuracy", "low", "high"), _ends(other, "accuracy", "low", "high")
        yield Quantity(f"{row['views']} crops", ends, unpaired_difference(*ends))


def _random_images(pair: PairedStudies) -> Iterator[Quantity]:
    """The share of random images of each kind that is accepted; each study draws its own."""
    columns = ("accepted_share", "accepted_share_low", "accepted_share_high")
    for row, other in _both(pair, "ladder", ["rung"]):
        ends = _ends(row, *columns), _ends(other, *columns)
        yield Quantity(row["title"], ends, unpaired_difference(*ends))


COMPARISONS: dict[str, Comparison] = {
    "sweep": Comparison("reconstruction error", "ratio", ("sweep", "sweep_images"), _sweep),
    "choices": Comparison("smallest sufficient code", "ratio", ("choices",), _choices),
    "dimension": Comparison("intrinsic dimension", "ratio", ("layers",), _dimension),
    "local_dimension": Comparison("local dimension", "ratio", ("map",), _local_dimension),
    "identity": Comparison(
        "label agreement of nearest neighbours", "difference", ("layers",), _identity
    ),
    "probes": Comparison("accuracy of linear probes", "difference", ("profile",), _probes),
    "training": Comparison("held-out accuracy", "difference", ("training",), _training),
    "evaluation": Comparison("test accuracy", "difference", ("evaluation",), _evaluation),
    "random_images": Comparison(
        "share of random images accepted", "difference", ("ladder",), _random_images
    ),
}


def comparison_rows(name: str, pair: PairedStudies) -> list[dict[str, Any]]:
    """The rows of comparison.csv of one entry of :data:`COMPARISONS`.

    A quantity that either study could not measure is left out.
    """
    entry, rows = COMPARISONS[name], []
    null = 1.0 if entry.effect == "ratio" else 0.0
    for one in entry.quantities(pair):
        a, b = one.ends
        if not np.isfinite([a[0], b[0], one.effect.value]).all():
            continue
        low, high = one.effect.low, one.effect.high
        verdict = "higher" if low > null else "lower" if high < null else "not shown"
        rows.append(
            {
                "comparison": name,
                "title": entry.title,
                "quantity": one.name,
                **dict(zip(("a", "a_low", "a_high"), a, strict=True)),
                **dict(zip(("b", "b_low", "b_high"), b, strict=True)),
                "effect_kind": entry.effect,
                "effect": one.effect.value,
                "effect_low": low,
                "effect_high": high,
                "n_paired": one.effect.n,
                "verdict": verdict,
            }
        )
    return rows


def _both(
    pair: PairedStudies, table: str, names: list[str]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The rows of a table that either study has under the same names."""
    tables = pair.results(table, " ".join(names))
    others = {tuple(row[name] for name in names): row for row in records(tables[1])}
    for row in records(tables[0]):
        key = tuple(row[name] for name in names)
        if key in others:
            yield row, others[key]


def _ends(row: dict[str, Any], *columns: str) -> Ends:
    """Value, low and high of a row; NaN where the table lacks the column or is blank."""
    value, low, high = (float(row[name]) if row.get(name, "") != "" else np.nan for name in columns)
    return value, low, high


def _hits(
    pair: PairedStudies, table: str, hits: str, columns: tuple[str, str, str]
) -> Iterator[Quantity]:
    """Shares of each representation, paired by image where each image's outcome is stored."""
    outcomes = (
        [one.groupby("representation") for one in pair.results(hits)] if pair.both(hits) else None
    )
    for row, other in _both(pair, table, ["representation"]):
        ends = _ends(row, *columns), _ends(other, *columns)
        name, effect = row["representation"], None
        if outcomes and all(name in groups.groups for groups in outcomes):
            tables = [groups.get_group(name) for groups in outcomes]
            effect = _paired(pair, tables[0], tables[1], "correct", paired_difference)
        yield Quantity(name, ends, effect or unpaired_difference(*ends))


def _paired(
    pair: PairedStudies,
    one: pd.DataFrame,
    other: pd.DataFrame,
    column: str,
    effect: Callable[[np.ndarray, np.ndarray], Effect],
) -> Effect | None:
    """The effect over the images that both have; None where these are too few."""
    values, clusters = pair.paired(one, other, column)
    return effect(values, clusters) if len(values) >= FEWEST else None
