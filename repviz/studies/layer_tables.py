"""The tables of the study ``layers``: profile over depth, similarity, invariance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from repviz import intervals, progress
from repviz.errors import InputError
from repviz.manifold.dimension import dimension
from repviz.manifold.dimension.curve import scale_curve
from repviz.manifold.invariance import invariance
from repviz.manifold.neighbors import neighbors
from repviz.manifold.probes import Probe, probe
from repviz.manifold.similarity import similarity
from repviz.principal import pca
from repviz.spreadsheets import SENTENCE_SEPARATOR
from repviz.streams import stream
from repviz.studies.representations import Representation
from repviz.weight_kinds import STUDIED

COMPARED = 500  # images that similarity compares, at most
SHUFFLES = 99


def profile_row(
    representation: Representation, labels: np.ndarray | None, seed: int
) -> tuple[Any, np.ndarray | None]:
    """One row of profile.csv, and which images the linear probe classifies correctly, if any.

    The row holds the dimension by several estimators, its control, and the probes.
    """
    read, hits = _label_probes(representation, labels, seed)
    return {**_dimensions(representation, seed), **read}, hits


def probe_differences(
    representations: Sequence[dict[str, Any]],
    hits: Sequence[np.ndarray | None],
    clusters: np.ndarray | None,
) -> pd.DataFrame:
    """Paired differences in the linear probe's accuracy of each trained layer from its controls.

    Parameters
    ----------
    representations : sequence of dict
        Rows of profile.csv.
    hits : sequence of ndarray of bool, shape (n,)
        Which images are classified correctly from each.
    clusters : ndarray, shape (n,), or None
        Which images are not independent draws.

    Returns
    -------
    DataFrame
        representation_a, representation_b (the pixels, or the same layer untrained), difference
        (a less b), low, high, n.
    """
    by_name = {
        row["representation"]: (row, own)
        for row, own in zip(representations, hits, strict=True)
        if own is not None
    }
    rows = []
    for name, (row, own) in by_name.items():
        for other in ("pixels", f"untrained {row['layer']}"):
            if row["weights"] in STUDIED and other in by_name:
                difference = intervals.paired_difference(own, by_name[other][1], clusters)
                rows.append({"representation_a": name, "representation_b": other, **difference})
    return pd.DataFrame(
        rows, columns=["representation_a", "representation_b", "difference", "low", "high", "n"]
    )


def factor_rows(
    representation: Representation, factors: dict[str, np.ndarray], seed: int
) -> list[dict[str, Any]]:
    """The rows of factors.csv: how well each known factor is read off a representation."""
    return [
        {
            "factor": factor,
            **_columns(probe(representation.scores, values, method="factor", seed=seed), "r2"),
        }
        for factor, values in factors.items()
        if np.isfinite(values).all() and np.ptp(values) > 0
    ]


def similarity_table(
    representations: Sequence[Representation], rows: np.ndarray, seed: int
) -> pd.DataFrame:
    """Debiased CKA of every two representations, on the same images.

    Parameters
    ----------
    representations : sequence of Representation
        What is compared.
    rows : ndarray of int
        The images on which they are compared.
    seed : int
        Seed of the shuffles that chance is told from.
    """
    scores = [pca(np.asarray(one.X[rows])).scores for one in representations]
    table = []
    with progress.task("similarity", len(representations), "layers") as advance:
        for i, one in enumerate(representations):
            for j in range(i, len(representations)):
                names = {
                    "representation_a": one.name,
                    "representation_b": representations[j].name,
                    "n": len(rows),
                }
                table.append({**names, **_compared(scores[i], scores[j], seed)})
            advance(1)
    return pd.DataFrame(table)[["representation_a", "representation_b", "cka", "null", "p", "n"]]


def invariance_row(X: np.ndarray, perturbed: np.ndarray, groups: np.ndarray | None) -> Any:
    """The measured columns of one row of invariance.csv; NaN of a layer that does not vary."""
    columns = [
        "relative_displacement",
        "relative_displacement_low",
        "relative_displacement_high",
        "top1_retrieval",
        "top1_retrieval_low",
        "top1_retrieval_high",
    ]
    try:
        measured = invariance(X, perturbed, groups=groups)
    except InputError:
        return {**dict.fromkeys(columns, np.nan), "n": len(X)}
    values = (
        measured.relative_displacement,
        measured.low,
        measured.high,
        measured.top1_retrieval,
        measured.top1_retrieval_low,
        measured.top1_retrieval_high,
    )
    return {**dict(zip(columns, values, strict=True)), "n": measured.n}


def _dimensions(representation: Representation, seed: int) -> dict[str, Any]:
    """The dimension by several estimators, and that of a Gaussian of the same covariance."""
    graph = representation.graph
    curve = scale_curve(graph)
    scores = representation.scores
    rng = stream(seed, "layers", "gaussian control", representation.name)
    drawn = rng.standard_normal(scores.shape) * scores.std(axis=0, ddof=1)
    control = dimension(neighbors(drawn, k=graph.k))  # its rows are independent draws
    return {
        **representation.twonn.as_row("dimension"),
        "plateau": curve.dimension,
        "plateau_low": curve.low,
        "plateau_high": curve.high,
        "plateau_from": curve.plateau[0],
        "plateau_to": curve.plateau[1],
        "plateau_warnings": SENTENCE_SEPARATOR.join(curve.warnings),
        **dimension(graph, method="danco").as_row("danco"),
        **control.as_row("gaussian"),
    }


def _label_probes(
    representation: Representation, labels: np.ndarray | None, seed: int
) -> tuple[dict[str, float], np.ndarray | None]:
    """How well labels are read, and shuffled ones; which images the linear probe gets right."""
    if labels is None or len(np.unique(labels)) < 2:
        return {}, None
    shuffled = stream(seed, "layers", "label shuffle").permutation(labels)
    row: dict[str, float] = {}
    clusters, hits = representation.clusters, None
    for method in ("knn", "linear"):
        read = probe(representation.scores, labels, method=method, clusters=clusters, seed=seed)
        hits = read.hits
        control = probe(representation.scores, shuffled, method=method, seed=seed)
        row |= {**_columns(read, method), f"{method}_shuffled": control.value}
        row["chance"] = read.chance
    return row, hits


def _columns(read: Probe, name: str) -> dict[str, float]:
    return {name: read.value, f"{name}_low": read.low, f"{name}_high": read.high}


def _compared(one: np.ndarray, other: np.ndarray, seed: int) -> dict[str, float]:
    try:
        found = similarity(one, other, permutations=SHUFFLES, seed=seed)
    except InputError:  # a layer that gives the same for all images is like no other
        return dict.fromkeys(["cka", "null", "p"], np.nan)
    return {"cka": found.value, "null": found.null, "p": found.p}
