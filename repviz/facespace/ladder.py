"""The ladder from noise to face: the share of each kind of random image that judges accept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, intervals, progress
from repviz.errors import InputError
from repviz.facespace.acceptance import accepted_bound
from repviz.facespace.calibration import JOINT, JOINT_TITLE, LEVEL, CalibratedJudges, calibrate
from repviz.facespace.envelopes import NO_BOUND
from repviz.facespace.judges.nearest_face import nearest
from repviz.facespace.known import Known, pixels
from repviz.facespace.rungs import Rung, judge_rung
from repviz.facespace.samplers import CHUNK, CONTROLS, SAMPLERS, Sampler
from repviz.nouns import FACES, Nouns

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 12  # examples of each rung
HELD_OUT = "held-out"


@dataclass(frozen=True, eq=False)
class Ladder:
    """The rungs, from noise to face, and the controls.

    Attributes
    ----------
    table : DataFrame
        One row per rung: rung, order, kind ("ladder", "control" or "held-out"), title, n (images),
        groups (independent draws among them: people, of held-out images), accepted,
        accepted_share, accepted_share_low, accepted_share_high (by all judges together;
        Clopper-Pearson at 95 %, each group counted once), sole_refusing_judge (without which half
        or more would be accepted), log10_bound (an upper bound of log10 of the probability, or
        NaN), distance_q05, distance_median, distance_q95 (root mean square grey level to the
        nearest known image, in [0, 1]), distance_limit_low, distance_limit_high (the distances
        that all judges together accept), joint_limit (the largest score of any judge that they
        accept), calibration_level (the share of new people's faces that they accept),
        calibration_n, calibration_groups, seed.
    verdicts : DataFrame
        One row per rung and judge, "joint" (all together) included: rung, order, kind, title,
        judge, judge_title, n, groups, accepted, accepted_share, accepted_share_low,
        accepted_share_high.
    samples : DataFrame
        One row per picture: rung, sample, accepted, nearest_row (of ``known``), distance, and of
        each judge refusal_score_JUDGE (larger is worse; 1 is the judge's own limit) or, where it
        says yes or no, refused_JUDGE.
    examples : ndarray of float32, shape (rungs, 12, d)
        The pictures, accepted ones first.
    judges : CalibratedJudges
        Who judged.
    """

    table: pd.DataFrame = field(repr=False)
    verdicts: pd.DataFrame = field(repr=False)
    samples: pd.DataFrame = field(repr=False)
    examples: np.ndarray = field(repr=False)
    judges: CalibratedJudges = field(repr=False)


def ladder(
    known: Known,
    held_out: Any,
    *,
    people: Any = None,
    samplers: Sequence[str] | None = None,
    judges: Sequence[Any] | CalibratedJudges | None = None,
    count: int = 10_000,
    level: float = LEVEL,
    seed: int = 0,
    nouns: Nouns = FACES,
) -> Ladder:
    """The share of random images of each rung that the judges accept as faces.

    Parameters
    ----------
    known : Known
        The known faces: samplers learn from them, judges are fitted to and calibrated with them.
    held_out : array_like, shape (h, d)
        Faces of other people, in [0, 1]: what the judges ought to accept.
    people : array_like, shape (h,), optional
        Whom these show; without it each counts as another person.
    samplers : sequence of str, optional
        Names in ``SAMPLERS`` or ``CONTROLS``; all if None, without those that need codes where
        ``known`` has none.
    judges : sequence of str, Judge or callable, or CalibratedJudges, optional
        As in :func:`~repviz.facespace.calibration.calibrate`; all of ``JUDGES`` if None.
    count : int
        Images drawn on each rung. All are judged by distance; the first 1000 by every judge, the
        first 100 by slow ones; of the rest each judge sees what those before it accept.
    level : float
        The share of new people's faces that the judges accept, 0.5 to 0.999.
    seed : int
        Seed of the draws, from 0 to 2^32 - 1.
    nouns : Nouns
        What the images show, for titles.

    Raises
    ------
    UnknownName
        No sampler or judge has this name.
    InputError
        A matrix is not finite, not in [0, 1] or of another d; codes or decode is missing.
    """
    _check_known(known)
    held_out = pixels("ladder", "held_out", held_out).astype(np.float32, copy=False)
    count = checks.integer("ladder", "count", count, low=1)
    seed = checks.seed("ladder", seed)
    listed = _listed(samplers, known)
    if not isinstance(judges, CalibratedJudges):
        judges = calibrate(known, judges=judges, level=level, seed=seed)
    people = np.arange(len(held_out)) if people is None else np.asarray(people)
    rungs: list[tuple[str, str, str, Rung, int]] = []
    with progress.task("judging random images", count * len(listed), "images") as advance:
        for sampler in listed:
            kind = "ladder" if sampler.name in SAMPLERS else "control"
            title = nouns.fill(sampler.title)
            judged = judge_rung(judges, known, sampler.chunks(known, count, seed), advance)
            rungs.append((sampler.name, kind, title, judged, count))
    title = f"Held-out {nouns.images}"
    own = judge_rung(judges, known, _one_of_each(held_out, people), lambda done: None)
    rungs.append((HELD_OUT, HELD_OUT, title, own, len(np.unique(people))))
    return _tables(known, judges, rungs, seed, nouns)


def _check_known(known: Known) -> None:
    pixels("ladder", "known", known.faces)
    if (known.codes is None) != (known.decode is None):
        raise InputError(
            "ladder: codes and decode must be given together, got only one of them. Pass the "
            "known faces' codes and the function that decodes them, or neither."
        )


def _listed(names: Sequence[str] | None, known: Known) -> list[Sampler]:
    everything = SAMPLERS | CONTROLS
    listed = [
        everything[checks.one_of("ladder", "sampler", name, everything)]
        for name in (everything if names is None else names)
    ]
    if known.codes is not None:
        return listed
    lacking = [sampler.name for sampler in listed if sampler.needs_codes]
    if lacking and names is not None:
        raise InputError(
            f"ladder: '{lacking[0]}' needs codes and decode, got neither. Pass both, or leave it "
            "out of samplers."
        )
    return [sampler for sampler in listed if not sampler.needs_codes]


def _one_of_each(rows: np.ndarray, people: np.ndarray) -> Iterator[np.ndarray]:
    """The rows in chunks, one image of every person first."""
    first = np.sort(np.unique(people, return_index=True)[1])
    order = np.concatenate([first, np.setdiff1d(np.arange(len(rows)), first)])
    for start in range(0, len(order), CHUNK):
        yield rows[order[start : start + CHUNK]]


def _tables(
    known: Known, judges: CalibratedJudges, rungs: list[Any], seed: int, nouns: Nouns
) -> Ladder:
    import pandas as pd

    table, verdicts, samples, pictures = [], [], [], []
    for order, (name, kind, title, judged, groups) in enumerate(rungs):
        head = {"rung": name, "order": order, "kind": kind, "title": title}
        shares = {who: _share(accepted, n, groups) for who, (accepted, n) in judged.counts.items()}
        for who, share in shares.items():
            verdicts.append({**head, "judge": who, "judge_title": _title(judges, who, nouns)})
            verdicts[-1] |= share
        table.append({**head, **shares[JOINT], **_more(known, judges, name, judged, seed)})
        places = _places(judged.shown)
        rows = judged.rows[places]
        pictures.append(rows)
        samples += _samples(name, known, judges, rows)
    return Ladder(
        pd.DataFrame(table),
        pd.DataFrame(verdicts),
        pd.DataFrame(samples),
        np.stack(pictures),
        judges,
    )


def _share(accepted: int, n: int, groups: int) -> dict[str, Any]:
    """Accepted of n with its interval, in which each group of images counts once.

    A judge that saw fewer images than there are groups saw one of each: n groups.
    """
    groups = min(groups, n)
    if groups == n:
        low, high = intervals.share(accepted, n)
    else:
        share = accepted / n * groups
        low = intervals.share(int(np.floor(share)), groups)[0]
        high = intervals.share(int(np.ceil(share)), groups)[1]
    return {
        "n": n,
        "groups": groups,
        "accepted": accepted,
        "accepted_share": accepted / n,
        "accepted_share_low": low,
        "accepted_share_high": high,
    }


def _more(
    known: Known, judges: CalibratedJudges, name: str, judged: Rung, seed: int
) -> dict[str, Any]:
    q05, median, q95 = np.quantile(judged.distances, [0.05, 0.5, 0.95])
    low, high = judges.limits("distance")
    return {
        "sole_refusing_judge": judged.sole_refusing_judge,
        "log10_bound": _bound(known, judges, name, judged),
        "distance_q05": q05,
        "distance_median": median,
        "distance_q95": q95,
        "distance_limit_low": max(low, 0.0),
        "distance_limit_high": high,
        "joint_limit": judges.joint_limit,
        "calibration_level": judges.level,
        "calibration_n": judges.n,
        "calibration_groups": judges.groups,
        "seed": seed,
    }


def _bound(known: Known, judges: CalibratedJudges, name: str, judged: Rung) -> float:
    """An upper bound of log10 of the probability where none was accepted and theory gives one."""
    if judged.counts[JOINT][0]:
        return NO_BOUND
    return accepted_bound(judges, known, name)


def _title(judges: CalibratedJudges, name: str, nouns: Nouns) -> str:
    titles = {judge.name: judge.title for judge in judges.judges}
    return nouns.fill(titles.get(name, JOINT_TITLE))


def _places(accepted: np.ndarray) -> np.ndarray:
    """Twelve places, half of accepted and half of refused images where there are enough."""
    yes, no = np.flatnonzero(accepted), np.flatnonzero(~accepted)
    half = SHOWN // 2
    take = min(len(yes), max(half, SHOWN - len(no)))
    return np.resize(np.concatenate([yes[:take], no[: SHOWN - take]]), SHOWN)


def _samples(
    name: str, known: Known, judges: CalibratedJudges, rows: np.ndarray
) -> list[dict[str, Any]]:
    scores = judges.judge(rows)
    accepted = judges.accepts(scores)[:, -1]
    indices, distances = nearest(rows, known.faces)
    columns = {
        f"{'refused' if bands.yes_no else 'refusal_score'}_{judge.name.replace('-', '_')}": (
            scores[:, place] > bands.threshold if bands.yes_no else scores[:, place]
        )
        for place, (judge, bands) in enumerate(zip(judges.judges, judges.bands, strict=True))
    }
    return [
        {
            "rung": name,
            "sample": i,
            "accepted": bool(accepted[i]),
            "nearest_row": int(indices[i]),
            "distance": distances[i],
            **{name: values[i] for name, values in columns.items()},
        }
        for i in range(len(rows))
    ]
