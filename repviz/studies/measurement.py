"""Measuring all representations of a study and writing the tables: maps, profile, factors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from repviz import progress
from repviz.images.collection import Images
from repviz.images.partition import ALONE
from repviz.studies.layer_tables import factor_rows, profile_row
from repviz.studies.paired_layers import (
    Pairs,
    control_pairs,
    outcomes_table,
    paired_differences,
)
from repviz.studies.representations import Representation, Split, describe, write_descriptions
from repviz.studies.stores import StoredImages
from repviz.study_folder import Draft
from repviz.weight_kinds import STUDIED

Read = Callable[[], Iterator[Representation]]  # every representation, read anew


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels, factors and split of the images of a study.

    Attributes
    ----------
    labels : ndarray of str, shape (n,), or None
        The label of each image; "" where it has none.
    factors : dict of str to ndarray of float64, shape (n,)
        Known factors; NaN where one is not known.
    split : (ndarray, ndarray)
        Rows that are known, and held-out rows whose nearest neighbours are searched among them.
    """

    labels: np.ndarray | None
    factors: dict[str, np.ndarray] = field(default_factory=dict)
    split: Split = (np.empty(0, np.int64), np.empty(0, np.int64))

    def subset(self, images: np.ndarray) -> Targets:
        """The labels, factors and split of a subset of the images, by their indices (m,).

        Images without a label are in no part of the split. The labels are None where there is only
        one, or where a part of the split is empty.
        """
        factors = {name: values[images] for name, values in self.factors.items()}
        if self.labels is None:
            return Targets(None, factors)
        labels = self.labels[images]
        known, held_out = (
            np.flatnonzero(np.isin(images, part) & (labels != "")) for part in self.split
        )
        distinct = np.unique(labels[labels != ""])
        usable = len(distinct) > 1 and len(known) > 0 and len(held_out) > 0
        return Targets(labels if usable else None, factors, (known, held_out))


def images_table(images: Images | StoredImages, split: Split) -> pd.DataFrame:
    """The rows of images.csv: row, id, label, group if any, identity_split, and each factor.

    Parameters
    ----------
    images : Images or StoredImages
        One row each.
    split : (ndarray, ndarray)
        The rows that are known, and those that are held out.
    """
    n = len(images.ids)
    part = np.full(n, "held-out", dtype=object)
    part[split[0]] = "train"
    groups = images.groups
    if groups is not None:  # blank for an image without a group
        groups = np.array(["" if one.startswith(ALONE) else one for one in groups])
    columns = {
        "row": np.arange(n),
        "id": images.ids,
        "label": "" if images.labels is None else images.labels,
        **({} if groups is None else {"group": groups}),
        "identity_split": part,
        **{f"factor_{name}": values for name, values in images.factors.items()},
    }
    return pd.DataFrame(columns)


def probe_pairs(rows: Any) -> list[tuple[str, str]]:
    """Pairs of each trained layer and a control: the pixels, or the same layer untrained."""
    studied = {row["representation"] for row in rows if row["weights"] in STUDIED}
    return [pair for pair in control_pairs(rows) if pair[0] in studied]


def map_images(draft: Draft, read: Read, targets: Targets, *, seed: int) -> None:
    """Write layers.csv, spectrum.csv, map.csv and the neighbours: the data of maps alone.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    read : callable
        Gives every representation, one at a time.
    targets : Targets
        Labels and split of the images.
    seed : int
        Seed of the maps.
    """
    described = []
    for one in read():
        own = targets.subset(one.image_rows)
        described.append(describe(one, labels=own.labels, split=own.split, seed=seed))
    write_descriptions(draft, described)


def measure(
    draft: Draft,
    read: Read,
    targets: Targets,
    *,
    seed: int,
    depths: dict[str, int] | None = None,
    pairs: tuple[Pairs, Pairs] = (control_pairs, probe_pairs),
) -> None:
    """Write layers.csv, spectrum.csv, map.csv, profile.csv, factors.csv and paired differences.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    read : callable
        Gives every representation, one at a time.
    targets : Targets
        Labels, factors and split of the images.
    seed : int
        Seed of maps, probes and controls.
    depths : dict of str to int, optional
        Place of each layer; the order in which they come if None.
    pairs : (callable, callable)
        Which representations identity_differences.csv and probe_differences.csv compare.
    """
    described, profile, factors = [], [], []
    hits: dict[str, pd.Series] = {}
    clusters: dict[str, pd.Series | None] = {}
    depths = {} if depths is None else dict(depths)
    total = sum(1 for _ in read())
    with progress.task("manifold", total, "layers") as advance:
        for one in read():
            own = targets.subset(one.image_rows)
            described.append(describe(one, labels=own.labels, split=own.split, seed=seed))
            depth = depths.setdefault(one.layer, len(depths))
            names = {**one.identify(), "depth": depth, "n": len(one.matrix)}
            if described[-1].measured:
                row, own_hits = profile_row(one, own.labels, seed)
                profile.append({**names, **row})
                if own_hits is not None:
                    hits[one.name] = own_hits
                groups = None if one.clusters is None else pd.Series(one.clusters, one.image_rows)
                clusters[one.name] = groups
                rows = factor_rows(one, own.factors, seed)
                factors += [{**names, **row} for row in rows]
            advance(1)
    write_descriptions(draft, described, pairs=pairs[0])
    draft.table("profile", pd.DataFrame(profile))
    compared = pairs[1]([row for row in profile if row["representation"] in hits])
    if hits:
        draft.table("probe_images", outcomes_table(hits))
    draft.table("probe_differences", paired_differences(hits, compared, clusters))
    if factors:
        draft.table("factors", pd.DataFrame(factors))
