"""The ladder from noise to face: which share of random images of each kind the judges accept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from repviz.nouns import Nouns
from repviz.number_format import count, exponent_above, percent, plain, text
from repviz.report.html import Markup, join, tag
from repviz.report.parts import chart, field, figure, interval, numbers_of, table
from repviz.report.pictures import Grid, captioned, image
from repviz.report.sections import Claim, Content, Section
from repviz.report.sections.rarity import JOINT, probability
from repviz.report.thumbnails import thumbnail, thumbnail_grid
from repviz.study_folder import Study, records

TABLES = {
    "ladder": (
        "rung order kind title n groups accepted accepted_share accepted_share_low "
        "accepted_share_high sole_refusing_judge log10_bound distance_q05 distance_median "
        "distance_q95 distance_limit_low distance_limit_high joint_limit calibration_level "
        "calibration_n calibration_groups seed"
    ),
    "ladder_judges": (
        "rung order kind title judge judge_title n accepted accepted_share accepted_share_low "
        "accepted_share_high"
    ),
    "ladder_samples": "rung sample accepted nearest_row distance",
    "images": "row id sweep_split",
    "judges": "judge judge_title statistic limit_low limit_high used blind_to",
    "judge_errors": (
        "judge judge_title n accepted accepted_share accepted_share_low accepted_share_high auc"
    ),
    "negatives": (
        "kind title in_classifier_training judge judge_title n accepted accepted_share "
        "accepted_share_low accepted_share_high auc"
    ),
}
HEADINGS = {
    "ladder": "The ladder, from no structure to codes of real images",
    "control": "Controls, apart from the ladder",
    "held-out": "Real images that the judges have not seen",
}

_RUNGS = (
    field("rung", "title", text),
    field("n", "n", count),
    field("accepted", "accepted", count),
    field("share", "accepted_share", percent),
    interval("95 % interval", "accepted_share_low", "accepted_share_high", percent),
    field("median distance", "distance_median", plain),
    interval("middle 90 %", "distance_q05", "distance_q95", plain),
    field("refused by this judge alone", "sole_refusing_judge", text),
    field("log10 of the probability is below", "log10_bound", exponent_above),
    field("seed", "seed", count),
)
_VERDICTS = (
    field("rung", "title", text),
    field("judge", "judge_title", text),
    field("n", "n", count),
    field("accepted", "accepted", count),
    field("share", "accepted_share", percent),
    interval("95 % interval", "accepted_share_low", "accepted_share_high", percent),
)
_NEGATIVES = (
    field("kind", "title", text),
    field("judge", "judge_title", text),
    field("n", "n", count),
    field("wrongly accepted", "accepted", count),
    field("share", "accepted_share", percent),
    interval("95 % interval", "accepted_share_low", "accepted_share_high", percent),
    field("AUC", "auc", plain),
)
_JUDGES = (
    field("judge", "judge_title", text),
    field("real images accepted", "held", percent),
    field("other images accepted", "accepted_share", percent),
    interval("95 % interval", "accepted_share_low", "accepted_share_high", percent),
    field("AUC", "auc", plain),
    field("is blind to", "blind_to", text),
)


def render(study: Study) -> Content | None:
    """The rungs with their samples, then distances, verdicts, and the panel of negatives."""
    rungs = study.result("ladder", TABLES["ladder"]).sort_values("order")
    if rungs.empty:
        return None
    verdicts = study.result("ladder_judges", TABLES["ladder_judges"])
    negatives = study.result("negatives", TABLES["negatives"])
    nouns, first = study.nouns, records(rungs)[0]
    calibrated = (
        "Frames: solid where all judges together accept, dashed where they refuse. Up to six "
        "accepted and six refused images of each rung, not a random sample of them, sorted by "
        f"distance; under each its nearest known {nouns.image} and the distance to it (RMS grey "
        "level). What the judges "
        f"accept was set by {count(first['calibration_n'])} {nouns.images} of "
        f"{count(first['calibration_groups'])} {nouns.units if _by_people(rungs) else 'images'} "
        f"that had not been used to fit them{_drawn(study, rungs)}, so that on average "
        f"{percent(first['calibration_level'])} of new "
        f"{nouns.images} pass."
    )
    body = join(
        [
            *_ladders(study, rungs),
            tag("p", calibrated, class_="facts"),
            chart(
                "ladder",
                rungs,
                caption=f"Distance to the nearest known {nouns.image}: median and the middle 90 % "
                "of each rung. Too near is as unlike a new image as too far.",
                alt=f"Distance to the nearest known {nouns.image} for each rung of the ladder.",
            ),
            chart(
                "ladder_judges",
                verdicts,
                caption="The share that each judge accepts alone (hollow), and that all together "
                "accept (filled), with 95 % intervals.",
                alt="Share of each rung that each judge accepts.",
            ),
            numbers_of("results/ladder_judges.csv", verdicts, _VERDICTS),
            _panel(study, verdicts, negatives),
            numbers_of("results/ladder.csv", rungs, _RUNGS),
        ]
    )
    return Content(
        body,
        reading=_reading(study),
        limits=_limits(study, rungs, negatives),
        title=_title(first, nouns),
    )


def _by_people(rungs: pd.DataFrame) -> bool:
    first = rungs.iloc[0]
    return bool(first["calibration_groups"] < first["calibration_n"])


def _ladders(study: Study, rungs: pd.DataFrame) -> list[Markup]:
    """The rungs, the controls and the real images, each under its own heading."""
    pictures = study.array("ladder") if study.has("arrays/ladder.npy") else None
    samples = study.result("ladder_samples", TABLES["ladder_samples"])
    known = thumbnail_grid(study)
    ids = study.result("images", TABLES["images"]).set_index("row")["id"]
    parts = []
    for kind, heading in HEADINGS.items():
        lines = [
            tag(
                "li",
                tag("div", _words(row), class_="words"),
                _samples(row, pictures, i, samples, ids, known),
            )
            for i, row in enumerate(records(rungs))
            if row["kind"] == kind
        ]
        if lines:
            parts += [tag("h3", heading), tag("ol", lines, class_="rungs")]
    return parts


def _words(row: dict[str, Any]) -> Markup:
    low, high = percent(row["accepted_share_low"]), percent(row["accepted_share_high"])
    share = f"at most {high}"
    if row["accepted"] > 0:
        share = f"{percent(row['accepted_share'])} ({low} to {high})"
    return join(
        [
            tag("strong", row["title"]),
            tag("span", f"{_accepted(row)} accepted"),
            tag("span", share),
        ]
    )


def _samples(
    row: dict[str, Any],
    pictures: np.ndarray | None,
    place: int,
    samples: pd.DataFrame,
    ids: pd.Series,
    known: Grid | None,
) -> Markup | None:
    if pictures is None:
        return None
    own = records(samples[samples["rung"] == row["rung"]].sort_values("sample"))
    nearest_first = sorted(zip(own, pictures[place], strict=True), key=lambda at: at[0]["distance"])
    shown = [
        tag(
            "figure",
            image(picture, alt=_described(row["title"], one, ids)),
            thumbnail(known, one["nearest_row"], text(ids[one["nearest_row"]])) if known else None,
            tag("figcaption", _nearest(one, ids)),
            class_="accepted" if one["accepted"] else None,
        )
        for one, picture in nearest_first
    ]
    return tag("div", shown, class_="samples")


def _nearest(one: dict[str, Any], ids: pd.Series) -> Markup:
    """The verdict, and how far from which known image: ``✕ 0.29 from s3/7``.

    Where there is little room, the page leaves the name out.
    """
    verdict = "✓" if one["accepted"] else "✕"
    name = tag("small", f" from {text(ids[one['nearest_row']])}")
    return join([f"{verdict}\xa0{plain(one['distance'], 2)}", name])


def _described(title: str, one: dict[str, Any], ids: pd.Series) -> str:
    verdict = "accepted" if one["accepted"] else "refused"
    distance, nearest = plain(one["distance"], 2), ids[one["nearest_row"]]
    return f"{title}, {one['sample'] + 1}: {verdict}, {distance} from the nearest known, {nearest}"


def _panel(study: Study, verdicts: pd.DataFrame, negatives: pd.DataFrame) -> Markup:
    """Each judge's power on real images of other things, and what is let through."""
    judges = study.result("judges", TABLES["judges"]).drop_duplicates("judge")
    held = verdicts[verdicts["kind"] == "held-out"].set_index("judge")
    errors = study.result("judge_errors", TABLES["judge_errors"]).set_index("judge", drop=False)
    blind = judges.set_index("judge")["blind_to"]
    rows = errors.assign(
        held=held["accepted_share"],
        blind_to=blind.reindex(errors.index, fill_value="what all of them are blind to"),
    )
    nouns = study.nouns
    lead = (
        f"The judges were judged with {count(errors.loc[JOINT, 'n'])} images that are no "
        f"{nouns.images}: blurs, negatives, scrambled blocks, photographs of other things. All "
        f"together accepted {count(errors.loc[JOINT, 'accepted'])} of them."
    )
    return join(
        [
            tag("h3", "How good the judges are"),
            tag("p", lead),
            table(rows, _JUDGES, label="The judges and their errors"),
            _wrong(study),
            numbers_of("results/negatives.csv", negatives, _NEGATIVES),
        ]
    )


