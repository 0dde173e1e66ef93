"""Conformal calibration of judges: bands of their statistics, set by faces of unseen people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
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
PARTS = 50  # of the people, each left out once, at most
STEPS = 201  # quantiles that are tried
WIDEST = 3.0  # times the largest score that a band reaches, at most
NO_LIMIT = 1e5  # scores above this are the refusals of judges that only say yes or no
JOINT = "joint"  # the name of the verdict of all judges together
JOINT_TITLE = "All judges together"


@dataclass(frozen=True, eq=False)
class Bands:
    """The acceptance region of one judge: a band around the median of each statistic.

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
        """The indices of the judges that the joint verdict uses."""
        return [i for i, band in enumerate(self.bands) if band.used]

    def asked(self, verdict: str = JOINT) -> tuple[list[int], float]:
        """Places of the judges behind a verdict, and the largest score that it accepts.

        ``verdict`` is the name of a judge, or "joint".
        """
        if verdict == JOINT:
            return self.used, self.joint_limit
        place = [judge.name for judge in self.judges].index(verdict)
        return [place], self.bands[place].threshold

    def limits(self, statistic: str, verdict: str = JOINT) -> tuple[float, float]:
        """The smallest and largest value of a statistic that a verdict accepts; infinite if any."""
        places, reach = self.asked(verdict)
        for place in places:
            names = self.judges[place].statistics
            if statistic in names:
                low, high = self.bands[place].limits(reach)
                return float(low[names.index(statistic)]), float(high[names.index(statistic)])
        return float("-inf"), float("inf")

    def values(self, place: int, X: np.ndarray) -> np.ndarray:
        """Statistics of the judge with index ``place``, shape (m, s)."""
        return self.statistics[place](X)

    def scores(
        self, place: int, X: np.ndarray, *, distances: np.ndarray | None = None
    ) -> np.ndarray:
        """Scores of the judge with index ``place``, shape (m,); 1 is the edge of its band.

        ``distances``, shape (m,), are those to the nearest known face, where they are measured
        already.
        """
        if distances is None or self.judges[place].statistics != ("distance",):
            return self.bands[place].scores(self.values(place, X))
        return self.bands[place].scores(distances[:, None])

    def judge(self, X: np.ndarray) -> np.ndarray:
        """Scores of every judge, shape (m, judges); rows are independent of each other."""
        return np.stack([self.scores(place, X) for place in range(len(self.judges))], axis=1)

    def accepts(self, scores: np.ndarray) -> np.ndarray:
        """Whether each judge accepts, and last all of them: bool, shape (m, judges + 1)."""
        single = scores <= np.array([bands.threshold for bands in self.bands])
        return np.column_stack([single, self.worst(scores) <= self.joint_limit])

    def accepts_jointly(
        self,
        X: np.ndarray,
        *,
        places: Sequence[int] | None = None,
        distances: np.ndarray | None = None,
    ) -> np.ndarray:
        """Whether all judges together accept each row, bool (m,): each sees what those before it
        accept.

        ``places`` are those of the judges that are asked, all of the joint verdict if None;
        ``distances`` as in :meth:`scores`.
        """
        accepted = np.ones(len(X), dtype=bool)
        for place in self.used if places is None else places:
            open_ = np.flatnonzero(accepted)
            if len(open_):
                own = None if distances is None else distances[open_]
                accepted[open_] = self.scores(place, X[open_], distances=own) <= self.joint_limit
        return accepted

    def worst(self, scores: np.ndarray) -> np.ndarray:
        """The largest score of the judges in the joint verdict, shape (m,).

        Judges that did not see a row have NaN there; minus infinity where none saw it.
        """
        return np.asarray(np.fmax.reduce(scores[:, self.used], axis=1, initial=-np.inf))


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
    level = min(level, (people - 1) / people)  # no more can be seen with one person left out
    fits = [
        _fitted(judge, own, person, level, may_miss=(1 - level) / len(chosen))
        for judge, own in zip(chosen, values, strict=True)
    ]
    bands = tuple(fit.bands for fit in fits)
    scores = np.stack([b.scores(own) for b, own in zip(bands, values, strict=True)], axis=1)
    used = [fit for fit in fits if fit.bands.used]
    joint_limit = new_people_limit(partial(_worst_score, used), person, level) if used else np.inf
    return CalibratedJudges(
        chosen, bands, joint_limit, level, len(person), people, scores, statistics
    )


def cannot_calibrate(known: Known) -> str:
    """Why judges cannot be calibrated with these faces, as a clause; empty where they can."""
    n, people = len(known.faces), len(np.unique(known.groups))
    if n < LEAST or people < 2:
        return f"at least {LEAST} known images of at least 2 people are needed, got {n} of {people}"
    if (known.faces == known.faces[0]).all():
        return f"the known images must differ, got {n} identical ones"
    return ""


