"""The stage "capacity" of a study: how many people its code tells apart, and the set's extent.

The codes are of images on which the encoder was not trained; half of them, the validation images,
chose when its training stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from repviz.facespace.capacity import FEWEST, RATES, RESOLVED, capacity
from repviz.facespace.extent import local_directions, near_volume
from repviz.facespace.ladder import HELD_OUT
from repviz.images.partition import Partition
from repviz.nouns import Nouns
from repviz.number_format import count, from_log10, percent, plain, power_of_ten
from repviz.streams import stream
from repviz.studies.random_images import known_rows
from repviz.studies.representations import draw_by_label
from repviz.study_folder import Draft, Study

STRICTEST = 0.01  # false-accept rate that sentences quote
MOST = 2000  # images whose pairs are compared: their cost grows with the square


def unseen_rows(parts: Partition, *, seed: int) -> np.ndarray:
    """The rows that the encoder was not trained on, ascending; at most 2,000."""
    rows = np.sort(np.concatenate([parts.validation, parts.test]))
    people = None if parts.clusters is None else parts.clusters[rows]
    return rows[draw_by_label(people, len(rows), MOST, stream(seed, "capacity", "unseen"))]


def why_no_capacity(parts: Partition, rows: np.ndarray, nouns: Nouns, *, k: int) -> str:
    """Why these rows do not determine the capacity of a code of k numbers, as a clause.

    Empty if it can.
    """
    if parts.clusters is None:
        return (
            f"it is not known which {nouns.images} show the same individual: labels count as "
            "individuals where there are 20 or more"
        )
    if k < 2:
        return "codes of one number have two directions only"
    sizes = np.unique(parts.clusters[rows], return_counts=True)[1]
    pairs = int((sizes.sum() ** 2 - np.square(sizes).sum()) // 2)
    if len(sizes) < FEWEST or max(RATES) * pairs < RESOLVED:
        return (
            f"the {count(len(rows))} {nouns.images} of {count(len(sizes))} {nouns.units} on which "
            f"the encoder was not trained make {count(pairs)} pairs of different {nouns.units}, "
            f"too few for a false-accept rate of {percent(max(RATES), 0)} "
            f"({RESOLVED} accepted pairs of {FEWEST} {nouns.units} or more)"
        )
    return ""


def capacity_stage(
    draft: Draft,
    *,
    study: Study,
    X: np.ndarray,
    encode: Callable[[np.ndarray], np.ndarray],
    parts: Partition,
    rows: np.ndarray,
    measured: np.ndarray,
    seed: int,
) -> None:
    """Write capacity.csv, local_directions.csv and near_volume.csv.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    study : Study
        With layers.csv and ladder.csv.
    X : ndarray of float32, shape (n, d)
        All images in [0, 1].
    encode : callable
        From images (m, d) to codes (m, k).
    parts : Partition
        Which images the encoder was trained on, and whom each shows.
    rows : ndarray of int
        From :func:`unseen_rows`.
    measured : ndarray of int
        The rows whose dimension stands in layers.csv.
    seed : int
        Of the bootstrap and of what is drawn.
    """
    people = parts.groups
    layers = study.result("layers")
    row: Any = layers[layers["layer"] == "code"].iloc[0]
    dimension = row[[f"dimension_calibrated{end}" for end in ("", "_low", "_high")]]
    dimension = np.maximum(1.0, dimension.to_numpy(dtype=float))
    table = capacity(
        encode(X[rows]),
        people[rows],
        centre=encode(X[parts.train]).mean(axis=0, dtype=np.float64),
        dimension=tuple(dimension) if np.isfinite(dimension).all() else None,
        seed=seed,
    )
    usual = table[table["resolved"] & (table["false_accept_rate"] >= STRICTEST)]
    quoted = table["false_accept_rate"] == usual["false_accept_rate"].min()
    draft.table("capacity", table.assign(representation=row["representation"], quoted=quoted))
    around = local_directions(X[measured], groups=people[measured], seed=seed)
    draft.table("local_directions", around)
    ladder = study.result("ladder").set_index("rung")
    limit: Any = ladder.loc[HELD_OUT, "distance_limit_high"]
    if not np.isfinite(limit):  # no limit was set: the judge of distance is not used
        limit = ladder.loc[HELD_OUT, "distance_q95"]
    distance = min(1.0, float(limit))  # the largest there is; a limit may lie beyond it
    draft.table("near_volume", near_volume(X[known_rows(parts, seed=seed)], distance=distance))


def capacity_findings(study: Study) -> list[str]:
    """How many people the code holds at most, and how little of all images is like these."""
    if "capacity" in study.manifest["skipped"]:
        return []
    nouns = study.nouns
    table = study.result("capacity")
    quoted = table[table["quoted"]]
    if quoted.empty:  # the pairs resolve no rate
        return []
    row: Any = quoted.iloc[0]
    around: Any = study.result("local_directions").iloc[-1]
    volume: Any = study.result("near_volume").iloc[-1]
    room = f"{_room(row, nouns)}{_genuine(row, nouns)} {_confused(row, nouns)}"
    return [room, _around(around, nouns), _near(volume, nouns)]


def _room(row: Any, nouns: Nouns) -> str:
    ends = (from_log10(row.log10_capacity_low), from_log10(row.log10_capacity_high))
    intrinsic = ""
    if row.log10_intrinsic == row.log10_intrinsic:
        low, high = (from_log10(row[f"log10_intrinsic_{end}"]) for end in ("low", "high"))
        intrinsic = (
            f"; a sphere of their intrinsic dimension, {plain(row.intrinsic_d, 2)}, would hold "
            f"{from_log10(row.log10_intrinsic)} [{low}, {high}]"
        )
    return (
        f"At a false-accept rate of {100 * row.false_accept_rate:g} % the {row.d:.0f}-number code "
        f"has room for at most {from_log10(row.log10_capacity)} {nouns.units} [{ends[0]}, "
        f"{ends[1]}] (ratio of caps in all dimensions of the codes{intrinsic}; {count(row.n)} "
        f"{nouns.images} of {count(row.groups)} {nouns.units} on which the encoder was not "
        "trained)"
    )


def _genuine(row: Any, nouns: Nouns) -> str:
    if row.genuine_share != row.genuine_share:
        return "."
    low, high = percent(row.genuine_share_low), percent(row.genuine_share_high)
    return (
        f", and matches two {nouns.images} of one {nouns.unit} in "
        f"{percent(row.genuine_share)} of cases [{low}, {high}]."
    )


def _confused(row: Any, nouns: Nouns) -> str:
    return (
        f"Of {count(row.random_people)} {nouns.units} drawn at random one pair is already expected "
        "to be confused."
    )


def _around(row: Any, nouns: Nouns) -> str:
    return (
        f"The {count(row.neighbors)} nearest {nouns.images} of {nouns.one} vary in "
        f"{plain(row.directions)} of {count(row.d)} directions [{plain(row.directions_low)}, "
        f"{plain(row.directions_high)}], {percent(row.share)} of them (95 % of the variance; "
        f"isotropic points would vary in {plain(row.directions_isotropic)})."
    )


def _near(row: Any, nouns: Nouns) -> str:
    return (
        f"Less than {power_of_ten(int(np.ceil(row.log10_volume)))} of all possible images lie "
        f"within {plain(row.distance)} of one of {count(row.n)} known {nouns.images} (RMS grey "
        "level)."
    )
