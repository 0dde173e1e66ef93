"""How small is still reasonable: by whose judgement, with which interval, and is there a knee?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from repviz import checks, intervals
from repviz.bottleneck.criteria import Criterion, Reference, chosen
from repviz.bottleneck.fits import stem
from repviz.bottleneck.knee import knee
from repviz.bottleneck.plan import Plan
from repviz.errors import InputError
from repviz.study_folder import Draft, Study

MARGIN, LEVEL, DRAWS = 0.05, 0.95, 2000


@dataclass(frozen=True, eq=False)
class Choice:
    """The smallest code that a criterion cannot tell from the original by more than a margin.

    Attributes
    ----------
    criterion, engine : str
        The criterion, and whose reconstructions it saw.
    size : int or None
        The smallest size at which it and every larger one were found not inferior; None where even
        the largest was not.
    low, high : float
        Percentile interval of the smallest size whose loss is below the margin, over test images
        (or people) drawn again; infinite where that is beyond the sizes that were swept.
    margin : float
        The loss that is tolerated, in the criterion's unit.
    level : float
        Of the interval; the test of each size is one-sided with the same level.
    n : int
        Test images.
    table : DataFrame
        A row a size: ``bottleneck, original, kept, loss, loss_high, not_inferior``.
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
    criterion: str | Callable[..., Any],
    *,
    engine: str = "linear-start",
    margin: float = MARGIN,
    level: float = LEVEL,
    seed: int = 0,
) -> Choice:
    """The smallest code of a finished sweep at which what is left is still reasonable.

    At each size, from the largest down, the mean loss of the criterion's score from original to
    reconstruction is tested, paired by image, against ``margin``; the first size that fails ends
    it, so that testing many sizes needs no correction.

    Parameters
    ----------
    sweep : Sweep
        From :func:`repviz.sweep`, or such a folder opened.
    criterion : str or callable
        A name in ``repviz.bottleneck.criteria.CRITERIA`` ("psnr:25", "person"), or a function
        ``(images, of)``.
    engine : str
        Whose reconstructions are judged.
    margin : float
        The mean loss that is tolerated, in the criterion's unit, above 0.
    level : float
        Confidence, from 0.5 to 0.999.
    seed : int
        Of the draws behind the interval.

    Returns
    -------
    Choice

    Raises
    ------
    InputError
        The images lack what the criterion needs, or the engine's pictures were not kept.

    References
    ----------
    Wellek 2010, Testing Statistical Hypotheses of Equivalence and Noninferiority, chapter 1; fixed
    sequence: Maurer, Hothorn & Lehmacher 1995.
    """
    judged = chosen(criterion)
    margin = checks.real("choose_bottleneck", "margin", margin, low=1e-9, high=1e9)
    level = checks.real("choose_bottleneck", "level", level, low=0.5, high=0.999)
    stored = _Stored(sweep)
    if reason := judged.lacks(stored.reference):
        raise InputError(f"choose_bottleneck: '{judged.name}' cannot judge here: {reason}.")
    sizes = stored.sizes(engine)
    of = stored.reference
    original = judged.scores(of.originals, of)
    kept = np.stack([judged.scores(stored.output(engine, k), of) for k in sizes])
    return choice_from_scores(
        judged.name, engine, sizes, original, kept, stored.groups,
        margin=margin, level=level, seed=seed,
    )  # fmt: skip


def choice_from_scores(
    criterion: str,
    engine: str,
    sizes: Sequence[int],
    original: np.ndarray,
    kept: np.ndarray,
    groups: np.ndarray,
    *,
    margin: float = MARGIN,
    level: float = LEVEL,
    seed: int = 0,
) -> Choice:
    """The choice from scores of the originals (n,) and of what each size kept (sizes, n)."""
    loss = original - kept
    rows: list[dict[str, Any]] = []
    for k, own, lost in zip(sizes, kept, loss, strict=True):
        _, high = intervals.jackknife(
            lost[:, None], groups, lambda m: m[..., 0], level=2 * level - 1
        )
        rows.append(
            {
                "bottleneck": k,
                "original": float(original.mean()),
                "kept": float(own.mean()),
                "loss": float(lost.mean()),
                "loss_high": high,
                "not_inferior": bool(high < margin),
            }
        )
    table = pd.DataFrame(rows)
    size = _smallest(table["not_inferior"].to_numpy()[None], sizes)[0]
    low, high = _interval(loss, sizes, groups, margin, level, seed)
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
    count = from_above.sum(axis=1)
    ends = np.array([np.inf, *sizes[::-1]])
    return ends[count]


def _interval(
    loss: np.ndarray,
    sizes: Sequence[int],
    groups: np.ndarray,
    margin: float,
    level: float,
    seed: int,
) -> tuple[float, float]:
    names, member = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return float("nan"), float("nan")
    sums = np.zeros((len(names), len(loss)))
    np.add.at(sums, member, loss.T)
    count = np.bincount(member).astype(float)
    random = np.random.default_rng(seed)
    weights = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    means = (weights @ sums) / (weights @ count)[:, None]
    found = np.sort(_smallest(means < margin, sizes))
    tail = (1 - level) / 2
    return float(found[int(tail * (DRAWS - 1))]), float(found[int((1 - tail) * (DRAWS - 1))])