def _wrong(study: Study) -> Markup | None:
    if not study.has("arrays/wrongly_accepted.npy"):
        return None
    pictures = study.array("wrongly_accepted")
    if not len(pictures):
        return None
    shown = [
        tag("figure", image(one, alt="Wrongly accepted image"), class_="accepted")
        for one in pictures
    ]
    return figure(
        tag("div", shown, class_="samples"),
        f"Examples of what all judges together wrongly accept, taken for {study.nouns.images}.",
    )


def _reading(study: Study) -> str:
    nouns = study.nouns
    return (
        f"Rung by rung the random images share more with {nouns.images}; acceptance need not rise "
        "with it: averages of images that the judges know are refused as too near, decoded codes "
        "often because the decoder blurs. Where none was accepted, the probability is at most the "
        "limit given (95 %). Slow judges see the first 100 images of a rung that all others "
        "accept: counting ends there, so that n is smaller. Distance to the nearest known "
        f"{nouns.image} cannot judge alone: averages under noise lie nearer than real "
        f"{nouns.images}. So judges refuse on both sides where they can, and judge together."
    )


def _limits(study: Study, rungs: pd.DataFrame, negatives: pd.DataFrame) -> str:
    nouns = study.nouns
    counted = (
        f"The interval of the real images counts each {nouns.unit} once. Those of the judges’ "
        f"errors count images made from the {nouns.images} of one {nouns.unit} once. "
        if _by_people(rungs)
        else f"The intervals of the judges’ errors count images made from one {nouns.image} once. "
    )
    counted += (
        f"Those of the rungs are over further images of the same known {nouns.images} and "
        "photographs. "
    )
    met = count(negatives[negatives["in_classifier_training"]]["kind"].nunique())
    kinds = count(negatives["kind"].nunique())
    return (
        f"“Accepted” means: not told apart from {nouns.images} of this source, in this crop and "
        f"light, by these judges. Another pose or crop of {nouns.one} may be refused. Of the "
        f"{kinds} kinds of negatives the classifier had met {met} in training; on kinds that "
        f"nobody thought of, its error is unknown. {counted}The shares are those of these ways to "
        f"draw: they do not say how many {nouns.images} there are."
    )


