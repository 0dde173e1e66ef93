"""The stage "rarity" of a study: how rare accepted random images are, below what counting reaches.

What counting, importance sampling and analysis give takes seconds; splitting, which all judges
together need, takes minutes and is done when asked for.
"""

from __future__ import annotations

import math
from typing import Any

from repviz.facespace.calibration import JOINT, JOINT_TITLE, CalibratedJudges
from repviz.facespace.known import Known
from repviz.facespace.rarity_table import NOT_ASKED, rarity_table
from repviz.facespace.samplers import SAMPLERS
from repviz.nouns import Nouns
from repviz.number_format import count, exponent, from_log10, missing, power_of_ten
from repviz.report.sections.rarity import NOISE
from repviz.study_folder import Draft, Study

OPTION = f"{NOT_ASKED} (--rarity)"


def rarity_stage(
    draft: Draft,
    *,
    study: Study,
    known: Known,
    judges: CalibratedJudges,
    nouns: Nouns,
    split: bool,
    seed: int,
) -> None:
    """Write rarity.csv.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    study : Study
        With ladder_judges.csv.
    known : Known
        The known images.
    judges : CalibratedJudges
        Calibrated with ``known``.
    nouns : Nouns
        What the images show.
    split : bool
        Whether what takes minutes is estimated too.
    seed : int
        Of what is drawn.
    """
    counts = study.result("ladder_judges")
    table = rarity_table(judges, known, counts=counts, split=split, seed=seed)
    table["left_out"] = table["left_out"].replace(NOT_ASKED, OPTION)
    titles = {judge.name: judge.title for judge in judges.judges} | {JOINT: JOINT_TITLE}
    table.insert(1, "title", [nouns.fill(SAMPLERS[name].title) for name in table["sampler"]])
    verdicts = [nouns.fill(titles[name]) for name in table["verdict"]]
    table.insert(3, "verdict_title", verdicts)
    draft.table("rarity", table)


def rarity_findings(study: Study) -> list[str]:
    """How rare an accepted random image is, in one sentence; nothing where no number says it."""
    if "rarity" in study.manifest["skipped"]:
        return []
    table, nouns = study.result("rarity"), study.nouns
    noise = table[table["sampler"] == NOISE]
    known = f"the judge of distance to the nearest of {count(noise['n'].iloc[0])} known "
    who = {JOINT: "all judges together", "nearest-face": f"{known}{nouns.images} alone"}
    clauses = [
        f"{words} with a probability {said}"
        for verdict, words in who.items()
        for _, row in noise[noise["verdict"] == verdict].iterrows()
        if (said := _probability(row))
    ]
    if not clauses:
        return []
    return [
        f"A uniformly random image is accepted by {', and by '.join(clauses)}: the probability of "
        f"these judges' verdict, not of {nouns.one}, for they accept other images too."
    ]


def _probability(row: Any) -> str:
    """``of 10⁻⁶¹⁰ (...)``, else ``below 10⁻⁶⁰⁶ (...)``; "" where neither is known."""
    bound = "" if missing(row.log10_bound) else power_of_ten(math.ceil(row.log10_bound))
    if missing(row.log10_probability):
        cost = "; --rarity estimates it, in a new folder" if row.left_out == OPTION else ""
        return bound and f"below {bound} (an analytic bound, no estimate{cost})"
    low, high = (exponent(row[f"log10_probability_{end}"]) for end in ("low", "high"))
    limit = bound and f"; analytic bound {bound}"
    return (
        f"of {from_log10(row.log10_probability)} (log10 {exponent(row.log10_probability)}, 95 % CI "
        f"{low} to {high}{limit}; {row.method}, {count(row.evaluations)} images, seed "
        f"{row.seed:.0f})"
    )