def reasonable_stages(study: Study, plan: Plan, criteria: list[Criterion]) -> None:
    """One stage for the criteria of a sweep and one for its knees."""
    names = [engine.name for engine in plan.engines if engine.name != "pca-augmented"]
    of: list[Any] = [[criterion.identity for criterion in criteria], names, plan.sizes]
    if criteria and plan.subject.pictures:
        study.stage(
            "criteria", partial(_judged, study=study, criteria=criteria, engines=names), inputs=of
        )
    study.stage("knee", partial(_knees, study=study, plan=plan), inputs=of[1:])


def _judged(draft: Draft, study: Study, criteria: list[Criterion], engines: list[str]) -> None:
    stored = _Stored(study)
    rows: list[pd.DataFrame] = []
    choices: list[dict[str, Any]] = []
    for criterion in criteria:
        if reason := criterion.lacks(stored.reference):
            choices.append(
                {"criterion": criterion.name, "title": criterion.title, "left_out": reason}
            )
            continue
        for engine in engines:
            choice = choose_bottleneck(study, criterion, engine=engine)  # type: ignore[arg-type]
            named = {"criterion": criterion.name, "title": criterion.title, "engine": engine}
            rows.append(choice.table.assign(**named, margin=choice.margin, n_test=choice.n))
            choices.append(
                {
                    **named,
                    "size": choice.size or np.nan,
                    "low": choice.low,
                    "high": choice.high,
                    "margin": choice.margin,
                    "level": choice.level,
                    "n_test": choice.n,
                    "left_out": "",
                }
            )
    if rows:
        draft.table("criteria", pd.concat(rows))
    columns = ["criterion", "title", "engine", "size", "low", "high", "margin", "level", "n_test"]
    draft.table("choices", pd.DataFrame(choices, columns=[*columns, "left_out"]))


def _knees(draft: Draft, study: Study, plan: Plan) -> None:
    table = study.result("sweep")
    rows = []
    for engine, own in table.groupby("engine", sort=False):
        own = own.sort_values("bottleneck")
        found = knee(own["bottleneck"].tolist(), own["mse"].tolist())
        rows.append({"engine": engine, "sizes": len(own), **vars(found)})
    draft.table("knee", pd.DataFrame(rows))


class _Stored:
    """What a finished sweep keeps of its test images."""

    def __init__(self, study: Study) -> None:
        self.study = study
        if not (study.folder / "arrays" / "thumbnails.npy").is_file():
            raise InputError(
                f"choose_bottleneck: {study.folder} must be a sweep of images, got one of other "
                "rows. Criterion images only."
            )
        table = study.result("images")
        part = table["sweep_split"].to_numpy()
        self.test, self.train = np.flatnonzero(part == "test"), np.flatnonzero(part == "train")
        pixels = np.asarray(study.array("thumbnails"))
        pixels = pixels[:, None] if pixels.ndim == 3 else pixels
        shape = pixels.shape[1:]
        labels = table["label"].astype(object).fillna("").astype(str).to_numpy()
        known = bool((labels != "").any())
        factors = {
            name.removeprefix("factor_"): table[name].to_numpy(float)
            for name in table.columns
            if name.startswith("factor_")
        }
        rows = pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)
        self.reference = Reference(
            rows[self.test],
            (int(shape[0]), int(shape[1]), int(shape[2])),
            labels[self.test] if known else None,
            {name: values[self.test] for name, values in factors.items()},
            rows[self.train],
            labels[self.train] if known else None,
            {name: values[self.train] for name, values in factors.items()},
        )
        by_label = study.manifest["parameters"]["split"] == "label"
        several = len(np.unique(labels[self.test])) > 1
        self.groups = labels[self.test] if by_label or several else self.test

    def sizes(self, engine: str) -> list[int]:
        """The sizes whose pictures were kept, ascending."""
        table = self.study.result("sweep")
        checks.one_of("choose_bottleneck", "engine", engine, table["engine"].unique())
        sizes = sorted(table.loc[table["engine"] == engine, "bottleneck"].tolist())
        kept = [k for k in sizes if self._path(engine, k).exists()]
        if not kept:
            raise InputError(
                f"choose_bottleneck: no pictures of engine '{engine}' were kept. Sweep again."
            )
        return kept

    def output(self, engine: str, k: int) -> np.ndarray:
        """What ``engine`` left of the test images with ``k`` numbers, (n, d) in [0, 1]."""
        pixels = np.load(self._path(engine, k), mmap_mode="r", allow_pickle=False)
        return pixels.reshape(len(pixels), -1).astype(np.float32) / np.float32(255)

    def _path(self, engine: str, k: int) -> Any:
        seed = self.study.manifest["parameters"]["seed"]
        return self.study.folder / "arrays" / f"{stem(engine, k, seed)}_images.npy"
