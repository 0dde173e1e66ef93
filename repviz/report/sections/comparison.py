"""The differences of two studies in every number that both have, by kind."""

from __future__ import annotations

from typing import Any

import pandas as pd

from repviz.number_format import count, missing, percent, plain, points, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import Column, chart, field, interval, key, numbers_of
from repviz.report.sections import Claim, Content, Section
from repviz.study_folder import Study, records

TABLES = {
    "comparison": (
        "comparison title quantity a a_low a_high b b_low b_high effect_kind effect effect_low "
        "effect_high n_paired verdict"
    ),
}


def render(study: Study) -> Content | None:
    """For each kind of number a claim, its figure and its table."""
    table = study.result("comparison", TABLES["comparison"])
    if table.empty:
        return None
    parts: list[Markup] = []
    for name, rows in table.groupby("comparison", sort=False):
        claim = claim_of(rows)
        parts += [
            tag("h3", claim),
            chart(
                "comparison",
                rows,
                caption=_caption(rows),
                alt=f"{claim}.",
                keys=_keys(rows),
                name=str(name),
            ),
            numbers_of("results/comparison.csv", rows, _columns(rows)),
        ]
    shown = int((table["verdict"] != "not shown").sum())
    by_chance = plain(0.05 * len(table), 2)
    return Content(
        join(parts),
        reading="Each dot is one number: where its interval excludes the line of no difference, it "
        "is filled and coloured. Paired by image, what makes an image hard in both studies "
        "cancels; elsewhere the interval follows from the two intervals, taken as independent, "
        "which is too wide where both are of the same images.",
        limits=f"Of {count(len(table))} comparisons at 95 %, about {by_chance} exclude no "
        "difference by chance alone; no correction is made. Where no difference is shown, there "
        "may still be one: the interval says how large. The intervals are over images, not over "
        "trainings: one training each says nothing of how much another seed would change.",
        title=_headline(shown, len(table)),
    )


def claim_of(rows: pd.DataFrame) -> str:
    """The claim that the intervals of one kind of number support, without a full stop."""
    title, n = rows["title"].iloc[0], len(rows)
    higher, lower = (int((rows["verdict"] == verdict).sum()) for verdict in ("higher", "lower"))
    if n == 1:
        row = records(rows)[0]
        found = f"{_value(row, 'a')} in A, {_value(row, 'b')} in B"
        if higher or lower:
            return f"B has a {row['verdict']} {title} than A: {found}"
        return f"No difference in {title} is shown: {found}"
    if not higher and not lower:
        return f"No difference in {title} is shown in any of {count(n)} comparisons"
    if higher and lower:
        return (
            f"B has a higher {title} than A in {count(higher)} and a lower one in {count(lower)} "
            f"of {count(n)} comparisons"
        )
    which = "higher" if higher else "lower"
    where = f"all {count(n)}" if higher + lower == n else f"{count(higher + lower)} of {count(n)}"
    rest = "" if higher + lower == n else "; in the others no difference is shown"
    return f"B has a {which} {title} than A in {where} comparisons{rest}"


def claim(study: Study) -> Claim | None:
    """In how many numbers the two studies differ."""
    table = study.result("comparison", TABLES["comparison"])
    if table.empty:
        return None
    shown, n = int((table["verdict"] != "not shown").sum()), len(table)
    paired = int((table["n_paired"] > 0).sum())
    sentence = (
        f"{_headline(shown, n)} (95 % intervals; {count(paired)} of {count(n)} paired by image; "
        f"about {plain(0.05 * n, 2)} would by chance alone)."
    )
    return Claim("In what do the two studies differ?", f"{count(shown)} of {count(n)}", sentence)


def _headline(shown: int, n: int) -> str:
    if not shown:
        return f"No difference is shown in any of {count(n)} comparisons"
    return f"The studies differ in {count(shown)} of {count(n)} comparisons"


def _caption(rows: pd.DataFrame) -> str:
    kind = "B as a multiple of A" if _ratio(rows) else "B less A"
    title, paired = rows["title"].iloc[0], rows[rows["n_paired"] > 0]["n_paired"]
    how = "not paired: the two intervals are taken as independent"
    if len(paired):
        n = count(paired.max())
        how = f"paired by image over {n if paired.nunique() == 1 else f'up to {n}'} images"
        if len(paired) < len(rows):
            how += ", some not paired"
    return f"{title[0].upper()}{title[1:]}: {kind}, with 95 % intervals, {how}."


def _keys(rows: pd.DataFrame) -> list[Markup]:
    words = {
        "higher": ("first", "dot", "higher in B"),
        "lower": ("second", "dot", "lower in B"),
        "not shown": ("muted", "ring", "no difference shown"),
    }
    present = set(rows["verdict"])
    return [
        key(role, meaning, form=form)
        for verdict, (role, form, meaning) in words.items()
        if verdict in present
    ]


def _ratio(rows: pd.DataFrame) -> bool:
    return bool(rows["effect_kind"].iloc[0] == "ratio")


def _form(rows: pd.DataFrame) -> Any:
    return plain if _ratio(rows) else percent


def _value(row: dict[str, Any], side: str) -> str:
    form = plain if row["effect_kind"] == "ratio" else percent
    low, high = row[f"{side}_low"], row[f"{side}_high"]
    ends = "" if missing(low) else f" [{form(low)}, {form(high)}]"
    return f"{form(row[side])}{ends}"


def _columns(rows: pd.DataFrame) -> tuple[Column, ...]:
    form, effect = _form(rows), plain if _ratio(rows) else points
    return (
        field("", "quantity", text),
        field("A", "a", form),
        interval("95 % interval", "a_low", "a_high", form),
        field("B", "b", form),
        interval("95 % interval", "b_low", "b_high", form),
        field("B / A" if _ratio(rows) else "B less A, points", "effect", effect),
        interval("95 % interval", "effect_low", "effect_high", effect),
        field("paired images", "n_paired", count),
        field("difference", "verdict", text),
    )


SECTION = Section(
    claim=claim,
    title="What sets the two studies apart",
    short="Comparison",
    stage="comparison",
    needs=("results/comparison.csv",),
    tables=TABLES,
    render=render,
)
