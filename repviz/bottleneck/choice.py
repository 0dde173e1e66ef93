"""The smallest acceptable code by a criterion, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, intervals
from repviz.bottleneck.criteria import Criterion, Score, get_criterion
from repviz.bottleneck.reconstructions import open_reconstructions
from repviz.errors import InputError
from repviz.streams import SEED_LIMIT
from repviz.study_folder import Study

MARGIN, LEVEL, DRAWS = 0.05, 0.95, 2000


@dataclass(frozen=True, eq=False)
class Choice:
    """The smallest code whose loss by a criterion stays below a margin.

    Attributes
    ----------
    criterion, engine : str
        The criterion, and the engine whose reconstructions it scored.
    size : int or None
        The smallest size at which it and every larger one were found non-inferior; None where even
        the largest was not.
    low, high : float
        Percentile interval of the smallest size whose loss is below the margin, over resampled
        test images (or people); infinite where that is beyond the sizes of the sweep.
    margin : float
        The tolerated mean loss, in the criterion's unit.
    level : float
        Confidence of the interval, and of each size's one-sided test.
    n : int
        Number of test images.
    table : DataFrame
        One row per size: ``bottleneck, original, reconstructed, loss, loss_high, non_inferior``.
    """

    criterion: str
    engine: str
    size: int | None
    low: float
    high: float
    margin: float
    level: float
    n: int
    table: pd.DataFrame = field(repr=False)


def choose_bottleneck(
    sweep: Study,
    criterion: str | Score | Criterion,
    *,
    engine: str = "linear-start",
    margin: float = MARGIN,
    level: float = LEVEL,
    seed: int = 0,
) -> Choice:
    """The smallest code of a finished sweep whose reconstructions are as good as the originals.

    At each size, from the largest down, the mean loss of the criterion's score from original to
    reconstruction, paired by image, is tested against ``margin``; the first size that fails ends
    the search, so that testing many sizes needs no correction.

    Parameters
    ----------
    sweep : Sweep
        From :func:`repviz.sweep`, or opened with :func:`repviz.open_study`.
    criterion : str or callable
        A name in ``repviz.bottleneck.criteria.CRITERIA`` ("psnr:25", "person"), or a function
        ``(images, reference)`` that returns one score per image.
    engine : str
        The engine whose reconstructions are scored.
    margin : float
        The tolerated mean loss, in the criterion's unit, above 0.
    level : float
        Confidence, from 0.5 to 0.999.
    seed : int
        Seed of the resampling behind the interval.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        The images lack what the criterion needs, or the engine's reconstructions were not kept.

    References
    ----------
    Wellek 2010, Testing Statistical Hypotheses of Equivalence and Noninferiority, chapter 1; fixed
    sequence: Maurer, Hothorn & Lehmacher 1995.
    """
    criterion = get_criterion(criterion)
    margin = checks.real("choose_bottleneck", "margin", margin, low=1e-9, high=1e9)
    level = checks.real("choose_bottleneck", "level", level, low=0.5, high=0.999)
    seed = checks.integer("choose_bottleneck", "seed", seed, low=0, high=SEED_LIMIT)
    reconstructions = open_reconstructions(sweep)
    reference = reconstructions.reference
    if reason := criterion.missing(reference):
        raise InputError(f"choose_bottleneck: '{criterion.name}' cannot be computed: {reason}.")
    sizes = reconstructions.sizes(engine)
    original = criterion.scores(reference.originals, reference)
    reconstructed = np.stack(
        [criterion.scores(reconstructions.images(engine, k), reference) for k in sizes]
    )
    return choice_from_scores(
        criterion.name, engine, sizes, original, reconstructed, reconstructions.groups,
        margin=margin, level=level, seed=seed,
    )  # fmt: skip


def choice_from_scores(
    criterion: str,
    engine: str,
    sizes: Sequence[int],
    original: np.ndarray,
    reconstructed: np.ndarray,
    groups: np.ndarray,
    *,
    margin: float = MARGIN,
    level: float = LEVEL,
    seed: int = 0,
) -> Choice:
    """The choice from scores of the originals (n,) and of the reconstructions (sizes, n)."""
    losses = original - reconstructed
    rows: list[dict[str, Any]] = []
    for k, scores, loss in zip(sizes, reconstructed, losses, strict=True):
        _, high = intervals.jackknife(
            loss[:, None], groups, lambda m: m[..., 0], level=2 * level - 1
        )
        rows.append(
            {
                "bottleneck": k,
                "original": float(original.mean()),
                "reconstructed": float(scores.mean()),
                "loss": float(loss.mean()),
                "loss_high": high,
                "non_inferior": bool(high < margin),
            }
        )
    table = pd.DataFrame(rows)
    size = _smallest(table["non_inferior"].to_numpy()[None], sizes)[0]
    low, high = _interval(losses, sizes, groups, margin, level, seed)
    return Choice(
        criterion,
        engine,
        int(size) if np.isfinite(size) else None,
        low,
        high,
        margin,
        level,
        len(original),
        table,
    )


def _smallest(passes: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """For each row of ``passes`` (draws, sizes), the smallest size from which all pass; inf."""
    from_above = np.logical_and.accumulate(passes[:, ::-1], axis=1)
    n_passed = from_above.sum(axis=1)
    smallest = np.array([np.inf, *sizes[::-1]])
    return smallest[n_passed]


def _interval(
    losses: np.ndarray,
    sizes: Sequence[int],
    groups: np.ndarray,
    margin: float,
    level: float,
    seed: int,
) -> tuple[float, float]:
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    sums = np.zeros((len(names), len(losses)))
    np.add.at(sums, member, losses.T)
    counts = np.bincount(member).astype(float)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    means = (weights @ sums) / (weights @ counts)[:, None]
    smallest = np.sort(_smallest(means < margin, sizes))
    tail = (1 - level) / 2
    return float(smallest[int(tail * (DRAWS - 1))]), float(smallest[int((1 - tail) * (DRAWS - 1))])
