"""Probabilities of rare events by multilevel splitting (subset simulation).

Populations of points are drawn from the prior. Repeatedly, the half of each population farthest
from the event is replaced by copies of the other half, moved by Markov chain Monte Carlo, until
half of the population lies in the event. The interval comes from the variation between independent
populations: descendants of one point are alike, which the variance within one does not include.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from repviz import checks, progress
from repviz.errors import InputError
from repviz.streams import stream

POPULATIONS, PARTICLES, MOVES = 20, 100, 3
REPLACED = 0.5  # fraction of a population that each level replaces
ACCEPTED, GAIN = 0.35, 1.0  # fraction of moves to be accepted; how fast the step follows
CONFIDENCE = 0.975  # of the floor
HEAVY, RARE = 4.0, 0.999  # variance of log P over populations, and its quantile, that are too much
DRAWS = 20_000  # of the pivotal quantity of the interval
WAY = 100  # units in which progress counts
LN10 = math.log(10)

Score = Callable[[np.ndarray], np.ndarray]  # points (m, d) to (m,)


@dataclass(frozen=True)
class Rarity:
    """An estimate of log10 of the probability of a rare event, with its interval.

    Attributes
    ----------
    log10 : float
        The estimate, at most 0.
    low, high : float
        95 % interval.
    floor : float
        The probability exceeds this with a confidence of 97.5 %, however slowly points move.
    populations, particles : int
        Number of independent populations, and of points in each.
    evaluations : int
        Number of points that were scored.
    points : ndarray of float32, shape (m, d)
        The points of all populations that lie in the event, descended from few ancestors.
    groups : ndarray of int64, shape (m,)
        The population of each.
    """

    log10: float
    low: float
    high: float
    floor: float
    populations: int
    particles: int
    evaluations: int
    points: np.ndarray = field(repr=False)
    groups: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Prior:
    """The distribution of the points, and a Markov move under which it is invariant.

    Attributes
    ----------
    name : str
        "uniform" or "gaussian".
    draw : callable
        ``(rng, shape) -> ndarray of float32``.
    move : callable
        ``(rng, points (p, n, d), steps (p, 1, 1)) -> points``, reversible; steps are in (0, 1].
    """

    name: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    move: Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]


def _move_in_cube(rng: np.random.Generator, points: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """A uniform step in every coordinate, reflected at the faces of the cube."""
    moved = rng.random(points.shape, dtype=np.float32)
    moved -= np.float32(0.5)
    moved *= 2 * steps
    moved += points
    np.abs(moved, out=moved)
    return np.asarray(1 - np.abs(1 - moved))


def _move_gaussian(rng: np.random.Generator, points: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The preconditioned Crank-Nicolson step, under which the standard Gaussian is invariant."""
    moved = rng.standard_normal(points.shape, dtype=np.float32)
    moved *= steps
    moved += np.sqrt(1 - steps**2) * points
    return moved


UNIFORM = Prior("uniform", lambda rng, shape: rng.random(shape, dtype=np.float32), _move_in_cube)
GAUSSIAN = Prior(
    "gaussian", lambda rng, shape: rng.standard_normal(shape, dtype=np.float32), _move_gaussian
)


def rarity(
    score: Score,
    d: int,
    *,
    prior: Prior = GAUSSIAN,
    limit: float = 0.0,
    populations: int = POPULATIONS,
    particles: int = PARTICLES,
    moves: int = MOVES,
    seed: int = 0,
) -> Rarity:
    """log10 of the probability that a random point scores at most ``limit``, with its interval.

    In d dimensions a point needs about d moves to forget where it was. Where fewer moves are made
    over all levels, and the event depends on where points lie along many coordinates, the estimate
    lags behind and is too low: raise ``moves`` until it does not change.

    Parameters
    ----------
    score : callable
        From points (m, d) to one number per point, smaller towards the event. It must not be
        constant over a region outside the event that a whole population can fall into.
    d : int
        Number of coordinates of a point.
    prior : Prior
        ``UNIFORM`` in the unit cube, or ``GAUSSIAN``, standard and independent.
    limit : float
        The event is a score of at most this.
    populations : int
        Number of independent populations, at least 4; with fewer than 10 the interval is very wide.
    particles : int
        Points in each, at least 10.
    moves : int
        Moves of every point at each level, at least 1.
    seed : int
        From 0 to 2^32 - 1.

    Returns
    -------
    Rarity

    Raises
    ------
    InputError
        All points of a population have one score outside the event.

    Notes
    -----
    The levels of a population are order statistics, so that -log P is estimated by the sum of
    1 / (points left) over the points that are replaced (Nelson-Aalen), without bias while points
    are independent; its variance is then the sum of 1 / (points left)^2. Copies that have not
    moved far from each other add to the variance, and log P falls by half of what they add: that is
    estimated from the variance over populations, and added again. The interval is the generalised
    one for the mean of a lognormal (Krishnamoorthy & Mathew 2003, Journal of Statistical Planning
    and Inference 115:103). Where points lag behind, so does the interval. The probability itself,
    not its logarithm, is estimated without bias however slowly points move, so that by Markov's
    inequality it exceeds 0.025 of its estimate with a probability of 97.5 %: the floor. Where
    populations differ by far more than chance, no shape of their distribution can be relied on: the
    estimate is then the mean of theirs, and the interval begins at the floor.

    References
    ----------
    Au & Beck 2001, Probabilistic Engineering Mechanics 16:263; Guyader, Hengartner &
    Matzner-Lober 2011, Applied Mathematics & Optimization 64:171; Cotter et al. 2013, Statistical
    Science 28:424 for the Gaussian move. They take the variance from one population.
    """
    populations = checks.integer("rarity", "populations", populations, low=4)
    particles = checks.integer("rarity", "particles", particles, low=10)
    moves = checks.integer("rarity", "moves", moves, low=1)
    rng = stream(checks.seed("rarity", seed), "splitting", prior.name)
    state = _Populations(score, prior, rng, prior.draw(rng, (populations, particles, d)))
    active = np.arange(populations)
    done = 0
    with progress.task("splitting", WAY, "% of the way to the event") as advance:
        while True:
            active = active[state.raise_levels(active, limit)]
            reached = state.way(limit)
            advance(reached - done)
            done = reached
            if not len(active):
                break
            for _ in range(moves):
                state.move(active)
    inside = state.scores <= limit
    value, low, high, floor = _interval(state.hazard, state.variance, rng)
    return Rarity(
        value, low, high, floor, populations, particles, state.evaluations,
        state.points[inside], np.nonzero(inside)[0],
    )  # fmt: skip


