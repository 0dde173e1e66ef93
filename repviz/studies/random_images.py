"""The stage "ladder" of a study: random images of each kind, judged, and the findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from repviz.facespace.calibration import JOINT, CalibratedJudges
from repviz.facespace.known import Known
from repviz.facespace.ladder import HELD_OUT, ladder
from repviz.facespace.panel import judge_errors, judge_negatives
from repviz.images.partition import Partition
from repviz.nouns import FACES, Nouns
from repviz.number_format import count, percent, plain
from repviz.report.sections.rarity import NOISE
from repviz.streams import stream
from repviz.studies.representations import draw_by_label
from repviz.study_folder import Draft, Study

KNOWN = 4000  # images that the judges know, at most: their cost is linear in it

CodecPair = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]


def known_images(
    X: np.ndarray, parts: Partition, rows: np.ndarray, nouns: Nouns, codec: CodecPair
) -> Known:
    """The images that judges and samplers are fitted to.

    Parameters
    ----------
    X : ndarray of float32, shape (n, d)
        All images in [0, 1].
    parts : Partition
        Which of them are for what.
    rows : ndarray of int, shape (m,)
        From :func:`known_rows`.
    nouns : Nouns
        What they show.
    codec : (callable, callable)
        An autoencoder's ``encode`` and ``decode``.
    """
    people = parts.clusters
    encode, decode = codec
    faces = np.ascontiguousarray(X[rows], dtype=np.float32)
    return Known(
        faces,
        people=None if people is None else people[rows],
        codes=encode(faces),
        decode=decode,
        oriented=nouns.image == FACES.image,
    )


def known_rows(parts: Partition, *, seed: int) -> np.ndarray:
    """The rows that are not tested on, ascending; at most :data:`KNOWN`, drawn by label."""
    rows = np.sort(np.concatenate([parts.train, parts.validation]))
    clusters = None if parts.clusters is None else parts.clusters[rows]
    return rows[draw_by_label(clusters, len(rows), KNOWN, stream(seed, "ladder", "known"))]


def held_out_images(X: np.ndarray, parts: Partition, known: Known, codec: CodecPair) -> Known:
    """The test images, to which no judge is fitted, with their codes."""
    faces = np.ascontiguousarray(X[parts.test], dtype=np.float32)
    people = None if parts.clusters is None else parts.clusters[parts.test]
    return replace(known, faces=faces, people=people, codes=codec[0](faces))


def ladder_stage(
    draft: Draft,
    *,
    known: Known,
    rows: np.ndarray,
    held_out: Known,
    judges: CalibratedJudges,
    nouns: Nouns,
    samples: int,
    seed: int,
) -> None:
    """Write the tables of the ladder, of its judges, and of their errors on negatives."""
    found = ladder(
        known,
        held_out.faces,
        people=held_out.people,
        judges=judges,
        count=samples,
        seed=seed,
        nouns=nouns,
    )
    negatives, verdicts, wrong = judge_negatives(judges, held_out, seed=seed, nouns=nouns)
    draft.table("ladder", found.table)
    draft.table("ladder_judges", found.verdicts)
    nearest = rows[found.samples["nearest_row"]]
    draft.table("ladder_samples", found.samples.assign(nearest_row=nearest))
    draft.table("judges", _judges(judges, nouns))
    draft.table("negatives", negatives)
    draft.table("judge_errors", judge_errors(negatives, verdicts))
    side = known.side
    draft.array("ladder", as_pictures(found.examples, side))
    draft.array("wrongly_accepted", as_pictures(wrong, side))


def as_pictures(rows: np.ndarray, side: int) -> np.ndarray:
    """Rows (..., d) in [0, 1] as images (..., side, side) uint8."""
    return np.rint(rows * 255).astype(np.uint8).reshape(*rows.shape[:-1], side, side)


def _judges(judges: CalibratedJudges, nouns: Nouns) -> pd.DataFrame:
    """One row per statistic: what each judge accepts alone."""
    rows = []
    for judge, bands in zip(judges.judges, judges.bands, strict=True):
        for statistic, low, high in zip(judge.statistics, *bands.limits(), strict=True):
            rows.append(
                {
                    "judge": judge.name,
                    "judge_title": nouns.fill(judge.title),
                    "statistic": statistic,
                    "limit_low": low if np.isfinite(low) else np.nan,
                    "limit_high": high if np.isfinite(high) else np.nan,
                    "used": bands.used,
                    "calibration_level": judges.level,
                    "calibration_n": judges.n,
                    "calibration_groups": judges.groups,
                    "blind_to": nouns.fill(judge.blind_to),
                }
            )
    return pd.DataFrame(rows)


def ladder_findings(study: Study) -> list[str]:
    """Is a random image one of the kind, where do the judges begin to accept, what do they miss?"""
    if "ladder" in study.manifest["skipped"]:
        return []
    rungs = study.result("ladder").set_index("rung")
    nouns = study.nouns
    titles = study.result("judges").query("used")["judge_title"].drop_duplicates()
    sentences = [f"{claim(study)}.", f"All judges must accept: {'; '.join(titles)}."]
    sentences.append(_structure(rungs, nouns))
    negatives = study.result("negatives")
    missed = negatives[(negatives["judge"] == JOINT) & (negatives["accepted_share"] > 0)]
    if missed.empty:
        sentences.append(
            f"The judges accepted none of {count(_total(negatives))} images made not to be "
            f"{nouns.several}."
        )
    else:
        worst: Any = missed.sort_values("accepted_share").iloc[-1]
        sentences.append(
            f"The judges are not infallible: of {count(_total(negatives))} images made not to be "
            f"{nouns.several} they accepted {count(missed['accepted'].sum())}, "
            f"{'all' if len(missed) == 1 else 'most often'} “{worst.title.lower()}” "
            f"({percent(worst.accepted_share)}, {_interval(worst)})."
        )
    return sentences


def claim(study: Study) -> str:
    """The ladder's main result in one sentence, without a full stop, as for a section's title."""
    rungs = study.result("ladder").set_index("rung")
    noise: Any = rungs.loc[NOISE]
    held: Any = rungs.loc[HELD_OUT]
    nouns = study.nouns
    whose = ""
    if held.groups < held.n:
        whose = f" of {count(held.groups)} {nouns.unit if held.groups == 1 else nouns.units}"
    real = (
        f"{count(held.accepted)} of {count(held.n)} real {nouns.images}{whose} were "
        f"({_interval(held)})"
    )
    if noise.accepted == 0:
        return (
            f"A random image is not {nouns.one}: none of {count(noise.n)} was accepted "
            f"(95 % upper limit {percent(noise.accepted_share_high)}); {real}"
        )
    return (
        f"{percent(noise.accepted_share)} of {count(noise.n)} random images were accepted as "
        f"{nouns.images} ({_interval(noise)}); {real}"
    )


def _structure(rungs: pd.DataFrame, nouns: Nouns) -> str:
    """The first rung of which an appreciable share is accepted: its interval lies above 5 %."""
    steps = rungs[rungs["kind"] == "ladder"].sort_values("order").drop(NOISE)
    passing = steps[steps["accepted_share_low"] > 0.05]
    if passing.empty:
        return f"On no rung of the ladder are clearly more than 5 % accepted as {nouns.images}."
    first: Any = passing.iloc[0]
    certify = f" The judges refuse noise, they do not certify {nouns.one}."
    if rungs.loc[NOISE, "accepted"]:
        certify = ""
    return (
        f"Random images with more structure do pass: of “{first.title}” "
        f"{percent(first.accepted_share)} are accepted ({_interval(first)}; {count(first.n)} "
        f"images, median distance to the nearest known {nouns.image} "
        f"{plain(first.distance_median)}).{certify}"
    )


def _interval(row: Any) -> str:
    return f"95 % CI {percent(row.accepted_share_low)} to {percent(row.accepted_share_high)}"


def _total(negatives: pd.DataFrame) -> int:
    return int(negatives.loc[negatives["judge"] == JOINT, "n"].sum())
