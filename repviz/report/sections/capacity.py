"""How many people a code can tell apart at most, and how little of all images is like these."""

from __future__ import annotations

import math
from typing import Any

from repviz.nouns import Nouns
from repviz.number_format import (
    count,
    exponent_above,
    from_log10,
    missing,
    percent,
    plain,
    power_of_ten,
)
from repviz.report.html import join, tag
from repviz.report.parts import Column, chart, field, interval, key, numbers_of
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "capacity": (
        "representation false_accept_rate resolved quoted pairs accepted threshold threshold_low "
        "threshold_high span span_low span_high genuine_pairs genuine_share genuine_share_low "
        "genuine_share_high d log10_capacity log10_capacity_low log10_capacity_high intrinsic_d "
        "intrinsic_d_low intrinsic_d_high log10_intrinsic log10_intrinsic_low log10_intrinsic_high "
        "log10_even log10_stylegan3 random_people n groups seed"
    ),
    "local_directions": (
        "neighbors directions directions_low directions_high directions_most directions_isotropic "
        "share share_low share_high d n groups seed"
    ),
    "near_volume": "distance log10_volume n d",
    "ladder": "distance_limit_high",
}

_DIRECTIONS = (
    field("neighbours", "neighbors", count),
    field("directions", "directions", plain),
    interval("95 % interval", "directions_low", "directions_high", plain),
    field("isotropic points", "directions_isotropic", plain),
    field("at most", "directions_most", count),
    field("of all directions", "share", percent),
    field("n", "n", count),
    field("seed", "seed", count),
)
_VOLUME = (
    field("distance (RMS grey level)", "distance", plain),
    field("log10 of the share of all images is below", "log10_volume", exponent_above),
    field("known images", "n", count),
)


def render(study: Study) -> Content | None:
    """Capacity against the rate, with what limits it, then directions and volume."""
    table = study.result("capacity", TABLES["capacity"])
    around = study.result("local_directions", TABLES["local_directions"])
    volume = study.result("near_volume", TABLES["near_volume"])
    limit = study.result("ladder", TABLES["ladder"])["distance_limit_high"].iloc[0]
    quoted = records(table[table["quoted"]])
    if not quoted:
        return None
    nouns, row = study.nouns, quoted[0]
    caption = (
        f"How many {nouns.units} a code of {count(row['d'])} numbers tells apart at most: "
        f"{count(row['n'])} {nouns.images} of {count(row['groups'])} {nouns.units} on which the "
        f"encoder was not trained (its validation images among them), 95 % intervals over "
        f"{nouns.units}. "
        f"{_unresolved(records(table), nouns)}"
    )
    alt = f"Largest number of {nouns.units} against the false-accept rate."
    body = join(
        [
            tag("p", f"{_genuine(row, nouns)} {_confused(row, nouns)}", class_="facts"),
            chart("capacity", table, caption=caption, alt=alt, keys=_keys(row)),
            numbers_of("results/capacity.csv", table, _capacity(nouns)),
            tag("h3", f"How few directions lead from {nouns.one} to another"),
            tag("p", _around(records(around), nouns)),
            numbers_of("results/local_directions.csv", around, _DIRECTIONS),
            tag("h3", f"How little of all images lies near {nouns.several}"),
            tag("p", _near(records(volume)[-1], limit, nouns)),
            numbers_of("results/near_volume.csv", volume, _VOLUME),
        ]
    )
    return Content(
        body,
        reading=f"Each {nouns.unit} occupies a cap on the sphere of code directions: all within "
        "the angle at which the stated share of pairs of different "
        f"{nouns.units} is accepted. The capacity is how often that cap fits into the one that "
        f"all {nouns.images} span. The dashed line is 1 / rate, what directions spread evenly "
        "would give: what lies above it counts parts of the sphere where no "
        f"{nouns.image} is.",
        limits=f"An upper bound that assumes caps without gaps and filled by their {nouns.units}: "
        f"a code that does not match the {nouns.images} of one {nouns.unit} holds none. The span "
        f"grows with the number of {nouns.images}. The ratio in the intrinsic "
        "dimension is no bound: a curved set reaches more dimensions than it has. The published "
        "figures are of another network and other images (ArcFace; Boddeti et al. 2023).",
        title=_title(row, nouns),
    )


def _capacity(nouns: Nouns) -> tuple[Column, ...]:
    """The columns of the table of capacities."""
    return (
        field("false-accept rate", "false_accept_rate", percent),
        field(f"pairs of different {nouns.units}", "pairs", count),
        field("accepted", "accepted", count),
        field("threshold (°)", "threshold", plain),
        interval("95 % interval", "threshold_low", "threshold_high", plain),
        field("half span of all (°)", "span", plain),
        field(f"pairs of one {nouns.unit} accepted", "genuine_share", percent),
        interval("95 % interval", "genuine_share_low", "genuine_share_high", percent),
        field("at most", "log10_capacity", from_log10),
        interval("95 % interval", "log10_capacity_low", "log10_capacity_high", from_log10),
        field("in the intrinsic dimension", "log10_intrinsic", from_log10),
        interval("95 % interval", "log10_intrinsic_low", "log10_intrinsic_high", from_log10),
        field("StyleGAN3, published", "log10_stylegan3", from_log10),
        field("drawn at random until one pair is confused", "random_people", count),
    )


