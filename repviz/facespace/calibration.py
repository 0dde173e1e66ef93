"""What a judge accepts: bands of its statistics, set by faces of unseen people (conformal)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from repviz import checks, progress
from repviz.errors import InputError
from repviz.facespace.judges import Judge, Statistics, get_judges
from repviz.facespace.known import Known
from repviz.streams import stream

LEVEL = 0.95
FOLDS = 5
LEAST = 16  # known images
STEPS = 201  # quantiles that are tried
NO_LIMIT = 1e5  # a score that only a plain "no" reaches, not a value somewhat beyond its band
JOINT = "joint"  # the name of the verdict of all judges together
JOINT_TITLE = "All judges together"


@dataclass(frozen=True, eq=False)
class Bands:
    """What one judge accepts: values of its statistics in a band around the median.

    Attributes
    ----------
    centre, below, above : ndarray, shape (s,)
        Median of unseen faces, and how far the band reaches to either side; ``below`` is infinite
        where only large values speak against a face.
    threshold : float
        The largest score that is accepted: 1, the edge of the band; infinite where so many unseen
        faces fail that the level is kept only by accepting everything.
    used : bool
        Whether the joint verdict uses this judge. A judge that says yes or no and misses more than
        its part of the faces that may be refused would leave none to the others.
    yes_no : bool
        Whether its statistic is 0 or 1: a score then says no more than whether it refuses.
    """

    centre: np.ndarray
    below: np.ndarray
    above: np.ndarray
    threshold: float = 1.0
    used: bool = True
    yes_no: bool = False

    def scores(self, values: np.ndarray) -> np.ndarray:
        """The score of each row (m,): 1 at the edge of the band, of the worst statistic."""
        away = values - self.centre
        scores = np.where(away > 0, away / self.above, -away / self.below)
        return np.asarray(scores.max(axis=1))

    def limits(self, reach: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and largest value of each statistic, (s,), with a score up to ``reach``."""
        if not np.isfinite(self.threshold):
            return np.full_like(self.centre, -np.inf), np.full_like(self.centre, np.inf)
        return self.centre - reach * self.below, self.centre + reach * self.above


@dataclass(frozen=True, eq=False)
class CalibratedJudges:
    """Judges fitted to known faces, with bands that faces of unseen people set.

    Attributes
    ----------
    judges : tuple of Judge
        In order; slow ones last.
    bands : tuple of Bands
        One per judge.
    joint_limit : float
        The largest score of any judge that the joint verdict accepts: the factor by which every
        band is widened, so that together they accept as much as each does alone.
    level : float
        The share of new people's faces that is accepted on average, in (0, 1): by each judge and
        by all together.
    n, groups : int
        Faces and groups of them (people, where they are named) that set the bands.
    out_of_fold : ndarray, shape (n, judges)
        Scores of the known faces, each given by judges that had not seen this person.
    """

    judges: tuple[Judge, ...]
    bands: tuple[Bands, ...]
    joint_limit: float
    level: float
    n: int
    groups: int
    out_of_fold: np.ndarray = field(repr=False)
    statistics: tuple[Statistics, ...] = field(repr=False)

    @property
    def used(self) -> list[int]:
        """Places of the judges that the joint verdict uses."""
        return [i for i, band in enumerate(self.bands) if band.used]

    def values(self, place: int, X: np.ndarray) -> np.ndarray:
        """Statistics of judge ``place``, shape (m, s)."""
        return self.statistics[place](X)

    def judge(self, X: np.ndarray) -> np.ndarray:
        """Scores of every judge, shape (m, judges); rows are independent of each other."""
        return np.stack(
            [bands.scores(self.values(i, X)) for i, bands in enumerate(self.bands)], axis=1
        )

    def accepts(self, scores: np.ndarray) -> np.ndarray:
        """Whether each judge accepts, and last all of them: bool, shape (m, judges + 1)."""
        single = scores <= np.array([bands.threshold for bands in self.bands])
        return np.column_stack([single, self.worst(scores) <= self.joint_limit])

    def accepts_jointly(self, X: np.ndarray) -> np.ndarray:
        """Whether all judges together accept each row, bool (m,): each sees what those before it
        accept.
        """
        alive = np.arange(len(X))
        for place in self.used:
            if len(alive):
                scores = self.bands[place].scores(self.values(place, X[alive]))
                alive = alive[scores <= self.joint_limit]
        accepted = np.zeros(len(X), dtype=bool)
        accepted[alive] = True
        return accepted

    def worst(self, scores: np.ndarray) -> np.ndarray:
        """The largest score of the judges in the joint verdict, shape (m,)."""
        return np.asarray(scores[:, self.used].max(axis=1, initial=-np.inf))


