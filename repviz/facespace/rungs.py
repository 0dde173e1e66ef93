"""Judging one rung chunk by chunk; costly judges see only images that the others accept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from repviz.facespace.calibration import JOINT, CalibratedJudges
from repviz.facespace.judges.nearest_face import nearest
from repviz.facespace.known import Known

DETAILED, DETAILED_SLOW = 1000, 100  # first images of a rung that every judge sees
SURVIVORS = 100  # images accepted by all others that slow judges see
HALF, FEW = 0.5, 0.05


@dataclass(frozen=True, eq=False)
class Rung:
    """The verdicts of the judges on one rung.

    Attributes
    ----------
    counts : dict of str to (int, int)
        Judge, or "joint" for all together, to how many images it accepted and of how many.
    distances : ndarray, shape (n,)
        To the nearest known face, of all images.
    sole_refusing_judge : str
        The judge without which half of the images or more would be accepted while all together
        accept at most 5 %; empty where there is none.
    rows : ndarray, shape (m, d)
        The first images, at most 1000.
    shown : ndarray of bool, shape (m,)
        Whether all judges together accept them (slow ones as far as they were asked).
    """

    counts: dict[str, tuple[int, int]]
    distances: np.ndarray = field(repr=False)
    sole_refusing_judge: str
    rows: np.ndarray = field(repr=False)
    shown: np.ndarray = field(repr=False)


def judge_rung(
    judges: CalibratedJudges,
    known: Known,
    chunks: Iterator[np.ndarray],
    advance: Callable[[int], None],
) -> Rung:
    """Count the images that each judge accepts, and those that all together accept."""
    quick = [i for i, judge in enumerate(judges.judges) if not judge.slow]
    joint = _JointCount(judges)
    distances: list[np.ndarray] = []
    first: list[np.ndarray] = []
    left = DETAILED
    for rows in chunks:
        distances.append(nearest(rows, known.faces)[1])
        joint.count(rows, distances[-1])
        if left > 0:
            first.append(rows[:left])
            left -= len(rows)
        advance(len(rows))
    everything, top = np.concatenate(distances), np.concatenate(first)
    scores = np.full((len(top), len(judges.judges)), np.nan)  # slow judges do not see them
    for place in quick:
        scores[:, place] = judges.scores(place, top, distances=everything[: len(top)])
    counts = _counts(judges, top, scores, everything)
    counts[JOINT] = joint.accepted, joint.n
    shown = judges.worst(scores) <= judges.joint_limit
    return Rung(counts, everything, _sole(judges, quick, scores, counts[JOINT]), top, shown)


@dataclass
class _JointCount:
    """Running count of the images that the joint verdict accepts.

    Together they accept what each accepts: an image that one refuses need not be shown to the
    next. Slow judges come last and see the first 100 images that all others accept; if there are
    more, counting ends with the last of these.
    """

    judges: CalibratedJudges
    n: int = 0
    accepted: int = 0
    survivors: int = 0

    def count(self, rows: np.ndarray, distances: np.ndarray) -> None:
        quick, slow = (
            [place for place in self.judges.used if self.judges.judges[place].slow == wanted]
            for wanted in (False, True)
        )
        if slow and self.survivors == SURVIVORS:
            return
        accepts, last = self.judges.accepts_jointly, len(rows)
        places = np.flatnonzero(accepts(rows, places=quick, distances=distances))
        if slow:
            if len(places) > SURVIVORS - self.survivors:
                places = places[: SURVIVORS - self.survivors]
                last = int(places[-1]) + 1
            self.survivors += len(places)
            places = places[accepts(rows[places], places=slow, distances=distances[places])]
        self.n += last
        self.accepted += len(places)


def _counts(
    judges: CalibratedJudges, rows: np.ndarray, scores: np.ndarray, distances: np.ndarray
) -> dict[str, tuple[int, int]]:
    """How many images each judge accepts, of how many."""
    counts = {}
    for place, (judge, bands) in enumerate(zip(judges.judges, judges.bands, strict=True)):
        own = scores[:, place]
        if judge.statistics == ("distance",):  # measured of all images
            own = bands.scores(distances[:, None])
        elif judge.slow:
            own = judges.scores(place, rows[:DETAILED_SLOW])
        counts[judge.name] = int((own <= bands.threshold).sum()), len(own)
    return counts


def _sole(
    judges: CalibratedJudges, quick: list[int], scores: np.ndarray, joint: tuple[int, int]
) -> str:
    """The one judge because of which at least half of the images are refused, if there is one."""
    if joint[0] > FEW * joint[1]:
        return ""
    for place in quick:
        others = [other for other in quick if other != place and other in judges.used]
        rest = scores[:, others].max(axis=1, initial=-np.inf) <= judges.joint_limit
        if others and rest.mean() >= HALF:
            return judges.judges[place].name
    return ""
