"""log10 of the probability that judges accept a random image.

For noise and the judge "nearest-face": importance sampling around the known images. For noise and
the joint verdict: splitting that starts from an envelope, a set of known probability that contains
every accepted image. For other samplers: splitting from the sampler itself.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from repviz import checks, intervals
from repviz.errors import InputError
from repviz.facespace.calibration import JOINT, CalibratedJudges
from repviz.facespace.envelopes import ENVELOPES, Envelope, log10_bound
from repviz.facespace.known import Known
from repviz.facespace.samplers import CONTROLS, SAMPLERS
from repviz.facespace.splitting import Rarity, Score, rarity
from repviz.facespace.tilting import TILTS, log10_near

POPULATIONS, PARTICLES, MOVES = 10, 20, 2
IMPORTANCE_SAMPLING, SPLITTING = "importance sampling", "splitting"


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
    others accept, by splitting, times the share of such images that these accept. Of uniform and
    pixel-wise Gaussian images the judge "nearest-face" alone needs no splitting: see
    :func:`~repviz.facespace.tilting.log10_near`.

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
    names = [judge.name for judge in judges.judges]
    checks.one_of("log10_accepted", "verdict", verdict, [*names, JOINT])
    if method_of(judges, sampler, verdict) == IMPORTANCE_SAMPLING:
        low, high = judges.limits("distance", verdict)
        return log10_near(known, sampler, max(0.0, low), high, seed=seed)
    places, limit = judges.asked(verdict)
    graded = [place for place in places if not judges.bands[place].yes_no]
    strict = [place for place in places if judges.bands[place].yes_no]
    if not graded:
        raise InputError(
            f"log10_accepted: verdict must be that of a judge with a score, got '{verdict}', which "
            "says yes or no. Count instead: ladder."
        )
    envelope = _envelope(judges, known, sampler, places, limit)
    envelope = envelope or Envelope(0.0, entry.latent(known), _counts)
    found = rarity(
        _score(judges, graded, envelope, limit), envelope.latent.d, prior=envelope.latent.prior,
        limit=limit, populations=populations, particles=particles, moves=moves, seed=seed,
    )  # fmt: skip
    found = _shifted(found, (envelope.log10,) * 3)
    return _times_share(found, judges, strict, envelope) if strict else found


def method_of(judges: CalibratedJudges, sampler: str, verdict: str = JOINT) -> str:
    """How :func:`log10_accepted` estimates: "importance sampling" or "splitting"."""
    places, _ = judges.asked(verdict)
    statistics = [name for place in places for name in judges.judges[place].statistics]
    is_near = statistics == ["distance"] and np.isfinite(judges.limits("distance", verdict)[1])
    return IMPORTANCE_SAMPLING if is_near and sampler in TILTS else SPLITTING


def accepted_bound(
    judges: CalibratedJudges, known: Known, sampler: str, verdict: str = JOINT
) -> float:
    """log10 of an upper bound: that a verdict accepts a sampler's image; NaN if unknown."""
    statistics = ("distance", "within", "residual")
    limits = {name: judges.limits(name, verdict)[1] for name in statistics}
    return log10_bound(known, sampler, **limits)


def _envelope(
    judges: CalibratedJudges, known: Known, sampler: str, places: list[int], limit: float
) -> Envelope | None:
    """The envelope of what the judges with these indices accept, if there is one."""
    for place in places if sampler in ENVELOPES else []:
        if judges.judges[place].statistics == ("within", "residual"):
            within, residual = (float(one) for one in judges.bands[place].limits(limit)[1])
            if np.isfinite(residual):
                return ENVELOPES[sampler](known, within, residual)
    return None


def _counts(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The excess of an envelope that is the sampler itself: every row is inside."""
    return np.full(len(rows), -np.inf)


def _clipped(rows: np.ndarray) -> np.ndarray:
    return np.clip(rows, 0, 1).astype(np.float32, copy=False)


def _score(judges: CalibratedJudges, places: list[int], envelope: Envelope, limit: float) -> Score:
    """The score function of splitting: the largest of these judges' scores and of the excess."""

    def score(numbers: np.ndarray) -> np.ndarray:
        rows = envelope.latent.rows(numbers)
        X = _clipped(rows)
        scores = [judges.scores(place, X) for place in places]
        # float64: in float32 the limit is rounded, and an excess of 0 may lie above it.
        excess = envelope.excess(numbers, rows).astype(np.float64)
        return np.max([*scores, limit + excess], axis=0)

    return score


def _shifted(found: Rarity, logs: tuple[float, float, float]) -> Rarity:
    """``found`` times another probability, given by log10 of its low end, estimate and high end."""
    return replace(
        found,
        log10=min(0.0, found.log10 + logs[1]),
        low=min(0.0, found.low + logs[0]),
        high=min(0.0, found.high + logs[2]),
        floor=min(0.0, found.floor + logs[0]),
    )


def _times_share(
    found: Rarity, judges: CalibratedJudges, places: list[int], envelope: Envelope
) -> Rarity:
    """``found`` times the share of its points that the judges at these places accept."""
    X = _clipped(envelope.latent.rows(found.points))
    accepted = judges.accepts_jointly(X, places=places)
    low, high = intervals.share_of_groups(accepted, found.groups)
    share = (low, float(accepted.mean()), high)
    logs = [math.log10(one) if one > 0 else -math.inf for one in share]
    return replace(
        _shifted(found, (logs[0], logs[1], logs[2])),
        points=found.points[accepted],
        groups=found.groups[accepted],
    )
