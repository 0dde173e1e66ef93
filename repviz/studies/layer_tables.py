"""The tables of the study ``layers``: profile over depth, similarity, invariance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from repviz import progress
from repviz.errors import Degenerate
from repviz.images.partition import labels_cross
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

COMPARED = 500  # images that similarity compares, at most
FEWEST_COMPARED = 4  # with fewer, debiased CKA is not defined
SHUFFLES = 99
FOLDS = 5  # of the cross-validation of probes, at most
FEWEST_KNOWN = 20  # images of which a factor is known
FEWEST_GROUPS = 3  # of one group a factor that groups share cannot be learned


def profile_row(
    representation: Representation, labels: np.ndarray | None, seed: int
) -> tuple[Any, pd.Series | None]:
    """One row of profile.csv, and which images the linear probe classifies correctly, if any.

    The row holds the dimension by several estimators, its control, and the probes of the images
    that have a label. The images are told by their row of images.csv.
    """
    read, hits = _label_probes(representation, labels, seed)
    return {**_dimensions(representation, seed), **read}, hits


def factor_rows(
    representation: Representation, factors: dict[str, np.ndarray], seed: int
) -> list[dict[str, Any]]:
    """The rows of factors.csv: how well each factor is predicted where it is known.

    A factor that is known of fewer than 20 images, or does not vary among them, is left out. No
    fold separates the images of a group or person; only where a factor is known of fewer than three
    are its images split one by one, and ``warnings`` says so.
    """
    rows = []
    for factor, values in factors.items():
        known = np.flatnonzero(np.isfinite(values))
        if len(known) < FEWEST_KNOWN or not np.ptp(values[known]) > 0:
            continue
        clusters = None if representation.clusters is None else representation.clusters[known]
        groups = len(known) if clusters is None else len(np.unique(clusters))
        folds, warning = _grouped_folds(clusters), ""
        if groups < FEWEST_GROUPS:
            warning = f"{factor} is known of too few groups ({groups}): images are split one by one"
            groups, folds = len(known), {}
        scores = representation.scores[known]
        read = probe(scores, values[known], method="factor", seed=seed, **folds)
        names = {"factor": factor, "n": len(known), "groups": groups}
        rows.append({**names, **_columns(read, "r2"), "warnings": warning})
    return rows


def similarity_table(representations: Sequence[Representation], seed: int) -> pd.DataFrame:
    """Debiased CKA of every two representations, on at most 500 images that both have.

    Two that share fewer than four images are left out; of a constant one ``warnings`` says why
    there is no value.

    Parameters
    ----------
    representations : sequence of Representation
        What is compared.
    seed : int
        Seed of the shuffles that give the value by chance.
    """
    scores: dict[tuple[int, bytes], np.ndarray] = {}

    def scores_of(place: int, images: np.ndarray) -> np.ndarray:
        """The scores (m, at most m - 1) of some images in one representation, computed once."""
        key = place, images.tobytes()
        if key not in scores:
            one = representations[place]
            order = np.argsort(one.image_rows)
            rows = order[np.searchsorted(one.image_rows, images, sorter=order)]
            scores[key] = pca(np.asarray(one.X[rows])).scores
        return scores[key]

    table = []
    with progress.task("similarity", len(representations), "layers") as advance:
        for i, one in enumerate(representations):
            for j in range(i, len(representations)):
                shared = np.intersect1d(one.image_rows, representations[j].image_rows)
                images = shared[evenly_spaced(len(shared), COMPARED)]
                if len(images) >= FEWEST_COMPARED:
                    names = {
                        "representation_a": one.name,
                        "representation_b": representations[j].name,
                        "n": len(images),
                    }
                    try:
                        pair = scores_of(i, images), scores_of(j, images)
                        found = similarity(*pair, permutations=SHUFFLES, seed=seed)
                    except Degenerate as error:  # a constant layer is like no other
                        table.append({**names, "warnings": str(error)})
                        continue
                    values = {"cka": found.value, "null": found.null, "p": found.p}
                    table.append({**names, **values, "warnings": ""})
            advance(1)
    columns = ["representation_a", "representation_b", "cka", "null", "p", "n", "warnings"]
    return pd.DataFrame(table, columns=columns)


def evenly_spaced(n: int, most: int) -> np.ndarray:
    """At most ``most`` of n rows, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def invariance_row(X: np.ndarray, perturbed: np.ndarray, groups: np.ndarray | None) -> Any:
    """The measured columns of one row of invariance.csv; NaN, and why, of a constant layer."""
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
    except Degenerate as error:
        return {**dict.fromkeys(columns, np.nan), "n": len(X), "warnings": str(error)}
    values = (
        measured.relative_displacement,
        measured.low,
        measured.high,
        measured.top1_retrieval,
        measured.top1_retrieval_low,
        measured.top1_retrieval_high,
    )
    return {**dict(zip(columns, values, strict=True)), "n": measured.n, "warnings": ""}


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
) -> tuple[dict[str, float], pd.Series | None]:
    """Accuracy of label probes and of shuffled labels; which images the linear probe gets right."""
    if labels is None or len(np.unique(labels)) < 2:
        return {}, None
    labelled = np.flatnonzero(labels != "")
    labels, scores = labels[labelled], representation.scores[labelled]
    shuffled = stream(seed, "layers", "label shuffle").permutation(labels)
    clusters = None if representation.clusters is None else representation.clusters[labelled]
    crossed = clusters is not None and labels_cross(labels, clusters)
    folds = _grouped_folds(clusters if crossed else None)
    row: dict[str, float] = {}
    hits = None
    for method in ("knn", "linear"):
        read = probe(scores, labels, method=method, clusters=clusters, seed=seed, **folds)
        hits = read.hits
        control = probe(scores, shuffled, method=method, seed=seed, **folds)
        row |= {**_columns(read, method), f"{method}_shuffled": control.value}
        row["chance"] = read.chance
    return row, pd.Series(hits, representation.image_rows[labelled])


def _grouped_folds(clusters: np.ndarray | None) -> dict[str, Any]:
    """The options of a probe that keeps each cluster in one fold; none where there are none."""
    if clusters is None:
        return {}
    return {"groups": clusters, "folds": min(FOLDS, len(np.unique(clusters)))}


def _columns(read: Probe, name: str) -> dict[str, float]:
    return {name: read.value, f"{name}_low": read.low, f"{name}_high": read.high}