def new_people_limit(
    scores_by: Callable[[np.ndarray], np.ndarray], people: np.ndarray, level: float
) -> float:
    """The score that new people's faces stay below with probability ``level``, on average.

    It is a quantile of the known faces' scores: with one image per person and scores that do not
    depend on who is known the conformal one, the ceil(level (m + 1))-th smallest of m. Two things
    make it accept too few of new people, so that it is raised. Images of one person are alike. And
    bands that were laid around the known faces fit these better than new ones: for 28 people with
    10 images each five judges together accept 91.7 instead of 95 %. So people are left out in turn
    (in 50 parts where there are more), bands and quantile come from the others, and the quantile is
    the smallest for which, on average over people, the share of those left out reaches the level.
    Where the largest of the others' scores does not reach that far, up to 3 times it is tried.

    What is kept so is the level on average over people like these, nearly: with few people and
    several judges new people are still refused more often. In simulations of six independent
    judges, with half of a person's images' variance their own, 95 % was kept in 94.4 % for 28
    people with 10 images each, in 91.8 % for 20 people with 5.

    Parameters
    ----------
    scores_by : callable
        ``scores_by(seen)``: scores of all rows, (n,), by bands that the rows ``seen``, bool (n,),
        set. The judge behind a row's score has not seen the row's person.
    people : ndarray, shape (n,)
        Whom each row shows; at least two.
    level : float
        In (0, 1).

    Returns
    -------
    float
        Infinite where the level is kept only by accepting everything that a plain "no" refuses.

    References
    ----------
    Vovk, Gammerman & Shafer 2005, Algorithmic Learning in a Random World; Barber et al. 2021,
    Annals of Statistics 49, on leaving out. The rule for hierarchical data of Lee, Barber &
    Willett 2023 (arXiv:2306.06342) never accepts less than the level, but with few people far
    more: 97.5 % for 34.
    """
    quantile = _new_people_quantile(scores_by, people, level)
    limit = _quantiles(scores_by(np.ones(len(people), dtype=bool)), quantile)
    return float(limit) if limit < NO_LIMIT else float("inf")


def _new_people_quantile(
    scores_by: Callable[[np.ndarray], np.ndarray], people: np.ndarray, level: float
) -> float:
    """The quantile of :func:`new_people_limit`, above 1 for more than the largest score."""
    _, person, images = np.unique(people, return_inverse=True, return_counts=True)
    parts = min(len(images), PARTS)
    part = np.arange(len(images))[person] % parts
    weights = 1 / (images[person] * len(images))  # each person counts as much
    quantiles = np.append(np.linspace(level, 1, STEPS), np.linspace(1, WIDEST, STEPS)[1:])
    accepted = np.zeros(len(quantiles))
    for one in range(parts):
        out = part == one
        scores = scores_by(~out)
        below = scores[out][:, None] <= _quantiles(scores[~out], quantiles)
        accepted += weights[out] @ below
    enough = np.flatnonzero(accepted >= level - 1e-9)
    return float(quantiles[enough[0]] if len(enough) else WIDEST)


def _quantiles(scores: np.ndarray, quantiles: Any) -> np.ndarray:
    """The ceil(q (n + 1))-th smallest of n scores, for each q; above 1 q times the largest."""
    quantiles = np.asarray(quantiles)
    ranks = np.ceil(quantiles * (len(scores) + 1) - 1e-9).astype(int)
    return np.asarray(np.sort(scores)[np.minimum(ranks, len(scores)) - 1]) * quantiles.clip(1)


@dataclass(frozen=True, eq=False)
class _Fitted:
    """One judge's bands, with the statistics of unseen faces and the quantile that set them."""

    judge: Judge
    values: np.ndarray
    quantile: float
    bands: Bands

    def scores_by(self, seen: np.ndarray) -> np.ndarray:
        """Scores of all rows by bands that are set by the rows ``seen``."""
        bands = _bands(self.judge, self.values[seen])
        factor = _quantiles(bands.scores(self.values[seen]), self.quantile)
        return _widened(bands, float(factor)).scores(self.values)


def _worst_score(fits: list[_Fitted], seen: np.ndarray) -> np.ndarray:
    """The largest score of any judge, (n,), by bands that are set by the rows ``seen``."""
    return np.asarray(np.max([fit.scores_by(seen) for fit in fits], axis=0))


def _fitted(
    judge: Judge, values: np.ndarray, person: np.ndarray, level: float, *, may_miss: float
) -> _Fitted:
    """The bands of a judge, widened alike until together its statistics keep the level."""
    bands = _bands(judge, values)

    def scores_by(seen: np.ndarray) -> np.ndarray:
        return _bands(judge, values[seen]).scores(values)

    scores = bands.scores(values)
    quantile = _new_people_quantile(scores_by, person, level)
    factor = float(_quantiles(scores, quantile))
    used = bool((scores > NO_LIMIT).mean() <= may_miss)
    threshold = 1.0 if factor < NO_LIMIT else np.inf
    bands = replace(_widened(bands, factor), threshold=threshold, used=used)
    return _Fitted(judge, values, quantile, bands)


def _bands(judge: Judge, values: np.ndarray) -> Bands:
    """Median of each statistic, and a band that holds 95 % of its values.

    A statistic that does not vary gets a thin band; of a yes or no, any no is beyond it.
    """
    low, centre, high = np.quantile(values, [0.025, 0.5, 0.975], axis=0)
    yes_no = bool(((values == 0) | (values == 1)).all())
    if yes_no:
        high = centre = np.zeros_like(centre)
    thin = 1e-9 + 1e-6 * np.abs(centre)
    below = np.maximum(centre - low, thin) if judge.two_sided else np.full_like(centre, np.inf)
    return Bands(centre, below, np.maximum(high - centre, thin), yes_no=yes_no)


def _widened(bands: Bands, factor: float) -> Bands:
    """The bands, ``factor`` times as wide; unchanged where the factor is beyond every limit."""
    if factor >= NO_LIMIT:
        return bands
    factor = max(factor, 1e-3)
    return replace(bands, below=bands.below * factor, above=bands.above * factor)
