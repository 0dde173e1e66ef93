"""neighbors and neighbors_between: exact, whatever the numbers are like."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from repviz.errors import Damaged, InputError, UnknownName
from repviz.manifold.neighbors import METRICS, neighbors, neighbors_between


def brute(X, k, metric="euclidean"):
    """Every distance in float64; ties go to the lower row, as ours do."""
    distances = cdist(X.astype(np.float64), X.astype(np.float64), metric)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


@pytest.fixture(name="X")
def rows():
    rng = np.random.default_rng(0)
    return (rng.standard_normal((300, 6)) @ rng.standard_normal((6, 40))).astype(np.float32)


# ---- truth


@pytest.mark.parametrize("metric", METRICS)
def test_equals_every_distance_computed(X, metric):
    indices, distances = brute(X, 20, metric)
    graph = neighbors(X, k=20, metric=metric)
    assert np.array_equal(graph.indices, indices)
    assert np.allclose(graph.distances, distances, rtol=1e-12)


def test_equals_scikit_learn(X):
    peer = NearestNeighbors(n_neighbors=10, algorithm="kd_tree").fit(X.astype(np.float64))
    distances, indices = peer.kneighbors()
    graph = neighbors(X, k=10)
    assert np.array_equal(graph.indices, indices)
    assert np.allclose(graph.distances, distances, rtol=1e-9)


def test_points_on_a_line():
    graph = neighbors([[0.0], [1.0], [3.0], [7.0]], k=2)
    assert graph.indices.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert graph.distances.tolist() == [[1, 3], [1, 2], [2, 3], [4, 6]]
    assert (graph.n, graph.d, graph.k, graph.recall) == (4, 1, 2, 1.0)


def test_between_equals_every_distance_computed(X):
    indices, distances = neighbors_between(X[:50], X[50:], k=7)
    truth = cdist(X[:50].astype(float), X[50:].astype(float))
    order = np.argsort(truth, axis=1)[:, :7]
    assert np.array_equal(indices, order)
    assert np.allclose(distances, np.take_along_axis(truth, order, axis=1), rtol=1e-9)


@pytest.mark.parametrize(("rows", "k"), [(100, 30), (25, 24)])
def test_clusters_far_tighter_than_float32_sees_are_still_exact(rows, k):
    """Rows about a centre, closer together than float32's error for |q|^2 + |x|^2 - 2qx.

    With 100 rows to a centre float32 proposes the wrong ones; with 25 it proposes them all.
    """
    rng = np.random.default_rng(1)
    centres = 10 * rng.standard_normal((2000 // rows, 64))
    X = np.repeat(centres, rows, axis=0) + 1e-5 * rng.standard_normal((2000, 64))
    indices, distances = brute(X, k)
    graph = neighbors(X, k=k)
    assert np.array_equal(graph.indices, indices)
    assert np.allclose(graph.distances, distances, rtol=1e-9)


@pytest.mark.parametrize("metric", METRICS)
def test_torch_finds_the_same_to_the_bit(X, metric):
    graph = neighbors(X, k=20, metric=metric)
    other = neighbors(X, k=20, metric=metric, device="cpu")
    assert np.array_equal(graph.indices, other.indices)
    assert np.array_equal(graph.distances, other.distances)


def test_torch_merges_what_several_tiles_propose(X, monkeypatch):
    from repviz.manifold.search import device

    monkeypatch.setattr(device, "TILE", 64)
    graph, other = neighbors(X, k=40), neighbors(X, k=40, device="cpu")
    assert np.array_equal(graph.indices, other.indices)
    assert np.array_equal(graph.distances, other.distances)


def test_faiss_flat_finds_the_same(X):
    faiss = pytest.importorskip("faiss")
    wide = np.vstack([X + i for i in range(9)])  # several tiles
    centred = (wide - wide.mean(axis=0)).astype(np.float32)
    index = faiss.IndexFlatL2(40)
    index.add(centred)
    squared, _ = index.search(centred, 21)
    graph = neighbors(wide, k=20)
    assert np.allclose(graph.distances**2, squared[:, 1:], rtol=1e-3, atol=1e-2)


def test_an_approximate_graph_says_how_much_it_found():
    rng = np.random.default_rng(6)
    X = np.sin(rng.standard_normal((4000, 5)) @ rng.standard_normal((5, 30)))
    exact = neighbors(X, k=10)
    graph = neighbors(X, k=10, search="approximate")
    found = (graph.indices[:, :, None] == exact.indices[:, None, :]).any(axis=1).mean()
    assert 0.95 <= found < 1
    assert graph.recall == pytest.approx(found, abs=0.015)
    right = graph.indices == exact.indices
    assert np.allclose(graph.distances[right], exact.distances[right], rtol=1e-12)
    assert not (graph.indices == np.arange(4000)[:, None]).any()
    assert np.array_equal(graph.indices, neighbors(X, k=10, search="approximate").indices)


def test_a_graph_is_kept_under_its_content(X, tmp_path):
    first = neighbors(X, k=5, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    stamp = file.stat().st_mtime_ns
    again = neighbors(X, k=5, cache=tmp_path)
    assert file.stat().st_mtime_ns == stamp
    assert np.array_equal(first.indices, again.indices)
    assert np.array_equal(first.distances, again.distances)
    changed = X.copy()
    changed[0, 0] += 1
    neighbors(changed, k=5, cache=tmp_path)
    neighbors(X, k=5, metric="cosine", cache=tmp_path)
    neighbors(X, k=5, search="approximate", cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    file.write_bytes(b"half of it")
    with pytest.raises(Damaged) as caught:
        neighbors(X, k=5, cache=tmp_path)
    assert str(caught.value) == (
        f"{file}: this neighbour graph is damaged. Delete the file, and the graph is computed "
        "again."
    )


class Layer:
    """What a stored layer is to whoever reads it: float16, block by block."""

    def __init__(self, X):
        self.X, self.shape, self.dtype = X.astype(np.float16), X.shape, np.dtype(np.float16)

    def blocks(self):
        for start in range(0, len(self.X), 70):
            yield start, self.X[start : start + 70]


def test_a_stored_layer_is_read_block_by_block(X):
    layer = Layer(X)
    graph = neighbors(layer, k=9)
    assert graph.X.dtype == np.float32
    assert np.array_equal(graph.indices, neighbors(layer.X.astype(np.float64), k=9).indices)


def test_what_no_distance_sees_is_reported(X):
    X = X.copy()
    X[:, 7] = 3
    X[[4, 9]] = 0.5
    X[:, 7] = 3
    graph = neighbors(X, k=3)
    assert graph.constant_columns.tolist() == [7]
    assert graph.constant_rows.tolist() == []
    X[[4, 9], 7] = 0.5
    assert neighbors(X, k=3).constant_rows.tolist() == [4, 9]
    assert neighbors(X, k=3).constant_columns.tolist() == []


# ---- laws


@pytest.mark.parametrize("change", ["offset", "scale up", "scale down", "zero columns"])
def test_indices_do_not_change(X, change):
    X = X.astype(np.float64)
    changed, unit = {
        "offset": (X + 1e3, 1),
        "scale up": (X * 1e25, 1e25),
        "scale down": (X * 1e-25, 1e-25),
        "zero columns": (np.hstack([X, np.zeros((300, 9))]), 1),
    }[change]
    graph, other = neighbors(X, k=40), neighbors(changed, k=40)
    assert np.array_equal(graph.indices, other.indices)
    assert np.allclose(graph.distances * unit, other.distances, rtol=1e-9)


def test_rotation_and_row_order_do_not_matter(X):
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    order = rng.permutation(300)
    graph, other = neighbors(X, k=10), neighbors((X @ turn)[order], k=10)
    assert np.array_equal(graph.indices[order], order[other.indices])


def test_a_smaller_graph_is_the_beginning_of_a_larger(X):
    small, large = neighbors(X, k=5), neighbors(X, k=40)
    assert np.array_equal(small.indices, large.indices[:, :5])
    assert np.array_equal(small.distances, large.distances[:, :5])


def test_the_key_tells_content_k_and_metric(X):
    key = neighbors(X, k=5).key
    assert key == neighbors(X.copy(), k=5).key
    changed = X.copy()
    changed[0, 0] += 1
    others = [neighbors(changed, k=5), neighbors(X, k=6), neighbors(X, k=5, metric="cosine")]
    assert key not in [other.key for other in others]


# ---- edges


def test_identical_rows_have_each_other_and_never_themselves():
    X = np.repeat(np.random.default_rng(3).random((4, 3)), 30, axis=0)
    graph = neighbors(X, k=40)
    assert not (graph.indices == np.arange(120)[:, None]).any()
    assert (graph.distances[:, :29] == 0).all()
    assert (graph.distances[:, 29:] > 0).all()
    assert all(len(set(row)) == 40 for row in graph.indices.tolist())
    assert graph.duplicates == 120


def test_all_rows_the_same():
    graph = neighbors(np.ones((12, 4)), k=3)
    assert (graph.distances == 0).all()
    assert graph.duplicates == 12
    assert graph.ties == 0


def test_ties_are_counted_and_go_to_the_lower_row():
    graph = neighbors([[0.0], [1.0], [2.0], [10.0]], k=2)
    assert graph.indices[1].tolist() == [0, 2]
    assert graph.ties == 1


def test_as_many_neighbours_as_there_are(X):
    graph = neighbors(X[:6], k=5)
    assert np.array_equal(np.sort(graph.indices, axis=1)[0], [1, 2, 3, 4, 5])


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.int64, bool])
def test_other_numbers_are_read(dtype):
    X = (np.random.default_rng(4).random((40, 12)) * 3).astype(dtype)
    assert np.array_equal(neighbors(X, k=4).distances, brute(X.astype(float), 4)[1])


def test_more_features_than_the_float32_sum_is_trusted_with():
    X = np.random.default_rng(5).random((30, 5000), dtype=np.float32)
    indices, distances = brute(X, 25)
    graph = neighbors(X, k=25)
    assert np.array_equal(graph.indices, indices)
    assert np.allclose(graph.distances, distances, rtol=1e-12)


# ---- messages


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: neighbors(np.ones((5, 2)), k=5),
            "neighbors: k must be at most 4 for so few rows, got k = 5. Use a smaller k or more "
            "images.",
        ),
        (
            lambda: neighbors(np.ones((5, 2)), k=0),
            "neighbors: k must be a whole number at least 1, got 0.",
        ),
        (
            lambda: neighbors(np.ones(5)),
            "neighbors: X must be a matrix of shape (n, d), got shape (5,). "
            "Give one row per image: X.reshape(len(X), -1).",
        ),
        (
            lambda: neighbors([[1.0, 2], [np.nan, 1], [1, 1]], k=1),
            "neighbors: every value of X must be finite, got NaN in row 1 (1 of 3 rows). "
            "Leave those rows out: X[np.isfinite(X).all(axis=1)].",
        ),
        (
            lambda: neighbors([[1.0, 2], [0, 0], [1, 1]], k=1, metric="cosine"),
            "neighbors: a row of zeros has no direction, got one in row 1 (1 of 3 rows). Leave it "
            "out, or use 'euclidean'.",
        ),
        (
            lambda: neighbors_between(np.ones((2, 3)), np.ones((2, 4))),
            "neighbors_between: queries and X must have the same number of columns, got 3 and 4. "
            "Use images of the same size, or codes of the same bottleneck.",
        ),
    ],
)
def test_says_what_is_wrong(call, sentence):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == sentence


def test_an_unknown_device_is_one_sentence():
    with pytest.raises(InputError) as caught:
        neighbors(np.ones((5, 2)), k=1, device="abacus")
    assert str(caught.value).startswith(
        "neighbors: device must be one that torch finds on this machine (cpu"
    )
    assert "), or auto, got 'abacus'. " in str(caught.value)


def test_an_unknown_search_lists_the_known():
    with pytest.raises(UnknownName) as caught:
        neighbors(np.ones((5, 2)), k=1, search="exakt")
    assert str(caught.value) == (
        "neighbors: no search is called 'exakt'. Did you mean 'exact'? Known: exact, approximate."
    )


def test_an_unknown_metric_lists_the_known():
    with pytest.raises(UnknownName) as caught:
        neighbors(np.ones((5, 2)), k=1, metric="cosin")
    assert str(caught.value) == (
        "neighbors: no metric is called 'cosin'. Did you mean 'cosine'? Known: euclidean, cosine."
    )