def _title(row: dict[str, Any], nouns: Nouns) -> str:
    own = f" and matches {percent(row['genuine_share'])} of the pairs of one {nouns.unit}"
    return (
        f"At a false-accept rate of {_rate(row)} the code has room for at most "
        f"{from_log10(row['log10_capacity'])} {nouns.units} "
        f"(95 % CI {_ends(row, 'log10_capacity')}){'' if missing(row['genuine_share']) else own}"
    )


def _rate(row: dict[str, Any]) -> str:
    return f"{100 * row['false_accept_rate']:g} %"


def _ends(row: dict[str, Any], name: str) -> str:
    return f"{from_log10(row[f'{name}_low'])} to {from_log10(row[f'{name}_high'])}"


def _keys(row: dict[str, Any]) -> list[Any]:
    keys = [key("first", f"in all {count(row['d'])} dimensions of the code")]
    if not missing(row["log10_intrinsic"]):
        low, high = plain(row["intrinsic_d_low"], 2), plain(row["intrinsic_d_high"], 2)
        dimension = f"{plain(row['intrinsic_d'], 2)} [{low}, {high}]"
        keys.append(key("third", f"in its intrinsic dimension, {dimension} (no bound)"))
    return [*keys, key("second", "StyleGAN3 with ArcFace, published", form="ring")]


def _unresolved(rows: list[dict[str, Any]], nouns: Nouns) -> str:
    """Which rates the pairs cannot resolve; "" where they resolve all."""
    lost = [_rate(row) for row in rows if not row["resolved"]]
    if not lost:
        return ""
    return (
        f"{count(rows[0]['pairs'])} pairs of different {nouns.units} cannot resolve a rate of "
        f"{' or '.join(lost)}, at which fewer than 30 would be accepted: no figure is given there."
    )


def _genuine(row: dict[str, Any], nouns: Nouns) -> str:
    """The share of genuine pairs that a threshold accepts, in words."""
    at = f"At the threshold of {plain(row['threshold'])}° (false-accept rate {_rate(row)})"
    if missing(row["genuine_share"]):
        return f"{at} it is not known how many pairs of {nouns.images} of one {nouns.unit} match."
    low, high = percent(row["genuine_share_low"]), percent(row["genuine_share_high"])
    return (
        f"{at} {percent(row['genuine_share'])} of the pairs of {nouns.images} of one {nouns.unit} "
        f"match (95 % CI {low} to {high}; {count(row['genuine_pairs'])} pairs)."
    )


def _confused(row: dict[str, Any], nouns: Nouns) -> str:
    return (
        f"Of {count(row['random_people'])} {nouns.units} drawn at random one pair is already "
        f"expected to be confused: the capacity says how many {nouns.units} could lie apart, not "
        "how many do."
    )


def _around(rows: list[dict[str, Any]], nouns: Nouns) -> str:
    row = rows[-1]
    fewer = [
        f" With {count(one['neighbors'])} neighbours it is {plain(one['directions'])}: as long as "
        "it grows with their number, it is a lower limit."
        for one in rows[-2:-1]
    ]
    return (
        f"The {count(row['neighbors'])} nearest {nouns.images} of {nouns.one} vary in "
        f"{plain(row['directions'])} of {count(row['d'])} directions, {percent(row['share'])} "
        f"(local PCA, 95 % of the variance; 95 % CI {plain(row['directions_low'])} to "
        f"{plain(row['directions_high'])}; mean of {count(row['n'])} {nouns.images}). "
        f"{count(row['neighbors'])} neighbours can span {count(row['directions_most'])} directions "
        f"at most, and isotropic points would vary in {plain(row['directions_isotropic'])}."
        f"{''.join(fewer)} Linear directions count the bends of the set as well: their number can "
        "exceed the intrinsic dimension."
    )


def _near(row: dict[str, Any], limit: float, nouns: Nouns) -> str:
    accepted = "" if math.isinf(limit) else ", the most that the judges of random images accept,"
    return (
        f"The images within {plain(row['distance'])} (RMS grey level){accepted} of one of "
        f"{count(row['n'])} known {nouns.images} are less than "
        f"{power_of_ten(math.ceil(row['log10_volume']))} of all images of {count(row['d'])} pixels."
    )


SECTION = Section(
    title="How much the code can tell apart",
    short="Capacity",
    stage="capacity",
    needs=(
        "results/capacity.csv",
        "results/local_directions.csv",
        "results/near_volume.csv",
        "results/ladder.csv",
    ),
    tables=TABLES,
    render=render,
)
