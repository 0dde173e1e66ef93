"""How rare it is that noise is accepted: estimates far below what counting reaches, and bounds."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from repviz.number_format import (
    count,
    exponent,
    exponent_above,
    exponent_below,
    from_log10,
    listed,
    missing,
    power_of_ten,
    text,
)
from repviz.report.html import join, tag
from repviz.report.parts import chart, field, interval, key, numbers_of
from repviz.report.sections import Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "rarity": (
        "sampler title verdict verdict_title log10_probability log10_probability_low "
        "log10_probability_high log10_floor log10_bound method populations particles moves "
        "evaluations left_out n seed"
    ),
}
JOINT = "joint"  # the verdict of all judges together
NOISE = "uniform-pixels"  # the sampler that titles and sentences quote
_ROWS = (
    field("images", "title", text),
    field("verdict", "verdict_title", text),
    field("log10 of the probability", "log10_probability", exponent),
    interval("95 % interval", "log10_probability_low", "log10_probability_high", exponent),
    field("at least (97.5 %)", "log10_floor", exponent_below),
    field("at most (analysis)", "log10_bound", exponent_above),
    field("by", "method", text),
    field("populations", "populations", count),
    field("points in each", "particles", count),
    field("moves per level", "moves", count),
    field("images judged", "evaluations", count),
    field("known images", "n", count),
    field("seed", "seed", count),
)


def render(study: Study) -> Content | None:
    """The figure, why an estimate is missing, and the numbers."""
    table = study.result("rarity", TABLES["rarity"])
    if table.empty:
        return None
    nouns, first = study.nouns, records(table)[0]
    left_out = _left_out(table)
    near = f"the distance to the nearest known {nouns.image} alone"
    body = join(
        [
            chart(
                "rarity",
                table,
                caption="Probability to be accepted, with 95 % intervals. An upright stroke is an "
                "upper bound by analysis; shaded: what counting 10,000 images can reach.",
                alt="Probability that random images are accepted, by sampler and verdict.",
                keys=[
                    key("first", "accepted by all judges together"),
                    key("third", f"by {near}", form="ring"),
                ],
            ),
            tag("p", left_out, class_="facts") if left_out else None,
            numbers_of("results/rarity.csv", table, _ROWS),
        ]
    )
    reading = (
        f"Where some of the random images of the ladder were accepted, their share is the "
        f"estimate. Far below, nearness to one of {count(first['n'])} known {nouns.images} is "
        "estimated by importance sampling: noise is drawn around them and weighted. What all "
        "judges accept is found by multilevel splitting: populations of points climb towards it, "
        "halved at each level, from a set whose volume is known. A bound by analysis is that "
        "volume."
    )
    limits = (
        f"It is the probability of these judges’ verdict, not of {nouns.one}: they accept other "
        f"images too, and refuse {nouns.images} in another crop. The intervals take the judges as "
        "they are. Points in thousands of dimensions move slowly: splitting may lag behind and "
        "then its estimate and its interval are too low, while the lower limit of 97.5 % and the "
        "bound hold all the same. A bound for Gaussian noise holds before grey levels are cut to "
        "0 and 1."
    )
    return Content(body, reading=reading, limits=limits, title=_title(study))


def _left_out(table: pd.DataFrame) -> str:
    """Which estimates are missing, and why; "" where none is."""
    lacking = table[table["left_out"] != ""]
    if lacking.empty:
        return ""
    reasons = [
        f"{listed(list(own['title']))} ({verdict}): {reason}"
        for (verdict, reason), own in lacking.groupby(["verdict_title", "left_out"], sort=False)
    ]
    return f"Not estimated: {'; '.join(reasons)}."


def probability(study: Study) -> str:
    """How rarely all judges accept uniform noise: ``of about 10⁻¹³²⁴ (...)``, or ``below 10⁻¹²⁰⁷``.

    Empty where the study holds neither an estimate nor a bound.
    """
    if not study.has("results/rarity.csv"):
        return ""
    table = study.result("rarity", TABLES["rarity"])
    own = table[(table["sampler"] == NOISE) & (table["verdict"] == JOINT)]
    if own.empty:
        return ""
    row = records(own)[0]
    if not missing(row["log10_probability"]):
        low = _outward(row["log10_probability_low"], math.floor)
        high = _outward(row["log10_probability_high"], math.ceil)
        return f"of about {from_log10(row['log10_probability'])} (95 % CI {low} to {high})"
    bound = row["log10_bound"]
    return "" if missing(bound) else f"below {power_of_ten(math.ceil(bound))}"


def _outward(end: float, whole: Callable[[float], int]) -> str:
    """An end of an interval; where only its power of ten is written, no narrower than it is."""
    return from_log10(whole(end) if -math.inf < end <= -6 else end)


def _title(study: Study) -> str:
    said = probability(study)
    return said and f"All judges together accept uniform noise with a probability {said}"


SECTION = Section(
    title="How rare an accepted random image is",
    short="Rarity",
    stage="rarity",
    needs=("results/rarity.csv",),
    tables=TABLES,
    render=render,
)
