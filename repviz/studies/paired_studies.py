"""Two studies and the images that they share, for comparisons paired by image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from repviz import intervals
from repviz.images.partition import clusters_of
from repviz.study_folder import Study


@dataclass(frozen=True)
class Effect:
    """The effect, in one number, of the second study relative to the first.

    Attributes
    ----------
    value, low, high : float
        The second less the first, or as a multiple of it, and the 95 % interval.
    n : int
        Images that both are of, by which they are paired; 0 where nothing is paired.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class PairedStudies:
    """Two studies with the pairs of rows of their images.csv that are of the same image.

    Attributes
    ----------
    a, b : Study
        Both finished.
    """

    a: Study
    b: Study

    @cached_property
    def paired_by(self) -> str:
        """How images are paired: "content", "id" (one source, other pixels), or "nothing"."""
        about = [study.manifest["images"] for study in (self.a, self.b)]
        if about[0]["key"] == about[1]["key"]:
            return "content"
        same_source = about[0]["name"] == about[1]["name"]
        return "id" if same_source and len(self.images) else "nothing"

    @cached_property
    def images(self) -> pd.DataFrame:
        """The images that both share: row_a, row_b, id, label, and group ("" without groups)."""
        columns = ["row", "id", "label", "group"]
        tables = [
            study.result("images", "row id label")
            .reindex(columns=columns, fill_value="")
            .astype({"id": str, "label": str, "group": str})
            if study.has("results/images.csv")
            else pd.DataFrame(columns=columns)
            for study in (self.a, self.b)
        ]
        merged = tables[0].merge(
            tables[1].drop(columns=["label", "group"]), on="id", suffixes=("_a", "_b")
        )
        return merged.set_index("id", drop=False)

    def both(self, *tables: str) -> bool:
        """Whether each of them has every one of these tables."""
        paths = [f"results/{name}.csv" for name in tables]
        return self.a.has(*paths) and self.b.has(*paths)

    def results(self, name: str, columns: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
        """The table of that name of either study."""
        return self.a.result(name, columns), self.b.result(name, columns)

    def paired(
        self, one: pd.DataFrame, other: pd.DataFrame, column: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """The numbers (m, 2) of the images that both tables have, and each image's cluster (m,).

        Parameters
        ----------
        one, other : DataFrame
            A row per image of either study, with ``row`` and ``column``.
        column : str
            The number that is compared.
        """
        if self.paired_by == "nothing":
            return np.empty((0, 2)), np.empty(0)
        shared = self.images.merge(one[["row", column]], left_on="row_a", right_on="row")
        shared = shared.drop(columns="row")
        shared = shared.merge(
            other[["row", column]], left_on="row_b", right_on="row", suffixes=("_a", "_b")
        )
        values = shared[[f"{column}_a", f"{column}_b"]].to_numpy(np.float64)
        finite = np.isfinite(values).all(axis=1)
        labels, groups = (self.images[name].to_numpy(str) for name in ("label", "group"))
        known = [None if (one == "").all() else one for one in (labels, groups)]
        found = clusters_of(known[0], known[1])
        clusters = np.arange(len(shared))
        if found is not None:
            clusters = pd.Series(found, self.images.index)[shared["id"]].to_numpy()
        return values[finite], clusters[finite]


def paired_difference(values: np.ndarray, clusters: np.ndarray) -> Effect:
    """The second mean less the first, over images that both have; a jackknife over clusters."""
    low, high = intervals.jackknife(values, clusters, lambda m: m[..., 1] - m[..., 0])
    first, second = values.mean(axis=0)
    return Effect(float(second - first), low, high, len(values))


def paired_ratio(values: np.ndarray, clusters: np.ndarray) -> Effect:
    """The second mean as a multiple of the first, over images that both have.

    The jackknife over clusters is of the ratio's logarithm.
    """
    low, high = intervals.jackknife(values, clusters, lambda m: np.log(m[..., 1] / m[..., 0]))
    first, second = values.mean(axis=0)
    return Effect(float(second / first), float(np.exp(low)), float(np.exp(high)), len(values))


def unpaired_difference(one: Any, other: Any) -> Effect:
    """The second less the first, from the interval of each, taken as independent.

    Parameters
    ----------
    one, other : (float, float, float)
        Value, low and high of either.

    References
    ----------
    Zou & Donner 2008, Statistics in Medicine 27:1693-1702, equation 3: the interval of a
    difference from those of its terms. Of shares it is Newcombe's (1998), with Clopper-Pearson's
    limits for Wilson's.
    """
    (a, a_low, a_high), (b, b_low, b_high) = one, other
    down = np.hypot(b - b_low, a_high - a)
    up = np.hypot(b_high - b, a - a_low)
    return Effect(float(b - a), float(b - a - down), float(b - a + up), 0)


def unpaired_ratio(one: Any, other: Any) -> Effect:
    """The second as a multiple of the first: :func:`unpaired_difference` of the logarithms."""
    logs = unpaired_difference(np.log(one), np.log(other))
    value, low, high = np.exp([logs.value, logs.low, logs.high]).tolist()
    return Effect(value, low, high, 0)