class _Populations:
    """Points (p, n, d) of p populations, their scores (p, n), and each one's running -log P."""

    def __init__(
        self, score: Score, prior: Prior, rng: np.random.Generator, points: np.ndarray
    ) -> None:
        self.score, self.prior, self.rng, self.points = score, prior, rng, points
        p, self.n, d = points.shape
        self.levels = np.full(p, np.inf)
        self.start: np.ndarray | None = None  # the first levels
        self.steps = np.full(p, min(0.5, 2 / d**0.5), np.float32)
        self.hazard, self.variance = np.zeros(p), np.zeros(p)
        self.evaluations = 0
        self.scores = self._score(points)
        left = 1 / np.arange(self.n, 0, -1)
        self._hazards = np.r_[0, np.cumsum(left)]
        self._variances = np.r_[0, np.cumsum(left**2)]

    def _score(self, points: np.ndarray) -> np.ndarray:
        self.evaluations += points.shape[0] * points.shape[1]
        scores = np.asarray(self.score(points.reshape(-1, points.shape[-1])), dtype=np.float64)
        return scores.reshape(points.shape[:2])

    def raise_levels(self, active: np.ndarray, limit: float) -> np.ndarray:
        """Raise the level of each active population; whether each is still above the limit."""
        k = max(1, int(REPLACED * self.n))
        level = np.sort(self.scores[active], axis=1)[:, self.n - k]
        going_on = level > limit
        for population, own, on in zip(active, level, going_on, strict=True):
            scores = self.scores[population]
            out = scores >= own if on else scores > limit
            dead, alive = np.flatnonzero(out), np.flatnonzero(~out)
            self.hazard[population] += self._hazards[len(dead)]
            self.variance[population] += self._variances[len(dead)]
            if not on:
                self.levels[population] = limit
                continue
            if not len(alive):
                raise InputError(
                    f"rarity: the score must vary outside the event, got {self.n} points with "
                    f"the score {own:g}. Use a score that says how far a point is from the event."
                )
            self.levels[population] = own
            parents = self.rng.choice(alive, len(dead))
            self.points[population, dead] = self.points[population, parents]
            scores[dead] = scores[parents]
        return going_on

    def way(self, limit: float) -> int:
        """How far the populations have come, of 100: by the square root, as levels rise slower."""
        if self.start is None:
            self.start = self.levels.copy()
        with np.errstate(invalid="ignore"):  # of scores that are infinite
            away, of = self.levels - limit, self.start - limit
            left = np.divide(away, of, out=np.zeros_like(of), where=away > 0)
        return int(WAY * (1 - np.sqrt(np.nan_to_num(left, nan=1.0)).mean()))

    def move(self, active: np.ndarray) -> None:
        """Move every point of the active populations once, where that stays below the level."""
        points = self.points[active]
        moved = self.prior.move(self.rng, points, self.steps[active][:, None, None])
        scores = self._score(moved)
        accepted = scores < self.levels[active][:, None]
        self.points[active] = np.where(accepted[..., None], moved, points)
        self.scores[active] = np.where(accepted, scores, self.scores[active])
        change = GAIN * (accepted.mean(axis=1) - ACCEPTED)
        self.steps[active] = np.clip(self.steps[active] * np.exp(change), 1e-6, 1)


def _interval(
    hazard: np.ndarray, variance: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """log10 of the probability, its 95 % interval and its floor, from each population's -log P."""
    p, ideal = len(hazard), float(variance.mean())
    mean, own = -float(hazard.mean()), float(hazard.var(ddof=1))
    spread = (p - 1) * own / rng.chisquare(p - 1, DRAWS)  # draws of the true variance
    pivot = mean + np.sqrt(spread / p) * rng.standard_normal(DRAWS)
    pivot += (spread - ideal) / 2
    value = mean + (own - ideal) / 2
    low, high = np.quantile(pivot, [0.025, 0.975])
    pooled = float(np.logaddexp.reduce(-hazard - variance / 2)) - math.log(p)
    floor = pooled + math.log(1 - CONFIDENCE)
    if own - ideal > HEAVY and own > ideal * np.quantile(rng.chisquare(p - 1, DRAWS), RARE) / (
        p - 1
    ):
        value, low, high = pooled, floor, max(pooled, high)
    logs = (min(0.0, float(one) / LN10) for one in (value, low, high, floor))
    return tuple(logs)  # type: ignore[return-value]
