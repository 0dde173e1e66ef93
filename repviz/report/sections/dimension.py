"""The intrinsic dimension of each representation, with its interval and warnings."""

from __future__ import annotations

from typing import Any

from repviz.nouns import Nouns
from repviz.number_format import count, is_lower_limit, missing, plain, text, vague
from repviz.report.html import join
from repviz.report.parts import (
    Estimate,
    chart,
    field,
    interval,
    intervals,
    key,
    numbers_of,
    resampled,
    warnings,
    weights_keys,
)
from repviz.report.sections import Claim, Content, Section
from repviz.study_folder import Study, records
from repviz.weight_kinds import STUDIED

TABLES = {
    "layers": (
        "representation model weights layer n groups d dimension dimension_low dimension_high "
        "dimension_calibrated dimension_calibrated_low dimension_calibrated_high "
        "dimension_warnings participation_ratio components_90"
    ),
}

ENDS = ("dimension_calibrated", "dimension_calibrated_low", "dimension_calibrated_high")

_COLUMNS = (
    field("representation", "representation", text),
    field("weights", "weights", text),
    field("n", "n", count),
    field("features d", "d", count),
    field("calibrated dimension", "dimension_calibrated", plain),
    interval("95 % interval", "dimension_calibrated_low", "dimension_calibrated_high", plain),
    field("raw", "dimension", plain),
    interval("95 % sampling interval", "dimension_low", "dimension_high", plain),
    field("participation ratio", "participation_ratio", plain),
    field("components for 90 %", "components_90", count),
)


def render(study: Study) -> Content | None:
    """One estimate per representation, and every warning in words."""
    table = study.result("layers", TABLES["layers"])
    doubts = warnings(table["representation"], table["dimension_warnings"])
    table = table[table["dimension"].notna()]
    if table.empty:
        return None
    n, groups = table["n"].max(), table["groups"].max()
    caption = (
        f"Calibrated intrinsic dimension (TwoNN) of {count(n)} {study.nouns.images}, with 95 % "
        f"intervals of sampling error, over {resampled(study, n, groups)}, and model error "
        "together."
    )
    keys = [*weights_keys(table), key("muted", "raw value", form="cross")]
    alt = "Calibrated intrinsic dimension of each representation with its 95 % interval."
    body = join(
        [
            chart("dimension", table, caption=caption, alt=alt, keys=keys),
            doubts,
            numbers_of("results/layers.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading="A representation may have thousands of features although its images lie near a "
        "manifold of few dimensions. TwoNN estimates that number from the ratio of each image’s "
        "distances to its two nearest neighbours. The dot is the estimate after calibration: the "
        "dimension of a uniform ball whose estimate, at this n, equals the raw value, the cross. "
        "Its interval is wider than the raw one, which includes sampling error alone.",
        limits="With few images this is the dimension at the scale of their spacing. The interval "
        "of the calibrated value includes the model error as far as twelve reference families of "
        "known dimension show it; data unlike them all, or what a warning names, may lie outside. "
        "A dimension counts directions and does not say what they are.",
        title=_headline(study),
    )


def _quoted(study: Study) -> dict[str, Any] | None:
    """The row whose dimension is quoted: that of the pixels or, without them, of the last layer.

    None where it could not be estimated.
    """
    rows = records(study.result("layers", TABLES["layers"]))
    row = next((row for row in rows if row["representation"] == "pixels"), rows[-1])
    return None if missing(row["dimension_calibrated"]) else row


def _headline(study: Study) -> str:
    row = _quoted(study)
    if row is None:
        return ""
    _, low, high = (plain(row[name], 2) for name in ENDS)
    interval = "95 % CI" if _wide(row) or _limited(row) else f"95 % CI {low} to {high}"
    return f"The {study.nouns.images} vary in {_about(row)} directions{_place(row)} ({interval})"


def _wide(row: dict[str, Any]) -> bool:
    """Whether the interval names no number."""
    return vague(row[ENDS[1]], row[ENDS[2]])


def _limited(row: dict[str, Any]) -> bool:
    """Whether the rows are too few for more than a lower limit."""
    return is_lower_limit(row["dimension_warnings"])


def _about(row: dict[str, Any]) -> str:
    """The dimension before a noun: "about 4.1", or its interval where that names no number."""
    value, low, high = (plain(row[name], 2) for name in ENDS)
    if _limited(row):
        return f"at least {low}"
    return f"an unknown number ({low} to {high}) of" if _wide(row) else f"about {value}"


def _qualified(row: dict[str, Any], nouns: Nouns) -> str:
    """What qualifies the dimension: too few rows, a wide interval, or its first warning."""
    if _limited(row):
        return f"{count(row['n'])} {nouns.images} are too few for an upper limit."
    if _wide(row):
        return "So wide an interval names no number."
    if missing(row["dimension_warnings"]):
        return "A code for all of them may need more numbers."
    first = row["dimension_warnings"].partition(" | ")[0]
    return f"A warning qualifies it: {first.partition(': ')[0].rstrip('.')}."


def _place(row: dict[str, Any]) -> str:
    """Where the images are said to vary; of the pixels it goes without saying."""
    return "" if row["representation"] == "pixels" else f" in {row['representation']}"


def claim(study: Study) -> Claim | None:
    """The calibrated dimension of one representation, beside the number of its features."""
    table = study.result("layers", TABLES["layers"])
    row, nouns = _quoted(study), study.nouns
    if row is None:
        return None
    value, low, high = (plain(row[name], 2) for name in ENDS)
    limited, wide = _limited(row), _wide(row)
    sentence = (
        f"At the scale of nearest neighbours the {nouns.images} vary in {_about(row)} independent "
        f"directions{_place(row)}, of {count(row['d'])} {'features' if _place(row) else 'pixels'} "
        f"(TwoNN, calibrated; n = {count(row['n'])}; the interval includes sampling and model "
        f"error). {_qualified(row, nouns)}"
    )
    codes = [one for one in records(table) if one["layer"] == "code"][:1]
    shown = [row["representation"], *(one["representation"] for one in codes)]
    layers = [
        one
        for one in records(table)
        if one["weights"] in STUDIED and one["representation"] not in shown
    ]
    estimates = [
        Estimate(one["representation"], one[ENDS[0]], one[ENDS[1]], one[ENDS[2]], role)
        for one, role in zip([row, *codes, *layers[-1:]], ("third", "first", "first"), strict=False)
        if not missing(one[ENDS[0]]) and not missing(one[ENDS[1]])
    ]
    picture = intervals(estimates, lambda top: plain(top, 2), alt=sentence) if estimates else None
    question = f"What is the intrinsic dimension of the {nouns.images}?"
    answer = f"≥ {low}" if limited else "cannot be told" if wide else f"≈ {value}"
    ends = f"{low} or more" if limited else f"{low} to {high}"
    return Claim(question, answer, sentence, picture, ends, rank=2)


SECTION = Section(
    claim=claim,
    title="Intrinsic dimension of each representation",
    short="Dimension",
    stage="manifold",
    needs=("results/layers.csv",),
    tables=TABLES,
    render=render,
)
