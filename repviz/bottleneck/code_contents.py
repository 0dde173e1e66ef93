"""Probes of codes: label and known factors predicted from them, and their intrinsic dimension."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from repviz import intervals
from repviz.bottleneck.fitted import Fits
from repviz.bottleneck.plan import Plan
from repviz.errors import InputError
from repviz.images.partition import clusters_of
from repviz.manifold.dimension import dimension
from repviz.manifold.identity import nearest_identity
from repviz.manifold.neighbors import neighbors
from repviz.manifold.probes import ridge
from repviz.principal import pca
from repviz.spreadsheets import SENTENCE_SEPARATOR
from repviz.study_folder import Draft, Study

MAX_COMPONENTS = 256  # to which images of more pixels are reduced before they are probed
N_NEIGHBORS, MAX_ROWS = 20, 4000  # of the graph behind a dimension; rows that it is computed on
ORIGINAL = {
    "engine": "original",
    "engine_title": "the images",
    "engine_label": "images",
    "colour_role": "ink",
}


def code_contents_stages(study: Study, plan: Plan) -> None:
    """Write the scores of probes on every stored code, and the codes' intrinsic dimension."""
    fits = Fits(study, plan)
    engines = [engine.name for engine in plan.decoding_engines]
    inputs = {"engines": engines, "sizes": plan.sizes}
    study.stage("code_probes", partial(_write_probes, fits=fits), inputs=inputs)
    study.stage("code_dimension", partial(_write_dimensions, fits=fits), inputs=inputs)


def _write_probes(draft: Draft, fits: Fits) -> None:
    data, parts = fits.plan.data, fits.plan.parts
    X = data.X.reshape(len(data), -1).astype(np.float32)
    if min(len(parts.train) - 1, X.shape[1]) > MAX_COMPONENTS:
        X = pca(X[parts.train], components=MAX_COMPONENTS).transform(X)
    codes = [(engine.columns, k, Z) for engine, k, Z in fits.codes()]
    rows: list[dict[str, Any]] = []
    for columns, k, Z in [(ORIGINAL, np.nan, X), *codes]:
        Z = Z.astype(np.float32)
        named = {name: columns[name] for name in ORIGINAL} | {"bottleneck": k}
        if data.labels is not None and len(data.classes) > 1:
            rows.append({**named, "probe": "same label nearest", **_same_label(Z, fits.plan)})
        for name, values in data.factors.items():
            if score := _factor(Z, values, fits.plan):
                rows.append({**named, "probe": name, **score})
    header = [*ORIGINAL, "bottleneck", "probe", "score", "low", "high", "n", "chance"]
    draft.table("code_probes", pd.DataFrame(rows, columns=header))


def _same_label(codes: np.ndarray, plan: Plan) -> dict[str, float]:
    """How often the nearest other test row has the same label; chance is random guessing."""
    assert plan.data.labels is not None
    labels, test = plan.data.labels, plan.parts.test
    clusters = clusters_of(labels, plan.data.groups)
    nearest = nearest_identity(codes, labels, known=test, queries=test, groups=clusters)
    return {
        "score": nearest.share,
        "low": nearest.low,
        "high": nearest.high,
        "n": nearest.n,
        "chance": nearest.chance,
    }


def _factor(codes: np.ndarray, values: np.ndarray, plan: Plan) -> dict[str, float]:
    """R2 of a ridge regression on the test rows, with its interval; the mean scores 0."""
    train, test = plan.parts.train, plan.parts.test
    if values[train].std() == 0 or values[test].std() == 0:
        return {}
    codes = codes.astype(np.float64)
    predicted = ridge(codes[train], values[train, None], codes[test])[:, 0]
    residual = np.square(predicted - values[test])
    total = np.square(values[test] - values[train].mean())
    low, high = intervals.jackknife(
        np.stack([residual, total], axis=1),
        plan.parts.groups[test],
        lambda m: 1 - m[..., 0] / np.maximum(m[..., 1], 1e-300),
    )
    score = 1 - residual.mean() / total.mean()
    return {"score": float(score), "low": low, "high": high, "n": len(test), "chance": 0.0}


def _write_dimensions(draft: Draft, fits: Fits) -> None:
    data = fits.plan.data
    rng = np.random.default_rng(fits.plan.seeds[0])
    rows = np.sort(rng.permutation(len(data))[:MAX_ROWS])
    X = data.X.reshape(len(data), -1)[rows].astype(np.float32)
    clusters = fits.plan.parts.clusters
    clusters = None if clusters is None else clusters[rows]
    counts = {"n": len(rows), "groups": len(rows if clusters is None else np.unique(clusters))}
    codes = [(engine.columns, k, Z[rows]) for engine, k, Z in fits.codes()]
    table: list[dict[str, Any]] = []
    for columns, k, matrix in [(ORIGINAL, np.nan, X), *codes]:
        if len(matrix) < 2 * N_NEIGHBORS or not matrix.std(axis=0).any():
            continue
        row = {name: columns[name] for name in ORIGINAL} | {"bottleneck": k, **counts}
        try:
            estimate = dimension(neighbors(matrix, k=N_NEIGHBORS), groups=clusters)
        except InputError as error:  # coinciding codes, such as binary ones: the reason in place
            table.append({**row, "warnings": str(error)})
            continue
        table.append(
            {
                **row,
                "dimension": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "calibrated": estimate.calibrated,
                "calibrated_low": estimate.calibrated_low,
                "calibrated_high": estimate.calibrated_high,
                "method": estimate.method,
                "warnings": SENTENCE_SEPARATOR.join(estimate.warnings),
            }
        )
    header = [*ORIGINAL, "bottleneck", "dimension", "low", "high", "calibrated"]
    header += ["calibrated_low", "calibrated_high", "n", "groups", "method", "warnings"]
    draft.table("code_dimension", pd.DataFrame(table, columns=header))
