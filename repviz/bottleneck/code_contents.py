"""What a code keeps and what it drops: who it is, the known factors, the degrees of freedom."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from repviz import intervals
from repviz.bottleneck.fits import Fits
from repviz.bottleneck.plan import Plan
from repviz.errors import InputError
from repviz.manifold.dimension import dimension
from repviz.manifold.identity import nearest_identity
from repviz.manifold.neighbors import neighbors
from repviz.manifold.probes import ridge
from repviz.principal import pca
from repviz.study_folder import Draft, Study

PIXELS = 256  # components that images of more pixels are brought to before they are probed
NEIGHBOURS, MOST_ROWS = 20, 4000  # of the graph behind a dimension; rows it is taken over


def keeping_stages(study: Study, plan: Plan) -> None:
    """Probes of every code that was kept, and their dimension beside that of the rows."""
    fits = Fits(study, plan)
    names = [engine.name for engine in plan.engines if engine.name != "pca-augmented"]
    of = [names, plan.sizes]
    study.stage("code_probes", partial(_code_probes, fits=fits, engines=names), inputs=of)
    study.stage("code dimension", partial(_dimensions, fits=fits, engines=names), inputs=of)


def _kept(fits: Fits, engines: list[str]) -> list[tuple[str, int, np.ndarray]]:
    """Engine, size and codes (n, k) of all rows, of each fit that kept them."""
    seed = fits.plan.seeds[0]
    found = [(e, k, fits.array(e, k, seed, "codes")) for e, k in fits.all if e in engines]
    return [(engine, k, np.asarray(codes)) for engine, k, codes in found if codes is not None]


def _code_probes(draft: Draft, fits: Fits, engines: list[str]) -> None:
    subject, parts = fits.plan.subject, fits.plan.parts
    X = subject.X.reshape(len(subject), -1)
    rows = []
    for engine, k, codes in [("original", 0, X), *_kept(fits, engines)]:
        codes = codes.astype(np.float32)
        if engine == "original" and min(len(parts.train) - 1, X.shape[1]) > PIXELS:
            codes = pca(codes[parts.train], components=PIXELS).transform(codes).astype(np.float32)
        named = {"engine": engine, "bottleneck": k}
        if subject.labels is not None and len(subject.classes) > 1:
            rows.append({**named, "probe": "same label nearest", **_identity(codes, fits.plan)})
        for name, values in subject.factors.items():
            found = _factor(codes, values, fits.plan)
            if found:
                rows.append({**named, "probe": name, **found})
    columns = ["engine", "bottleneck", "probe", "score", "low", "high", "n", "chance"]
    draft.table("code_probes", pd.DataFrame(rows, columns=columns))


def _identity(codes: np.ndarray, plan: Plan) -> dict[str, float]:
    """How often the nearest other test row carries the same label; chance is random guessing."""
    assert plan.subject.labels is not None
    labels, test = plan.subject.labels, plan.parts.test
    found = nearest_identity(codes, labels, known=test, queries=test, groups=labels)
    return {
        "score": found.share,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "chance": found.chance,
    }


def _factor(codes: np.ndarray, values: np.ndarray, plan: Plan) -> dict[str, float]:
    """R2 on the test rows of the probe "factor", fitted on the training rows; 0 is the mean's."""
    train, test = plan.parts.train, plan.parts.test
    if values[train].std() == 0 or values[test].std() == 0:
        return {}
    codes = codes.astype(np.float64)
    left = np.square(ridge(codes[train], values[train, None], codes[test])[:, 0] - values[test])
    all_ = np.square(values[test] - values[train].mean())
    both = np.stack([left, all_], axis=1)
    low, high = intervals.jackknife(
        both, plan.parts.groups[test], lambda m: 1 - m[..., 0] / np.maximum(m[..., 1], 1e-300)
    )
    score = 1 - left.mean() / all_.mean()
    return {"score": float(score), "low": low, "high": high, "n": len(test), "chance": 0.0}


def _dimensions(draft: Draft, fits: Fits, engines: list[str]) -> None:
    subject = fits.plan.subject
    random = np.random.default_rng(fits.plan.seeds[0])
    rows = np.sort(random.permutation(len(subject))[:MOST_ROWS])
    X = subject.X.reshape(len(subject), -1)[rows].astype(np.float32)
    clusters = fits.plan.parts.clusters
    clusters = None if clusters is None else clusters[rows]
    counts = {"n": len(rows), "groups": len(rows if clusters is None else np.unique(clusters))}
    table = []
    for engine, k, matrix in [("original", X.shape[1], X), *_kept(fits, engines)]:
        matrix = matrix if engine == "original" else matrix[rows]
        if len(matrix) < 2 * NEIGHBOURS or not matrix.std(axis=0).any():
            continue
        try:
            estimate = dimension(neighbors(matrix, k=NEIGHBOURS), groups=clusters)
        except InputError as error:  # codes that coincide, as binary ones do: no number, but why
            table.append({"engine": engine, "bottleneck": k, **counts, "warnings": str(error)})
            continue
        table.append(
            {
                "engine": engine,
                "bottleneck": k,
                "dimension": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "calibrated": estimate.calibrated,
                "calibrated_low": estimate.calibrated_low,
                "calibrated_high": estimate.calibrated_high,
                **counts,
                "method": estimate.method,
                "warnings": " ".join(estimate.warnings),
            }
        )
    columns = ["engine", "bottleneck", "dimension", "low", "high", "calibrated", "calibrated_low"]
    columns += ["calibrated_high", "n", "groups", "method", "warnings"]
    draft.table("code_dimension", pd.DataFrame(table, columns=columns))
