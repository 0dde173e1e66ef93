"""The smallest acceptable code by a criterion, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, intervals
from repviz.bottleneck.criteria import Criterion, Score, get_criterion
from repviz.bottleneck.non_inferiority import (
    MIN_GROUPS,
    continuous_bound,
    discrete_bound,
    groups_needed,
    is_discrete,
)
from repviz.bottleneck.reconstructions import open_reconstructions
from repviz.errors import InputError
from repviz.study_folder import Study, as_study

MARGIN, LEVEL, DRAWS = 0.05, 0.95, 2000
LEAST_ACCEPTED = 0.5  # share of the originals that a yes or no must accept to be a criterion


@dataclass(frozen=True, eq=False)
class Choice:
    """The smallest code whose loss by a criterion stays below a margin.

    Attributes
    ----------
    criterion, engine : str
        The criterion, and the engine whose reconstructions it scored.
    size : int or None
        The smallest size at which it and every larger one were found non-inferior; None where even
        the largest was not, or where ``undecided`` says why it cannot be told.
    undecided : str
        Why these test images cannot tell, such as too few people; "" where they can.
    observed : int or None
        The smallest size from which on the observed mean loss is below the margin, untested.
    low, high : float
        Percentile interval of ``observed`` over resampled test images (or people); infinite where
        that is beyond the sizes of the sweep. It holds for these trained models: other trainings
        and another split are not in it.
    margin : float
        The tolerated mean loss, in the criterion's unit.
    level : float
        Confidence of the interval, and of each size's one-sided test.
    n, groups : int
        Number of test images, and of independent groups (people) of them.
    table : DataFrame
        One row per size: ``bottleneck, original, reconstructed, loss, loss_high, non_inferior``.
    """

    criterion: str
    engine: str
    size: int | None
    undecided: str
    observed: int | None
    low: float
    high: float
    margin: float
    level: float
    n: int
    groups: int
    table: pd.DataFrame = field(repr=False)


def choose_bottleneck(
    sweep: Study | str | Path,
    criterion: str | Score | Criterion,
    *,
    engine: str = "linear-start",
    margin: float = MARGIN,
    level: float = LEVEL,
    seed: int = 0,
) -> Choice:
    """The smallest code of a finished sweep whose reconstructions are as good as the originals.

    At each size, from the largest down, the mean loss of the criterion's score from original to
    reconstruction, paired by image, is tested against ``margin`` with people (or images, where
    they are independent) as units; the first size that fails ends the search, so that testing many
    sizes needs no correction. For a yes or no, 59 people without a loss are needed to rule out a
    loss of 5 %: with fewer the answer is that it cannot be told. See
    :mod:`repviz.bottleneck.non_inferiority` for the bounds.

    Parameters
    ----------
    sweep : Study or path
        From :func:`repviz.sweep`, or opened with :func:`repviz.open_study`.
    criterion : str or callable
        A name in ``repviz.bottleneck.criteria.CRITERIA`` ("psnr:25", "same-label"), or a function
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
    sweep = as_study("choose_bottleneck", "sweep", sweep)
    criterion = get_criterion(criterion)
    margin = checks.real("choose_bottleneck", "margin", margin, low=1e-9, high=1e9)
    level = checks.real("choose_bottleneck", "level", level, low=0.5, high=0.999)
    seed = checks.seed("choose_bottleneck", seed)
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
        margin=margin, level=level, seed=seed, units=sweep.nouns.units,
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
    draws: int = DRAWS,
    seed: int = 0,
    units: str = "groups",
) -> Choice:
    """The choice from scores of the originals (n,) and of the reconstructions (sizes, n).

    ``units`` is what ``groups`` are called where images are not independent.
    """
    losses = original - reconstructed
    scores = np.concatenate([original[None], reconstructed])
    undecided = _undecided(scores, groups, margin, level, units)
    rows: list[dict[str, Any]] = []
    for k, of_size, loss in zip(sizes, reconstructed, losses, strict=True):
        high = upper_bound(loss, scores, groups, level)
        rows.append(
            {
                "bottleneck": k,
                "original": float(original.mean()),
                "reconstructed": float(of_size.mean()),
                "loss": float(loss.mean()),
                "loss_high": high,
                "non_inferior": bool(high < margin) and not undecided,
            }
        )
    table = pd.DataFrame(rows)
    passes = np.stack([table["non_inferior"], table["loss"] < margin])
    size, observed = (int(k) if np.isfinite(k) else None for k in _smallest(passes, sizes))
    low, high = _interval(losses, sizes, groups, margin, level, draws, seed)
    return Choice(
        criterion, engine, size, undecided, observed, low, high, margin, level,
        len(original), len(np.unique(groups)), table,
    )  # fmt: skip


def upper_bound(losses: np.ndarray, scores: np.ndarray, groups: np.ndarray, level: float) -> float:
    """The one-sided upper bound of the mean loss, by the kind of all ``scores``."""
    if is_discrete(scores):
        return discrete_bound(losses, groups, level, score_range=_range(scores))
    return continuous_bound(losses, groups, level)


def _undecided(
    scores: np.ndarray, groups: np.ndarray, margin: float, level: float, units: str
) -> str:
    """The reason why these scores (originals first) cannot decide; "" where they can."""
    n_groups = len(np.unique(groups))
    unit = units if n_groups < scores.shape[1] else "images"
    original = scores[0]
    if len(np.unique(scores)) == 1:
        if set(original) <= {1.0} and n_groups >= groups_needed(margin, level):
            return ""
        if not set(original) <= {1.0}:
            return f"every image, original or reconstructed, scores {original[0]:g}"
    if set(np.unique(scores)) <= {0.0, 1.0} and original.mean() < LEAST_ACCEPTED:
        return f"the criterion accepts only {100 * original.mean():.0f} % of the originals"
    if not is_discrete(scores):
        if n_groups < MIN_GROUPS:
            return f"the test needs at least {MIN_GROUPS} independent {unit}, and has {n_groups}"
        return ""
    score_range = _range(scores)
    needed = groups_needed(margin, level, score_range=score_range)
    if n_groups < needed:
        loss = f"{100 * margin:g} %" if score_range == 1 else f"{margin:g}"
        return (
            f"the test needs at least {needed} independent {unit} to rule out a loss of {loss}, "
            f"and has {n_groups}"
        )
    return ""


def _range(scores: np.ndarray) -> float:
    """The largest loss that discrete scores allow: 1 for scores of 0 and 1."""
    return 1.0 if set(np.unique(scores)) <= {0.0, 1.0} else float(np.ptp(scores))


def _smallest(passes: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Per row of ``passes`` (draws, sizes), the smallest size from which all pass, or infinity."""
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
    draws: int,
    seed: int,
) -> tuple[float, float]:
    if len(np.unique(groups)) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    sums, counts = intervals.resample_groups(losses.T[None], groups, draws=draws, rng=rng)
    means = sums[:, 0] / counts[:, None]
    smallest = np.sort(_smallest(means < margin, sizes))
    tail = (1 - level) / 2
    return float(smallest[int(tail * (draws - 1))]), float(smallest[int((1 - tail) * (draws - 1))])