def calibrate(
    known: Known,
    *,
    judges: Sequence[Any] | None = None,
    level: float = LEVEL,
    folds: int = FOLDS,
    seed: int = 0,
) -> CalibratedJudges:
    """Judges fitted to ``known``, and what they accept.

    The known people are dealt out to ``folds`` parts. Judges fitted without one part give the
    statistics of its faces, which they have not seen; these set median, band and threshold. The
    judges are then fitted to all known faces.

    Parameters
    ----------
    known : Known
        Faces of at least two people (or images, where nobody is named).
    judges : sequence of str, Judge or callable, optional
        Members of :data:`~repviz.facespace.judges.JUDGES`, or functions of rows (m, d) that give
        one number per image. All of the table if None.
    level : float
        Share of new people's faces to accept, 0.5 to 0.999.
    folds : int
        Parts that the people are dealt out to, 2 to 20.
    seed : int
        Seed of the parts and of what the judges draw.

    Raises
    ------
    InputError
        Fewer than two people or 16 faces, or all faces equal.
    """
    who = "calibrate"
    level = checks.real(who, "level", level, low=0.5, high=0.999)
    folds = checks.integer(who, "folds", folds, low=2, high=20)
    chosen = tuple(sorted(get_judges(judges, oriented=known.oriented), key=lambda j: j.slow))
    _, person = np.unique(known.groups, return_inverse=True)
    people = int(person.max()) + 1
    if reason := cannot_calibrate(known):
        raise InputError(f"{who}: {reason}. Use more, and more varied, images.")
    part = stream(seed, "folds").permutation(people)[person] % min(folds, people)
    values = [np.empty((len(person), len(judge.statistics))) for judge in chosen]
    # A larger face space leaves smaller residuals: one size for the folds and for all faces.
    known = replace(known, fitted_n=len(person) - int(np.bincount(part).max()))
    with progress.task("calibrating judges", min(folds, people) + 1, "fits") as advance:
        for fold in range(min(folds, people)):
            seen, unseen = known.rows(part != fold), known.rows(part == fold)
            for judge, own in zip(chosen, values, strict=True):
                own[part == fold] = judge.fitted(seen, seed)(unseen.faces)
            advance(1)
        statistics = tuple(judge.fitted(known, seed) for judge in chosen)
        advance(1)
    level = min(level, people / (people + 1))  # no rule can promise more from so few people
    bands = [
        _bands(judge, own, person, level, may_miss=(1 - level) / len(chosen))
        for judge, own in zip(chosen, values, strict=True)
    ]
    scores = np.stack([b.scores(own) for b, own in zip(bands, values, strict=True)], axis=1)
    result = CalibratedJudges(
        chosen, tuple(bands), np.inf, level, len(person), people, scores, statistics
    )
    return replace(result, joint_limit=people_threshold(result.worst(scores), person, level))


def cannot_calibrate(known: Known) -> str:
    """Why judges cannot be calibrated with these faces, as a clause; empty where they can."""
    n, people = len(known.faces), len(np.unique(known.groups))
    if n < LEAST or people < 2:
        return f"at least {LEAST} known images of at least 2 people are needed, got {n} of {people}"
    if (known.faces == known.faces[0]).all():
        return f"the known images must differ, got {n} identical ones"
    return ""


def people_threshold(scores: np.ndarray, people: np.ndarray, level: float) -> float:
    """The score that new people's faces stay below with probability ``level``, on average.

    Where every person has one image it is the conformal threshold, the ceil(level (m + 1))-th
    smallest of m scores. Images of one person are alike, so that with several each a quantile of
    all images accepts too few of new people: 94.5 instead of 95 % for 34 people with 10 images
    each, and 90 % for 6. The quantile is therefore raised until, with each person left out in
    turn, the average share of the left-out person's images below it reaches the level.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Scores of people's faces by judges that have not seen these people.
    people : ndarray, shape (n,)
        Whom each row shows; at least two.
    level : float
        In (0, 1).

    Returns
    -------
    float
        Infinite where the level is kept only by accepting everything.

    References
    ----------
    Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World; Barber et al. 2021,
    Annals of Statistics 49, on leaving out. The rule for hierarchical data of Lee, Barber &
    Willett 2023 (arXiv:2306.06342) never accepts less than the level, but with few people far
    more: 97.5 % for 34.
    """
    _, person, images = np.unique(people, return_inverse=True, return_counts=True)
    order = np.sort(scores)
    if images.max() == 1:
        rank = int(np.ceil(level * (len(order) + 1) - 1e-9))
        threshold = order[rank - 1] if rank <= len(order) else np.inf
    else:
        quantiles = level + (1 - level) * np.linspace(0, 1, STEPS)
        accepted = np.zeros(STEPS)
        for one in range(len(images)):
            own, others = scores[person == one], np.sort(scores[person != one])
            limits = others[np.ceil(quantiles * len(others) - 1e-9).astype(int) - 1]
            accepted += (own[:, None] <= limits).mean(axis=0) / len(images)
        enough = np.flatnonzero(accepted >= level)
        quantile = quantiles[enough[0]] if len(enough) else 1.0
        threshold = order[int(np.ceil(quantile * len(order) - 1e-9)) - 1]
    return float(threshold) if threshold < NO_LIMIT else float("inf")


def _bands(
    judge: Judge, values: np.ndarray, person: np.ndarray, level: float, *, may_miss: float
) -> Bands:
    """Median and band of each statistic, widened alike until together they keep the level.

    A statistic that does not vary gets a thin band; of a yes or no, any no is beyond it.
    """
    low, centre, high = np.quantile(values, [0.025, 0.5, 0.975], axis=0)
    yes_no = set(np.unique(values)) <= {0.0, 1.0}
    if yes_no:
        high = centre = np.zeros_like(centre)
    thin = 1e-9 + 1e-6 * np.abs(centre)
    below = np.maximum(centre - low, thin) if judge.two_sided else np.full_like(centre, np.inf)
    bands = Bands(centre, below, np.maximum(high - centre, thin), yes_no=yes_no)
    scores = bands.scores(values)
    threshold = people_threshold(scores, person, level)
    used = bool((scores > NO_LIMIT).mean() <= may_miss)
    if not np.isfinite(threshold):
        return replace(bands, threshold=threshold, used=used)
    factor = max(threshold, 1e-3)
    return replace(bands, below=bands.below * factor, above=bands.above * factor, used=used)
