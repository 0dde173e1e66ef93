"""How rare an accepted image is: log10 of the probability that judges accept a random point."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.facespace.calibration import JOINT, CalibratedJudges
from repviz.facespace.known import Known
from repviz.facespace.samplers import CONTROLS, SAMPLERS, Latent
from repviz.facespace.splitting import Rarity, Score, rarity

POPULATIONS, PARTICLES, MOVES = 10, 20, 2


def log10_accepted(
    judges: CalibratedJudges,
    known: Known,
    sampler: str,
    *,
    verdict: str = JOINT,
    populations: int = POPULATIONS,
    particles: int = PARTICLES,
    moves: int = MOVES,
    seed: int = 0,
) -> Rarity:
    """log10 of the probability that one judge, or all together, accept an image of a sampler.

    Judges that say yes or no give nothing to climb: the joint verdict is the probability that all
    others accept, by splitting, times the share of such images that these accept.

    Parameters
    ----------
    judges : CalibratedJudges
        Who judges.
    known : Known
        The faces that the sampler is fitted to.
    sampler : str
        A sampler that is a function of independent random numbers: "uniform-pixels",
        "pixelwise-gaussian", "leading-components-gaussian" or "full-covariance-gaussian".
    verdict : str
        The name of a judge that does not say yes or no, or "joint".
    populations, particles, moves, seed
        As in :func:`~repviz.facespace.splitting.rarity`.

    Returns
    -------
    Rarity
        ``low`` is minus infinity where the judges that say yes or no accept none of the images.

    Raises
    ------
    UnknownName
        No sampler or judge has this name.
    InputError
        The sampler is not a function of independent random numbers, or the judge says yes or no.
    """
    everything = SAMPLERS | CONTROLS
    entry = everything[checks.one_of("log10_accepted", "sampler", sampler, everything)]
    if entry.latent is None:
        usable = ", ".join(name for name, one in everything.items() if one.latent)
        raise InputError(
            f"log10_accepted: sampler must be one of {usable}, got '{sampler}', which is no "
            "function of independent random numbers. Count instead: ladder."
        )
    latent = entry.latent(known)
    names = [judge.name for judge in judges.judges]
    checks.one_of("log10_accepted", "verdict", verdict, [*names, JOINT])
    places = judges.used if verdict == JOINT else [names.index(verdict)]
    graded = [place for place in places if not judges.bands[place].yes_no]
    strict = [place for place in places if judges.bands[place].yes_no]
    limit = judges.joint_limit if verdict == JOINT else judges.bands[places[0]].threshold
    if not graded:
        raise InputError(
            f"log10_accepted: verdict must be that of a judge with a score, got '{verdict}', which "
            "says yes or no. Count instead: ladder."
        )
    found = rarity(
        _score(judges, graded, latent), latent.d, prior=latent.prior, limit=limit,
        populations=populations, particles=particles, moves=moves, seed=seed,
    )  # fmt: skip
    return _times_share(found, judges, strict, latent) if strict else found


def _rows(latent: Latent, numbers: np.ndarray) -> np.ndarray:
    return np.clip(latent.rows(numbers), 0, 1).astype(np.float32, copy=False)


def _score(judges: CalibratedJudges, places: list[int], latent: Latent) -> Score:
    """The largest score of the judges at these places."""

    def score(numbers: np.ndarray) -> np.ndarray:
        X = _rows(latent, numbers)
        return np.max([judges.bands[i].scores(judges.values(i, X)) for i in places], axis=0)

    return score


def _times_share(
    found: Rarity, judges: CalibratedJudges, places: list[int], latent: Latent
) -> Rarity:
    """The probability times the share of the points that the judges at these places accept."""
    X = _rows(latent, found.points)
    verdicts = [judges.bands[i].scores(judges.values(i, X)) <= judges.joint_limit for i in places]
    accepted = np.all(verdicts, axis=0)
    low, high = intervals.share_of_groups(accepted, found.groups)
    share = (low, float(accepted.mean()), high)
    logs = [math.log10(one) if one > 0 else -math.inf for one in share]
    return replace(
        found,
        log10=found.log10 + logs[1],
        low=found.low + logs[0],
        high=found.high + logs[2],
        points=found.points[accepted],
        groups=found.groups[accepted],
    )
