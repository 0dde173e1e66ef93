"""umap and the measures of a map: repeatable, right on known arrangements, exact against peers."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as peer_trustworthiness

from repviz.errors import InputError, Unavailable
from repviz.manifold import quality
from repviz.manifold.embedding import EMBEDDINGS, embed
from repviz.manifold.embedding import umap_map as embedding
from repviz.manifold.embedding.landmarks import place_on_map, umap_by_landmarks
from repviz.manifold.embedding.umap_map import umap
from repviz.manifold.neighbors import neighbors
from repviz.manifold.quality import continuity, trustworthiness
from repviz.manifold.quality import quality as quality_of
from repviz.principal import pca


@pytest.fixture(scope="module")
def groups():
    """Three groups of 40 rows far apart, and which group a row is of."""
    rng = np.random.default_rng(0)
    centres = 20 * np.eye(3, 10)
    return np.repeat(centres, 40, axis=0) + rng.standard_normal((120, 10)), np.repeat([0, 1, 2], 40)


@pytest.fixture(scope="module")
def graph(groups):
    return neighbors(groups[0], k=30)


# ---- truth


@pytest.mark.slow
def test_groups_that_are_apart_stay_apart(groups, graph):
    xy = umap(graph)
    nearest = neighbors(xy, k=10).indices
    assert xy.shape == (120, 2)
    assert xy.dtype == np.float32
    assert (groups[1][nearest] == groups[1][:, None]).mean() > 0.99


@pytest.mark.slow
def test_groups_with_no_tie_between_them_are_drawn(groups):
    """With four neighbours the graph falls into three pieces."""
    xy = umap(neighbors(groups[0], k=4), neighbors=5)
    assert np.isfinite(xy).all()
    assert (groups[1][neighbors(xy, k=3).indices] == groups[1][:, None]).mean() > 0.99


@pytest.mark.slow
def test_the_spectral_start_balances_pieces_that_nothing_ties(groups):
    """Slow directions are orthogonal to standing still, and no two pieces start on one spot."""
    random = np.random.RandomState(0)
    ties, _ = embedding._fuzzy(neighbors(groups[0], k=4), 4, random)
    start = embedding._spectral(ties, 2, seed=0)
    weights = np.asarray(ties.sum(axis=1)).ravel() + embedding.TELEPORT
    assert np.allclose(weights @ start / weights.sum(), 0, atol=1e-6 * np.ptp(start))
    places = np.array([start[groups[1] == piece].mean(axis=0) for piece in range(3)])
    assert neighbors(places, k=1).distances.min() > 0.3 * np.ptp(start)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_trustworthiness_equals_scikit_learns(metric):
    rng = np.random.default_rng(1)
    X, xy = rng.standard_normal((150, 8)), rng.standard_normal((150, 2))
    xy[:, 0] += X[:, 0]
    ours = trustworthiness(neighbors(X, k=20, metric=metric), xy, k=12)
    assert ours == pytest.approx(peer_trustworthiness(X, xy, n_neighbors=12, metric=metric))
    # continuity is trustworthiness with map and rows exchanged
    if metric == "euclidean":
        ours = continuity(neighbors(X, k=20), xy, k=12)
        assert ours == pytest.approx(peer_trustworthiness(xy, X, n_neighbors=12))


# ---- laws


@pytest.mark.slow
def test_one_seed_gives_one_map_to_the_bit(graph):
    state = np.random.get_state()[1].copy()
    first = umap(graph, seed=3)
    assert np.array_equal(first, umap(graph, seed=3))
    assert not np.array_equal(first, umap(graph, seed=4))
    assert np.array_equal(np.random.get_state()[1], state), "the global generator was touched"


def test_a_map_that_is_the_rows_is_perfect():
    X = np.random.default_rng(2).standard_normal((80, 2))
    graph = neighbors(X, k=20)
    assert trustworthiness(graph, 5 * X + 1, k=10) == 1
    assert continuity(graph, 5 * X + 1, k=10) == 1


def test_a_shuffled_map_is_near_a_half():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((400, 5))
    graph = neighbors(X, k=20)
    assert trustworthiness(graph, rng.standard_normal((400, 2)), k=10) == pytest.approx(
        0.5, abs=0.03
    )


def test_blocks_give_what_the_whole_gives(monkeypatch):
    rng = np.random.default_rng(4)
    X, xy = rng.standard_normal((90, 33)), rng.standard_normal((90, 2))
    graph = neighbors(X, k=20)
    whole = trustworthiness(graph, xy), continuity(graph, xy)
    monkeypatch.setattr(quality, "BLOCK_BYTES", 8 * 90 * 7)
    assert (trustworthiness(graph, xy), continuity(graph, xy)) == pytest.approx(whole)


def test_an_offset_changes_no_rank():
    rng = np.random.default_rng(6)
    X, xy = rng.standard_normal((60, 5)), rng.standard_normal((60, 2))
    here, far = (
        trustworthiness(neighbors(X, k=20), xy),
        trustworthiness(neighbors(X + 1e8, k=20), xy),
    )
    assert far == pytest.approx(here, abs=1e-4)


# ---- edges


def test_rows_that_are_all_the_same_have_no_intruders():
    xy = np.random.default_rng(7).random((40, 2))
    assert trustworthiness(neighbors(np.ones((40, 3)), k=15), xy) == 1


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_very_few_rows(n):
    X = np.random.default_rng(5).random((n, 4))
    xy = umap(neighbors(X, k=n - 1))
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


@pytest.mark.slow
def test_rows_that_are_all_the_same():
    xy = umap(neighbors(np.ones((30, 4)), k=15))
    assert np.isfinite(xy).all()


@pytest.mark.slow
def test_starts_where_it_is_told_and_in_three_dimensions(groups, graph):
    start = pca(groups[0], components=3).scores
    xyz = umap(graph, components=3, init=start)
    assert xyz.shape == (120, 3)
    assert not np.array_equal(xyz, umap(graph, components=3, init=-start))


# ---- other maps, and quality at each point


@pytest.mark.slow
def test_labels_density_and_a_pca_start_each_change_the_map(groups, graph):
    plain = umap(graph)
    for options in ({"labels": groups[1]}, {"densmap": True}, {"init": "pca"}):
        other = umap(graph, **options)
        assert other.shape == plain.shape
        assert np.isfinite(other).all()
        assert not np.array_equal(other, plain)
        assert np.array_equal(other, umap(graph, **options))


@pytest.mark.slow
def test_rows_are_placed_among_their_landmarks(groups):
    X, label = groups
    found = umap_by_landmarks(X, landmarks=60, seed=1)
    assert len(found.landmarks) == 60
    assert found.embedding.shape == (120, 2)
    near = neighbors(found.embedding, k=5).indices
    assert (label[near] == label[:, None]).mean() > 0.97
    again = umap_by_landmarks(X, landmarks=60, seed=1)
    assert np.array_equal(found.embedding, again.embedding)
    rng = np.random.default_rng(9)
    fresh = 20 * np.eye(3, 10) + rng.standard_normal((3, 10))
    placed = found.transform(fresh)
    closest = np.linalg.norm(placed[:, None] - found.embedding, axis=2).argmin(axis=1)
    assert label[closest].tolist() == [0, 1, 2]


@pytest.mark.slow
def test_rows_are_placed_on_a_map_as_on_that_of_its_landmarks(groups):
    X = groups[0]
    found = umap_by_landmarks(X, landmarks=60, seed=1)
    drawn = found.embedding[found.landmarks]
    others = np.setdiff1d(np.arange(120), found.landmarks)
    placed = place_on_map(X[others], X[found.landmarks], drawn, seed=1)
    assert np.array_equal(placed, found.embedding[others])
    # What is far from every row still lands among them: a map cannot show how far.
    far = place_on_map(1000 + X[:5], X[found.landmarks], drawn, seed=1)
    margin = np.ptp(drawn, axis=0)
    assert (far > drawn.min(axis=0) - margin).all()
    assert (far < drawn.max(axis=0) + margin).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", EMBEDDINGS)
def test_every_embedding_keeps_groups_apart_and_repeats(method, groups, graph):
    pytest.importorskip({"tsne": "openTSNE", "pacmap": "pacmap"}.get(method, "numpy"))
    options = {"perplexity": 8} if method == "tsne" else {}
    xy = embed(graph, method=method, seed=2, **options)
    assert xy.shape == (120, 2)
    assert xy.dtype == np.float32
    near = neighbors(xy, k=5).indices
    assert (groups[1][near] == groups[1][:, None]).mean() > 0.97
    assert np.array_equal(xy, embed(graph, method=method, seed=2, **options))


@pytest.mark.parametrize(("method", "package"), [("tsne", "openTSNE"), ("pacmap", "pacmap")])
def test_a_package_that_is_missing_is_named(method, package, graph, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(Unavailable) as caught:
        embed(graph, method=method)
    assert str(caught.value) == (
        f"{method}: the package {package} is needed and is not installed. Run: pip install "
        f"{package}, or use method='umap'."
    )


@pytest.mark.parametrize("measure", [quality_of, trustworthiness, continuity])
def test_a_whole_number_may_be_a_float(measure, groups, graph):
    xy = graph.X[:, :2]
    assert repr(measure(graph, xy, k=3.0)) == repr(measure(graph, xy, k=3))


def test_quality_is_the_mean_of_its_points_and_agrees_with_the_measures(groups, graph):
    xy = embed(graph, method="pca")
    found = quality_of(graph, xy, k=10, labels=groups[1])
    assert found.trustworthiness == pytest.approx(trustworthiness(graph, xy, k=10))
    assert found.continuity == pytest.approx(continuity(graph, xy, k=10))
    mapped = neighbors(xy, k=10).indices
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(mapped, graph.indices[:, :10], strict=True)]
    assert np.allclose(found.points["knn_recall"], shared)
    assert found.label_hit == pytest.approx((groups[1][mapped] == groups[1][:, None]).mean())
    for name in ("trustworthiness", "continuity", "knn_recall", "label_hit"):
        assert found.points[name].shape == (120,)
        assert getattr(found, name) == pytest.approx(found.points[name].mean())
    assert 0.8 < found.shepard <= 1
    assert quality_of(graph, graph.X, k=10).shepard == pytest.approx(1)
    assert np.isnan(quality_of(graph, xy, k=10).label_hit)
    shuffled = np.random.default_rng(8).permutation(xy)
    assert abs(quality_of(graph, shuffled, k=10).shepard) < 0.1


# ---- messages


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda graph: umap(graph, neighbors=40),
            "umap: the graph must have at least neighbors - 1 = 39 neighbours per row, got 30. "
            "Build it with neighbors(X, k=39), or use neighbors=31.",
        ),
        (
            lambda graph: umap(graph, init=np.ones((7, 2))),
            "umap: init must have one row for each of the graph's 120 rows, got 7.",
        ),
        (
            lambda graph: place_on_map(np.ones((1, 3)), graph.X, np.ones((120, 2))),
            "place_on_map: X must have 10 columns, as the map's rows, got 3.",
        ),
        (
            lambda graph: place_on_map(graph.X, graph.X, np.ones((7, 2))),
            "place_on_map: embedding must have one row for each of the map's 120 rows, got 7.",
        ),
        (
            lambda graph: umap(graph, min_dist=2),
            "umap: min_dist must be a number from 0 to 1, got 2.",
        ),
        (
            lambda graph: trustworthiness(graph, np.ones((7, 2))),
            "trustworthiness: the embedding must have one row for each of the graph's 120 rows, "
            "got 7.",
        ),
        (
            lambda graph: continuity(graph, np.ones((120, 2)), k=31),
            "continuity: k must be a whole number from 1 to 30, got 31.",
        ),
    ],
)
def test_says_what_is_wrong(graph, call, sentence):
    with pytest.raises(InputError) as caught:
        call(graph)
    assert str(caught.value) == sentence