def claim(study: Study) -> Claim | None:
    """Whether a random image is ever taken for a real one, and how often real ones are."""
    table = study.result("ladder", TABLES["ladder"]).sort_values("order")
    if table.empty:
        return None
    rungs = records(table)
    noise, real, nouns = rungs[0], rungs[-1], study.nouns
    is_none = noise["accepted"] == 0
    verdict = f"A random image is not {nouns.one}: none" if is_none else count(noise["accepted"])
    answer = (
        f"{verdict} of {count(noise['n'])} images of independent random pixels passed the judges "
        f"(tests of what {nouns.one} looks like), which accept {_accepted(real)} real "
        f"{nouns.images} that they had not seen ({_real_interval(real, nouns)}).{_rare(study)}"
        f"{_structured(rungs, nouns)}"
    )
    picture = None
    if study.has("arrays/ladder.npy"):
        pixels = study.array("ladder")
        picture = captioned([(pixels[0, 0], "random"), (pixels[-1, 0], "real")])
    return Claim(
        f"Is a random image {nouns.one}?",
        _accepted(noise),
        answer,
        picture,
        interval=_interval(noise),
        rank=0,
    )


def _drawn(study: Study, rungs: pd.DataFrame) -> str:
    """From how many the images that the judges know were drawn; "" where they know all of them."""
    split = study.result("images", TABLES["images"])["sweep_split"]
    available = int(split.isin(["train", "validation"]).sum())
    if rungs["calibration_n"].iloc[0] >= available:
        return ""
    return f" (drawn from {count(available)} to bound the cost)"


def _title(noise: dict[str, Any], nouns: Nouns) -> str:
    verdict = "is not" if noise["accepted"] == 0 else "can pass for"
    return (
        f"A random image {verdict} {nouns.one}: {_accepted(noise)} accepted "
        f"(95 % CI {_interval(noise)})"
    )


def _accepted(rung: dict[str, Any]) -> str:
    return f"{count(rung['accepted'])} of {count(rung['n'])}"


def _interval(rung: dict[str, Any]) -> str:
    return f"{percent(rung['accepted_share_low'])} to {percent(rung['accepted_share_high'])}"


def _rare(study: Study) -> str:
    """How rarely the judges accept such an image, below what counting reaches; "" if unknown."""
    said = probability(study)
    return said and f" They accept one with a probability {said}."


def _real_interval(real: dict[str, Any], nouns: Nouns) -> str:
    """The interval of the real images, and of how many people they are."""
    whose = f", {count(real['groups'])} {nouns.units}" if real["groups"] < real["n"] else ""
    return f"95 % CI {_interval(real)}{whose}"


def _structured(rungs: list[dict[str, Any]], nouns: Nouns) -> str:
    """The rung that passes most often, where noise does not and more than 5 % of the rung do."""
    noise, *others = (row for row in rungs if row["kind"] == "ladder")
    rung = max(others, key=lambda row: row["accepted_share"])
    if noise["accepted"] or not rung["accepted_share_low"] > 0.05:
        return ""
    return (
        f" Random images with more structure do pass ({_accepted(rung)} of “{rung['title']}”): "
        f"the judges refuse noise, they do not certify {nouns.one}."
    )


SECTION = Section(
    claim=claim,
    title="Random images compared with real ones",
    short="Random images",
    stage="ladder",
    needs=(
        "results/ladder.csv",
        "results/ladder_judges.csv",
        "results/ladder_samples.csv",
        "results/images.csv",
        "results/judges.csv",
        "results/judge_errors.csv",
        "results/negatives.csv",
    ),
    tables=TABLES,
    render=render,
)
