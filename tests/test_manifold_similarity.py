"""similarity: 1 for what is the same up to rotation and scale, chance for what is not related."""

from __future__ import annotations

import numpy as np
import pytest

from repviz.errors import InputError, UnknownName
from repviz.manifold.similarity import SIMILARITIES, minibatch_cka, similarity


@pytest.fixture(name="X", scope="module")
def rows():
    rng = np.random.default_rng(0)
    return rng.standard_normal((80, 12)) * np.linspace(3, 0.5, 12)


# ---- truth


def test_cka_is_the_unbiased_estimate_written_out():
    """Song et al. 2012, equation 5, with matrices; and the usual CKA is far off on so few rows."""
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((20, 30)), rng.standard_normal((20, 40))

    def hsic(K, L):
        n, one = len(K), np.ones(len(K))
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        whole = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        return (np.trace(K @ L) + whole - 2 / (n - 2) * one @ K @ L @ one) / (n * (n - 3))

    K, L = X @ X.T, Y @ Y.T
    truth = hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))
    assert similarity(X, Y, permutations=0).value == pytest.approx(truth, abs=1e-12)
    H = np.eye(20) - 1 / 20
    biased = np.trace(K @ H @ L @ H) / np.sqrt(np.trace(K @ H @ K @ H) * np.trace(L @ H @ L @ H))
    assert biased > 0.5
    assert abs(truth) < 0.3


def test_unrelated_rows_have_a_cka_of_zero_on_average():
    rng = np.random.default_rng(2)
    found = [
        similarity(*rng.standard_normal((2, 30, 50)), permutations=0).value for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(0, abs=4 * np.std(found) / np.sqrt(200))


def test_procrustes_is_what_a_rotation_leaves(X):
    """1 - distance^2 / 2 of the two shapes, each of norm 1."""
    from scipy.linalg import orthogonal_procrustes

    Y = X[:, ::-1] + 0.5 * np.random.default_rng(3).standard_normal(X.shape)
    A, B = (rows - rows.mean(axis=0) for rows in (X, Y))
    A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    turn, _ = orthogonal_procrustes(A, B)
    truth = 1 - np.square(A @ turn - B).sum() / 2
    assert similarity(X, Y, method="procrustes", permutations=0).value == pytest.approx(truth)


def test_mutual_neighbours_by_hand():
    X = np.array([[0.0], [1], [3], [7], [8]])
    Y = np.array([[0.0], [1], [3], [8], [20]])
    # nearest in X: 1 0 1 4 3; in Y: 1 0 1 2 3
    found = similarity(X, Y, method="mutual-knn", k=1, permutations=0)
    assert found.value == pytest.approx(4 / 5)


def test_minibatches_estimate_the_whole(X):
    Y = X @ np.random.default_rng(4).standard_normal((12, 20)) + 1
    whole = similarity(X, Y, permutations=0).value
    assert minibatch_cka(X, Y, batch=80) == pytest.approx(whole)
    assert minibatch_cka(X, Y, batch=20, epochs=20) == pytest.approx(whole, abs=0.03)


# ---- laws


@pytest.mark.parametrize("method", SIMILARITIES)
def test_rotation_scale_offset_and_order_of_the_two_change_nothing(method, X):
    rng = np.random.default_rng(5)
    Y = X + rng.standard_normal(X.shape)
    turn = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    plain = similarity(X, Y, method=method, permutations=0).value
    assert similarity(X @ turn * 7 + 3, Y, method=method, permutations=0).value == (
        pytest.approx(plain, abs=1e-9)
    )
    assert similarity(Y, X, method=method, permutations=0).value == pytest.approx(plain, abs=1e-9)
    assert similarity(X, X @ turn, method=method, permutations=0).value == pytest.approx(1)
    order = rng.permutation(len(X))
    assert similarity(X[order], Y[order], method=method, permutations=0).value == (
        pytest.approx(plain, abs=1e-9)
    )


@pytest.mark.parametrize("method", SIMILARITIES)
def test_the_null_tells_related_from_unrelated(method, X):
    rng = np.random.default_rng(6)
    related = similarity(X, X[:, :6] + rng.standard_normal((80, 6)), method=method)
    unrelated = similarity(X, rng.standard_normal((80, 6)), method=method)
    assert related.value > related.null
    assert related.p == pytest.approx(1 / 200)
    assert unrelated.p > 0.05
    assert similarity(X, X[:, :3], method=method) == similarity(X, X[:, :3], method=method)


# ---- messages


@pytest.mark.parametrize(
    ("other", "method", "error", "sentence"),
    [
        pytest.param(
            lambda X: X,
            "cca",
            UnknownName,
            "similarity: no method is called 'cca'. Did you mean 'cka'? "
            "Known: cka, procrustes, mutual-knn.",
            id="unknown method",
        ),
        pytest.param(
            lambda X: X[:70],
            "cka",
            InputError,
            "similarity: X and Y must be of the same images, got 80 and 70 rows.",
            id="other images",
        ),
        pytest.param(
            lambda X: np.ones((80, 2)),
            "cka",
            InputError,
            "similarity: the rows of Y must not all be identical.",
            id="identical rows",
        ),
    ],
)
def test_messages(X, other, method, error, sentence):
    with pytest.raises(error) as caught:
        similarity(X, other(X), method=method)
    assert str(caught.value) == sentence


def test_all_rows_as_neighbours_are_refused():
    X = np.random.default_rng(0).standard_normal((11, 3))
    with pytest.raises(InputError) as caught:
        similarity(X, X, method="mutual-knn")
    assert str(caught.value) == "similarity: k must be a whole number from 1 to 9, got 10."
