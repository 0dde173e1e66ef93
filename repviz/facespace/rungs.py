"""One rung, judged chunk by chunk in bounded memory; costly judges see only what is still open."""

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
    """How one rung was judged.

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
    """Count what each judge accepts, and what all together accept."""
    quick = [i for i, judge in enumerate(judges.judges) if not judge.slow]
    joint = _JointCount(judges, quick)
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
    scores = _scores(judges, quick, top, everything[: len(top)])
    counts = _counts(judges, quick, top, scores, everything)
    counts[JOINT] = joint.accepted, joint.n
    shown = _worst(judges, quick, scores) <= judges.joint_limit
    return Rung(counts, everything, _sole(judges, quick, scores, counts[JOINT]), top, shown)


@dataclass
class _JointCount:
    """How many images all judges of the joint verdict accept, of how many.

    Together they accept what each accepts: an image that one refuses need not be shown to the
    next. Slow judges come last and see the first 100 images that all others accept; if there are
    more, counting ends with the last of these.
    """

    judges: CalibratedJudges
    quick: list[int]
    n: int = 0
    accepted: int = 0
    survivors: int = 0

    def count(self, rows: np.ndarray, distances: np.ndarray) -> None:
        slow = [i for i in self.judges.used if i not in self.quick]
        if slow and self.survivors == SURVIVORS:
            return
        places = np.flatnonzero(_alive(self.judges, self.quick, rows, distances))
        last = len(rows)
        if slow:
            if len(places) > SURVIVORS - self.survivors:
                places = places[: SURVIVORS - self.survivors]
                last = int(places[-1]) + 1
            self.survivors += len(places)
            if len(places):
                scores = _scores(self.judges, slow, rows[places], distances[places])
                places = places[(scores <= self.judges.joint_limit).all(axis=1)]
        self.n += last
        self.accepted += len(places)


def _scores(
    judges: CalibratedJudges, places: list[int], rows: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """Scores of the judges at these places, shape (m, places)."""
    return np.stack([_score(judges, i, rows, distances) for i in places], axis=1)


def _score(
    judges: CalibratedJudges, place: int, rows: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    own = judges.judges[place].statistics == ("distance",)  # measured already
    values = distances[:, None] if own else judges.values(place, rows)
    return judges.bands[place].scores(values)


def _alive(
    judges: CalibratedJudges, quick: list[int], rows: np.ndarray, distances: np.ndarray
) -> np.ndarray:
    """Which rows every quick judge of the joint verdict accepts, shape (m,)."""
    alive = np.arange(len(rows))
    for place in quick:
        if place in judges.used and len(alive):
            score = _score(judges, place, rows[alive], distances[alive])
            alive = alive[score <= judges.joint_limit]
    accepted = np.zeros(len(rows), dtype=bool)
    accepted[alive] = True
    return accepted


def _counts(
    judges: CalibratedJudges,
    quick: list[int],
    rows: np.ndarray,
    scores: np.ndarray,
    distances: np.ndarray,
) -> dict[str, tuple[int, int]]:
    counts = {}
    for column, place in enumerate(quick):
        bands, own = judges.bands[place], scores[:, column]
        if judges.judges[place].statistics == ("distance",):
            own = bands.scores(distances[:, None])
        counts[judges.judges[place].name] = int((own <= bands.threshold).sum()), len(own)
    for place in (i for i in range(len(judges.judges)) if i not in quick):
        own = judges.bands[place].scores(judges.values(place, rows[:DETAILED_SLOW]))
        passed = int((own <= judges.bands[place].threshold).sum())
        counts[judges.judges[place].name] = passed, len(own)
    return counts


def _worst(judges: CalibratedJudges, quick: list[int], scores: np.ndarray) -> np.ndarray:
    columns = [column for column, place in enumerate(quick) if place in judges.used]
    return np.asarray(scores[:, columns].max(axis=1, initial=-np.inf))


def _sole(
    judges: CalibratedJudges, quick: list[int], scores: np.ndarray, joint: tuple[int, int]
) -> str:
    """The one judge without which half or more would pass, if they are refused because of it."""
    if joint[0] > FEW * joint[1]:
        return ""
    for column, place in enumerate(quick):
        others = [c for c in range(len(quick)) if c != column and quick[c] in judges.used]
        rest = scores[:, others].max(axis=1, initial=-np.inf) <= judges.joint_limit
        if others and rest.mean() >= HALF:
            return judges.judges[place].name
    return ""
