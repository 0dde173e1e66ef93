"""The ladder from noise to face: the share of each kind of random point that passes for a face."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, intervals, progress
from repviz.errors import InputError
from repviz.facespace.nearest_face import NearestFace, pixels
from repviz.facespace.samplers import SAMPLERS, Decode, Known
from repviz.streams import SEED_LIMIT

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 8  # examples kept of each rung
HELD_OUT = "held-out-faces"


@dataclass(frozen=True, eq=False)
class Ladder:
    """The rungs, from noise to face.

    Attributes
    ----------
    table : DataFrame
        A row a rung: rung, order, title, n, accepted, rate, low, high (Clopper-Pearson at 95 %,
        as if images were independent), distance_q05, distance_median,
        distance_q95 (root mean square pixel difference to the nearest known face, in [0, 1]),
        threshold, calibration_n, calibration_quantile, seed.
    examples : ndarray of float32, shape (rungs, 8, d)
        The first eight of each rung, in [0, 1]. Fewer held-out faces than eight are repeated.
    judge : NearestFace
        Who judged.
    """

    table: pd.DataFrame = field(repr=False)
    examples: np.ndarray = field(repr=False)
    judge: NearestFace = field(repr=False)


def ladder(
    known: Any,
    calibration: Any,
    held_out: Any,
    *,
    codes: Any = None,
    decode: Decode | None = None,
    samplers: Sequence[str] | None = None,
    count: int = 10_000,
    quantile: float = 0.95,
    seed: int = 0,
) -> Ladder:
    """What share of random points, rung by rung, is taken for a face.

    The judge is :class:`~repviz.facespace.nearest_face.NearestFace`; what it cannot show stands
    there.
    Above all: a point that it accepts lies as near to a known face as a stranger's face does, in
    pixels. The mean face under noise does so too, and is the control rung.

    Parameters
    ----------
    known : array_like, shape (n, d)
        The known faces, in [0, 1]: samplers learn from them, distances are measured to them.
    calibration : array_like, shape (m, d)
        Faces of other people, which set the threshold.
    held_out : array_like, shape (h, d)
        Faces of yet other people: the topmost rung.
    codes, decode : array_like of shape (n, k) and callable, optional
        The known faces' codes, and what turns codes (m, k) into rows (m, d). Without them the rung
        "decoded-codes" is left out.
    samplers : sequence of str, optional
        Names in ``SAMPLERS``; all if None.
    count : int
        Points drawn on each rung.
    quantile : float
        The share of the calibration faces that the judge accepts, from 0.01 to 1.
    seed : int
        Of the draws.

    Returns
    -------
    Ladder

    Raises
    ------
    UnknownName
        No such sampler.
    InputError
        A matrix is not finite, not in [0, 1] or of another d; codes or decode is missing.
    """
    known = pixels("ladder", "known", known)
    held_out = pixels("ladder", "held_out", held_out)
    count = checks.integer("ladder", "count", count, low=1)
    seed = checks.integer("ladder", "seed", seed, low=0, high=SEED_LIMIT)
    chosen = _chosen(samplers, codes, decode)
    if codes is not None:
        codes = checks.matrix("ladder", codes)
    judge = NearestFace.fit(known, calibration, quantile=quantile)
    learnt = Known(known, codes, decode)
    rungs, examples = [], []
    with progress.task("judging random points", count * len(chosen), "points") as advance:
        for order, name in enumerate(chosen):
            sampler = SAMPLERS[name]
            distances, first = _judged(judge, sampler.chunks(learnt, count, seed), advance)
            rungs.append(_rung(name, order, sampler.title, distances, judge, seed))
            examples.append(first)
    distances = judge.distances(held_out)
    rungs.append(_rung(HELD_OUT, len(chosen), "Held-out images", distances, judge, seed))
    examples.append(_eight(held_out))
    return Ladder(_table(rungs), np.stack(examples), judge)


def _chosen(samplers: Sequence[str] | None, codes: Any, decode: Decode | None) -> list[str]:
    if (codes is None) != (decode is None):
        raise InputError(
            "ladder: codes and decode must be given together, got only one of them. "
            "Give the known faces' codes and the function that decodes them, or neither."
        )
    names = list(SAMPLERS) if samplers is None else list(samplers)
    for name in names:
        checks.one_of("ladder", "sampler", name, SAMPLERS)
    lacking = [name for name in names if SAMPLERS[name].needs_codes and codes is None]
    if lacking and samplers is not None:
        raise InputError(
            f"ladder: '{lacking[0]}' needs codes and decode, got neither. "
            "Give both or leave it out of samplers."
        )
    return [name for name in names if name not in lacking]


def _judged(
    judge: NearestFace, chunks: Iterator[np.ndarray], advance: progress.Advance
) -> tuple[np.ndarray, np.ndarray]:
    """Distances of all rows and the first eight rows."""
    distances, first = [], None
    for rows in chunks:
        distances.append(judge.distances(rows))
        first = _eight(rows) if first is None else first
        advance(len(rows))
    assert first is not None
    return np.concatenate(distances), first


def _eight(rows: np.ndarray) -> np.ndarray:
    return np.resize(rows[:SHOWN].astype(np.float32), (SHOWN, rows.shape[1]))


def _rung(
    name: str, order: int, title: str, distances: np.ndarray, judge: NearestFace, seed: int
) -> dict[str, Any]:
    accepted = int((distances <= judge.threshold).sum())
    low, high = intervals.share(accepted, len(distances))
    q05, median, q95 = np.quantile(distances, [0.05, 0.5, 0.95])
    return {
        "rung": name,
        "order": order,
        "title": title,
        "n": len(distances),
        "accepted": accepted,
        "rate": accepted / len(distances),
        "low": low,
        "high": high,
        "distance_q05": q05,
        "distance_median": median,
        "distance_q95": q95,
        "threshold": judge.threshold,
        "calibration_n": judge.calibration_n,
        "calibration_quantile": judge.quantile,
        "seed": seed,
    }


def _table(rungs: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rungs)
