"""How often the nearest training image has the same label, in each representation."""

from __future__ import annotations

from typing import Any

from repviz.number_format import count, listed, percent, text
from repviz.report.html import join
from repviz.report.parts import (
    Estimate,
    chart,
    field,
    interval,
    intervals,
    numbers_of,
    reductions,
    weights_keys,
)
from repviz.report.sections import Claim, Content, Section
from repviz.study_folder import Study, records
from repviz.weight_kinds import STUDIED, WEIGHT_KINDS, benefit, studied_kind

TABLES = {
    "identity_differences": "representation_a representation_b difference low high",
    "layers": (
        "representation model weights layer d nearest_same nearest_same_low "
        "nearest_same_high nearest_same_n nearest_same_chance"
    ),
}

_COLUMNS = (
    field("representation", "representation", text),
    field("weights", "weights", text),
    field("features d", "d", count),
    field("same label", "nearest_same", percent),
    interval("95 % interval", "nearest_same_low", "nearest_same_high", percent),
    field("n", "nearest_same_n", count),
    field("chance", "nearest_same_chance", percent),
)


def render(study: Study) -> Content | None:
    """The share of held-out images whose nearest training image has the same label."""
    table = study.result("layers", TABLES["layers"])
    table = table[table["nearest_same"].notna()]
    if table.empty:
        return None
    nouns = study.nouns
    caption = (
        f"Share of {count(table['nearest_same_n'].max())} held-out {nouns.images} whose nearest "
        f"training image shows the same {nouns.label}, with 95 % intervals, beside "
        f"chance.{reductions(study)}"
    )
    alt = f"Share of held-out images whose nearest training image shows the same {nouns.label}."
    body = join(
        [
            chart("identity", table, caption=caption, alt=alt, keys=weights_keys(table)),
            numbers_of("results/layers.csv", table, _COLUMNS),
        ]
    )
    return Content(
        body,
        reading=f"For each held-out image: does its nearest training image in this representation "
        f"show the same {nouns.label}?{_control(table)}",
        limits=f"Images of one {nouns.label} may share light, background and pose, which helps "
        "even raw pixels. This measures distances between images, not what a trained classifier "
        f"would reach, and nothing about {nouns.labels} outside of the training images.",
        title=_headline(study),
    )


def _control(table: Any) -> str:
    """What the untrained control shows, where it is there."""
    kinds = set(table["weights"])
    studied = WEIGHT_KINDS[studied_kind(kinds)]
    if "untrained" not in kinds or studied is WEIGHT_KINDS["untrained"]:
        return ""
    return (
        " The untrained network is the control: what it reaches is due to the architecture and the "
        f"pixels; only what {studied.network} adds {studied.credit}."
    )


def _compared(study: Study) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None:
    """The deepest layer, the same untrained, and the pixels; None where one of them is missing."""
    table = study.result("layers", TABLES["layers"])
    rows = {row["representation"]: row for row in records(table[table["nearest_same"].notna()])}
    kind = studied_kind(table["weights"])
    studied = {row["layer"]: row for row in rows.values() if row["weights"] == kind}
    controls = {row["layer"]: row for row in rows.values() if row["weights"] == "untrained"}
    layers = [layer for layer in studied if kind in STUDIED and layer in controls]
    if not layers or "pixels" not in rows:
        return None
    return studied[layers[-1]], controls[layers[-1]], rows["pixels"]


def _headline(study: Study) -> str:
    shown = _compared(study)
    if shown is None:
        return ""
    _, verdict = _verdict(study, shown[0]["weights"])
    return f"Nearest neighbours: {verdict}"


def claim(study: Study) -> Claim | None:
    """Whether the weights help: the deepest layer, the same layer untrained, and the pixels."""
    shown = _compared(study)
    if shown is None:
        return None
    own, untrained, pixels = (
        Estimate(
            row["representation"],
            row["nearest_same"],
            row["nearest_same_low"],
            row["nearest_same_high"],
            role,
        )
        for row, role in zip(shown, ("first", "second", "third"), strict=True)
    )
    value, verdict = _verdict(study, shown[0]["weights"])
    label, n = study.nouns.label, count(shown[0]["nearest_same_n"])
    sentence = (
        f"How many of {n} images have a nearest training image of the same {label}: {verdict}. "
        "Differences are paired by image."
    )
    shares = [f"{percent(one.value)} in {one.label}" for one in (own, untrained, pixels)]
    picture = intervals(
        [own, untrained, pixels],
        percent,
        alt=f"{listed(shares)}; {verdict}.",
        end=1.0,
    )
    cause = WEIGHT_KINDS[shown[0]["weights"]].cause
    title = f"Does {cause} bring images of one {label} together?"
    return Claim(title, value, sentence, picture, rank=4)


def _verdict(study: Study, kind: str) -> tuple[str, str]:
    """Whether the weights help, as a word and as a clause."""
    table = study.result("identity_differences", TABLES["identity_differences"])
    return benefit(records(table), kind)


SECTION = Section(
    claim=claim,
    title="Label agreement of nearest neighbours",
    short="Nearest neighbours",
    stage="manifold",
    needs=("results/layers.csv", "results/identity_differences.csv"),
    tables=TABLES,
    render=render,
)
