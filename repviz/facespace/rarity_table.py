"""How rare accepted random images are: log10 of the probability, one sampler after another.

Counting reaches as far as 1 / n. Beyond it stand an estimate and, where theory gives one, a bound.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, progress
from repviz.errors import InputError
from repviz.facespace.acceptance import SPLITTING, accepted_bound, log10_accepted, method_of
from repviz.facespace.calibration import JOINT, CalibratedJudges
from repviz.facespace.known import Known

if TYPE_CHECKING:
    import pandas as pd

SEARCHED = ("uniform-pixels", "pixelwise-gaussian", "full-covariance-gaussian")
VERDICTS = ("nearest-face", JOINT)
COUNTING = "counting"
MOVES = 20  # of every point at each level: with fewer, points in thousands of dimensions lag behind
NOT_ASKED = "splitting takes minutes and was not asked for"
NONE_PASSED = "no point that was found passed the judges that answer yes or no"


def rarity_table(
    judges: CalibratedJudges,
    known: Known,
    *,
    counts: pd.DataFrame | None = None,
    split: bool = True,
    populations: int = 10,
    particles: int = 20,
    moves: int = MOVES,
    seed: int = 0,
) -> pd.DataFrame:
    """How rare it is that noise of three kinds is accepted: by nearness alone, and by all judges.

    Parameters
    ----------
    judges : CalibratedJudges
        Who judges.
    known : Known
        The faces that the samplers are fitted to.
    counts : DataFrame, optional
        ``verdicts`` of a :class:`~repviz.facespace.ladder.Ladder` of the same judges. Where some
        images of a sampler were accepted there, their share is the estimate.
    split : bool
        Whether what only splitting can estimate is estimated: minutes, where the others are
        seconds.
    populations, particles, moves, seed
        As in :func:`~repviz.facespace.splitting.rarity`.

    Returns
    -------
    DataFrame
        One row per sampler and verdict: sampler, verdict, log10_probability,
        log10_probability_low, log10_probability_high (95 %; no end lies above the bound),
        log10_floor (the probability exceeds it with a confidence of 97.5 %), log10_bound (an upper
        bound by analysis; NaN where there is none), method ("counting", "importance sampling" or
        "splitting"), populations, particles, moves (NaN where none), evaluations (images judged),
        left_out (why there is no estimate, as a clause; else ""), n (known images), seed.

    Raises
    ------
    InputError
        A number is too small.
    """
    import pandas as pd

    who = "rarity_table"
    seed = checks.seed(who, seed)
    populations = checks.integer(who, "populations", populations, low=4)
    particles = checks.integer(who, "particles", particles, low=10)
    moves = checks.integer(who, "moves", moves, low=1)
    names = [judge.name for judge in judges.judges]
    pairs = [
        (sampler, verdict)
        for verdict in VERDICTS
        for sampler in SEARCHED
        if verdict == JOINT or verdict in names
    ]
    effort = {"populations": populations, "particles": particles, "moves": moves, "seed": seed}
    rows = []
    with progress.task("estimating how rare", len(pairs), "estimates") as advance:
        for sampler, verdict in pairs:
            bound = accepted_bound(judges, known, sampler, verdict)
            row = {"sampler": sampler, "verdict": verdict, "log10_bound": bound}
            row |= _counted(counts, sampler, verdict)
            if "method" not in row:
                row |= _estimated(judges, known, sampler, verdict, split=split, effort=effort)
            rows.append({**_BLANK, **row, "n": len(known.faces), "seed": seed})
            advance(1)
    return pd.DataFrame(rows)


_BLANK: dict[str, Any] = {
    "sampler": "",
    "verdict": "",
    "log10_probability": np.nan,
    "log10_probability_low": np.nan,
    "log10_probability_high": np.nan,
    "log10_floor": np.nan,
    "log10_bound": np.nan,
    "method": "",
    "populations": np.nan,
    "particles": np.nan,
    "moves": np.nan,
    "evaluations": 0,
    "left_out": "",
}


def _counted(counts: pd.DataFrame | None, sampler: str, verdict: str) -> dict[str, Any]:
    """The share of the images that were counted, where it is not 0; nothing where it is."""
    if counts is None:
        return {}
    own = counts[(counts["rung"] == sampler) & (counts["judge"] == verdict)]
    if own.empty or not own["accepted"].iloc[0]:
        return {}
    ends = ("", "_low", "_high")
    value, low, high = (math.log10(own[f"accepted_share{end}"].iloc[0]) for end in ends)
    evaluations = int(own["n"].iloc[0])
    return {**_interval(value, low, high, low), "method": COUNTING, "evaluations": evaluations}


def _interval(value: float, low: float, high: float, floor: float) -> dict[str, float]:
    return {
        "log10_probability": value,
        "log10_probability_low": low,
        "log10_probability_high": high,
        "log10_floor": floor,
    }


def _estimated(
    judges: CalibratedJudges,
    known: Known,
    sampler: str,
    verdict: str,
    *,
    split: bool,
    effort: dict[str, int],
) -> dict[str, Any]:
    """What importance sampling or splitting gives, or why neither does."""
    method = method_of(judges, sampler, verdict)
    if method == SPLITTING and not split:
        return {"method": method, "left_out": NOT_ASKED}
    try:
        found = log10_accepted(judges, known, sampler, verdict=verdict, **effort)
    except InputError as error:  # no draw is accepted, or a population is stuck
        return {"method": method, "left_out": _clause(error)}
    if math.isinf(found.log10):
        return {"method": method, "left_out": NONE_PASSED, "evaluations": found.evaluations}
    bound = accepted_bound(judges, known, sampler, verdict)
    low, value, high = np.fmin([found.low, found.log10, found.high], bound)
    row: dict[str, Any] = _interval(value, low, high, found.floor)
    row |= {"method": method, "evaluations": found.evaluations}
    if method == SPLITTING:
        row |= {name: effort[name] for name in ("populations", "particles", "moves")}
    return row


def _clause(error: InputError) -> str:
    """What must hold and what was got, without who says it and what to do."""
    return str(error).partition(": ")[2].partition(". ")[0]
