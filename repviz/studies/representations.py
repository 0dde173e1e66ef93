"""Measuring one representation: spectrum, dimension, map, nearest-neighbour identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from repviz.errors import Degenerate, InputError
from repviz.manifold.dimension import Dimension, dimension
from repviz.manifold.embedding.umap_map import umap
from repviz.manifold.identity import NearestIdentity, nearest_identity
from repviz.manifold.neighbors import Neighbors, neighbors
from repviz.manifold.quality import local_trustworthiness
from repviz.number_format import is_lower_limit, missing, vague
from repviz.principal import pca
from repviz.principal.parallel import parallel_analysis
from repviz.principal.spectrum import Spectrum, spectrum
from repviz.spreadsheets import SENTENCE_SEPARATOR
from repviz.studies.paired_layers import (
    Pairs,
    control_pairs,
    outcomes_table,
    paired_differences,
)
from repviz.study_folder import Draft

COMPONENTS = 50  # of the spectrum that is kept
DRAWN = 12  # principal components shown as pictures
NEIGHBORS = 72  # of the one graph: the scale curve compares neighbours 32 and 64, copies aside
LOCAL = 20  # neighbours from which the dimension around one image is estimated
LINKED = 10  # nearest images of each image that the report lists beside its neighbours on the map
TRUST = 15  # neighbourhood size at which a map is judged, the one that UMAP uses

Split = tuple[np.ndarray, np.ndarray]  # rows that are known, rows that are held out


@dataclass(frozen=True, eq=False)
class Representation:
    """One (n, d) matrix of a study, with the graph, components and dimension computed once.

    Attributes
    ----------
    name : str
        As the report shows it: "pixels", "code 32", "trained fc7".
    model, weights, layer : str
        "alexnet"; one of :data:`~repviz.weight_kinds.WEIGHT_KINDS`; "fc7".
    X : array_like, shape (n, d)
        One row per image; read when it is needed.
    clusters : ndarray, shape (n,), or None
        Which rows are not independent draws, for the interval of the dimension.
    images : ndarray of int, shape (n,), or None
        The image of each row, as a row of images.csv; the first n if None.
    """

    name: str
    model: str
    weights: str
    layer: str
    X: Any = field(repr=False)
    clusters: np.ndarray | None = field(default=None, repr=False)
    images: np.ndarray | None = field(default=None, repr=False)

    @property
    def image_rows(self) -> np.ndarray:
        """The row of images.csv of each of its rows, (n,)."""
        return np.arange(len(self.X)) if self.images is None else self.images

    @cached_property
    def matrix(self) -> np.ndarray:
        """The rows in memory, (n, d)."""
        return np.asarray(self.X)

    @cached_property
    def graph(self) -> Neighbors:
        """The neighbour graph that dimension, map and scale curve share."""
        k = min(NEIGHBORS, len(self.matrix) - 1)
        return neighbors(self.matrix, k=k).with_groups(self.clusters)

    @cached_property
    def spectrum(self) -> Spectrum:
        """The variance along every principal component, and the scores."""
        return spectrum(self.matrix)

    @cached_property
    def scores(self) -> np.ndarray:
        """The scores on all principal components, (n, at most n - 1): the same distances."""
        return self.spectrum.scores[:, self.spectrum.explained_variance > 0]

    @cached_property
    def twonn(self) -> Dimension:
        """The TwoNN estimate that every table of the study quotes."""
        return dimension(self.graph)

    def identify(self) -> dict[str, str]:
        """The columns that name this representation in a table."""
        return {
            "representation": self.name,
            "model": self.model,
            "weights": self.weights,
            "layer": self.layer,
        }


@dataclass(frozen=True, eq=False)
class Description:
    """A representation's row of layers.csv, its spectrum and its map.

    Attributes
    ----------
    row : dict
        Column to value. Of a representation that cannot be measured only the names and, in
        ``dimension_warnings``, the reason.
    spectrum, points : DataFrame or None
        One row per component, one per image.
    neighbors : ndarray of int64, shape (n, at most 10), or None
        The nearest images of each image, nearest first.
    hits, groups : Series, one entry per held-out image, or None
        Whether its nearest known image carries its label, and its cluster, both by the image's row
        of images.csv, for paired comparisons.
    """

    row: dict[str, Any]
    spectrum: pd.DataFrame | None = None
    points: pd.DataFrame | None = None
    neighbors: np.ndarray | None = None
    hits: pd.Series | None = None
    groups: pd.Series | None = None

    @property
    def measured(self) -> bool:
        """Whether it could be measured, which needs rows that differ."""
        return self.spectrum is not None


def describe(
    representation: Representation, *, labels: np.ndarray | None, split: Split, seed: int
) -> Description:
    """Dimension, spectrum, map and nearest-neighbour identity of one representation.

    Parameters
    ----------
    representation : Representation
        What is measured.
    labels : ndarray, shape (n,), or None
        The label of each image; None leaves nearest-neighbour identity out.
    split : (ndarray, ndarray)
        Rows that are known, and held-out rows whose nearest neighbours are searched among them.
    seed : int
        Seed of the map.
    """
    try:
        return _measured(representation, labels, split, seed)
    except InputError as error:  # a dead layer ends its own row, not the study
        reason = f"not measured: its rows do not distinguish the images. ({error})"
        n = len(representation.matrix)
        return Description(
            {**representation.identify(), "n": n, "dimension_warnings": reason, "seed": seed}
        )


def write_descriptions(
    draft: Draft, descriptions: Sequence[Description], *, pairs: Pairs | None = None
) -> None:
    """Write layers.csv, spectrum.csv and map.csv: a row per representation, component, point.

    The array ``map_neighbors``, shape (representations, n, at most 10), holds the rows of the
    nearest images of each image, in the order of map.csv; where a representation has fewer images
    than another, its last rows are -1.

    Parameters
    ----------
    draft : Draft
        Where the stage writes.
    descriptions : sequence of Description
        What was measured.
    pairs : callable, optional
        Which representations identity_differences.csv compares: see :func:`control_pairs`.

    Raises
    ------
    InputError
        None of the representations could be measured.
    """
    measured = [one for one in descriptions if one.measured]
    if not measured:
        raise InputError(
            "study: at least one representation must distinguish the images, got none. Use other "
            f"images. ({descriptions[0].row['dimension_warnings']})"
        )
    # The first that was measured has every column, in order.
    table = pd.DataFrame([one.row for one in (measured[0], *descriptions)])[1:]
    draft.table("layers", table)
    draft.table("spectrum", pd.concat([one.spectrum for one in measured]))
    points = pd.concat([one.points for one in measured]).rename_axis("row").reset_index()
    draft.table("map", points)
    draft.array("map_neighbors", _stacked([one.neighbors for one in measured]))
    identified = [one for one in measured if one.hits is not None]
    if identified:
        hits = {one.row["representation"]: one.hits for one in identified if one.hits is not None}
        draft.table("identity_images", outcomes_table(hits))
        draft.table("identity_differences", compare_identity(identified, pairs or control_pairs))


def _stacked(neighbors: Sequence[np.ndarray | None]) -> np.ndarray:
    """Matrices of neighbours as one array (m, n, k) of int32, -1 where one has fewer rows."""
    there = [one for one in neighbors if one is not None]
    rows, columns = (max(one.shape[axis] for one in there) for axis in (0, 1))
    stacked = np.full((len(there), rows, columns), -1, np.int32)
    for place, one in zip(stacked, there, strict=True):
        place[: one.shape[0], : one.shape[1]] = one
    return stacked


def compare_identity(
    descriptions: Sequence[Description], pairs: Pairs = control_pairs
) -> pd.DataFrame:
    """Paired differences in nearest-neighbour identity, over the held-out images of both.

    Parameters
    ----------
    descriptions : sequence of Description
        With hits.
    pairs : callable
        From their rows of layers.csv to the pairs of representations that are compared.

    Returns
    -------
    DataFrame
        representation_a, representation_b, difference (a less b, of the two shares, in
        [-1, 1]), low, high (95 %, jackknife over clusters of images), n.
    """
    return paired_differences(
        {one.row["representation"]: one.hits for one in descriptions if one.hits is not None},
        pairs([one.row for one in descriptions]),
        {one.row["representation"]: one.groups for one in descriptions},
    )


def draw_by_label(
    labels: np.ndarray | None, n: int, most: int, rng: np.random.Generator
) -> np.ndarray:
    """At most ``most`` of n rows, ascending: a random sample stratified by label.

    Parameters
    ----------
    labels : ndarray, shape (n,), or None
        None draws all rows alike.
    n, most : int
        How many rows there are, and how many are wanted; all where n is at most ``most``.
    rng : numpy.random.Generator
        Which rows of a label.
    """
    if n <= most:
        return np.arange(n)
    order = rng.permutation(n)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    return np.sort(order[np.linspace(0, n - 1, most).round().astype(np.int64)])


def leading_components(images: np.ndarray, *, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """The leading principal components of images as pictures, beside their null.

    Parameters
    ----------
    images : ndarray, shape (n, c, h, w)
        Pixels.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    table : DataFrame
        component, ratio, null_ratio_max (the largest share of the variance at this place over
        permutations of each pixel among the images), n, permutations.
    pictures : ndarray of float32, shape (components, c, h, w)
    """
    X = images.reshape(len(images), -1)
    leading = pca(X, components=min(DRAWN, len(X) - 1))
    count = len(leading.explained_variance)
    null = parallel_analysis(X, components=count, seed=seed)
    total = leading.explained_variance[0] / leading.explained_variance_ratio[0]
    table = {
        "component": np.arange(1, count + 1),
        "ratio": leading.explained_variance_ratio,
        "null_ratio_max": null.null / total,
        "n": len(X),
        "permutations": null.permutations,
    }
    pictures = leading.components.reshape(count, *images.shape[1:])
    return pd.DataFrame(table), pictures.astype(np.float32)


def _measured(
    representation: Representation, labels: np.ndarray | None, split: Split, seed: int
) -> Description:
    graph, components = representation.graph, representation.spectrum
    xy = umap(graph, seed=seed)
    trust = min(TRUST, (graph.n - 1) // 2)
    ratio = components.explained_variance_ratio
    cumulative = np.cumsum(ratio)
    clusters = representation.clusters
    identity = _identity(representation, labels, split)
    # Ranks are taken from the scores, whose distances are the rows'.
    trusted = local_trustworthiness(replace(graph, X=representation.scores), xy, k=trust)
    row: dict[str, Any] = {
        **representation.identify(),
        "n": graph.n,
        "groups": graph.n if clusters is None else len(np.unique(clusters)),
        "d": graph.d,
        **representation.twonn.as_row("dimension"),
        "participation_ratio": components.participation_ratio,
        "components_90": int(np.searchsorted(cumulative, 0.9) + 1),
        "trustworthiness": float(trusted.mean()),
        "trustworthiness_k": trust,
        **identity_columns(identity),
        "seed": seed,
    }
    shares = {
        "component": np.arange(1, len(ratio) + 1),
        "ratio": ratio,
        "cumulative": cumulative,
    }
    name, images = representation.name, representation.image_rows
    local_dimension, undefined = _local_dimension(graph)
    if undefined:
        told = filter(None, [row["dimension_warnings"], undefined])
        row["dimension_warnings"] = SENTENCE_SEPARATOR.join(told)
    local = {"trustworthiness": trusted, "local_dimension": local_dimension}
    points = pd.DataFrame(xy, columns=["x", "y"], index=images)
    held_out = images[split[1]]
    return Description(
        row,
        pd.DataFrame(shares)[:COMPONENTS].assign(representation=name),
        points.assign(representation=name, **local),
        neighbors=images[graph.indices[:, :LINKED]],
        hits=None if identity is None else pd.Series(identity.hits, held_out),
        groups=None if clusters is None else pd.Series(clusters[split[1]], held_out),
    )


def _local_dimension(graph: Neighbors) -> tuple[np.ndarray, str]:
    """The dimension around each row (n,); NaN, and the reason, where it is not defined."""
    undefined = np.full(graph.n, np.nan)
    try:
        local = dimension(graph, method="mle", k=LOCAL).local
    except Degenerate as error:
        return undefined, f"The dimension around an image is not defined. ({error})"
    return undefined if local is None else local, ""


def _identity(
    representation: Representation, labels: np.ndarray | None, split: Split
) -> NearestIdentity | None:
    """How often the nearest known image of a held-out image has the same label."""
    if labels is None or len(np.unique(labels)) < 2:
        return None
    known, queries = split
    return nearest_identity(
        representation.matrix,
        labels,
        known=known,
        queries=queries,
        groups=representation.clusters,
    )


def quoted_dimension(row: Any) -> str:
    """The calibrated dimension of a row of layers.csv: "4.1 [3.1, 7.7]".

    Too wide an interval is "an unknown number [0.2, 106.7]", one without an end "at least 35.1".
    """
    low, high = row.dimension_calibrated_low, row.dimension_calibrated_high
    if missing(row.dimension_calibrated):
        return "not measured"
    if is_lower_limit(row.dimension_warnings):
        return f"at least {low:.1f}"
    if vague(low, high):
        return f"an unknown number [{low:.1f}, {high:.1f}]"
    return f"{row.dimension_calibrated:.1f} [{low:.1f}, {high:.1f}]"


def identity_columns(identity: NearestIdentity | None) -> dict[str, float]:
    """The columns of nearest-neighbour identity in a table; NaN where it was not measured."""
    columns = [
        "nearest_same",
        "nearest_same_low",
        "nearest_same_high",
        "nearest_same_n",
        "nearest_same_chance",
    ]
    if identity is None:
        return dict.fromkeys(columns, np.nan)
    values = (identity.share, identity.low, identity.high, identity.n, identity.chance)
    return dict(zip(columns, values, strict=True))
