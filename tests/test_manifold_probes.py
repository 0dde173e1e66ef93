"""probe and invariance: right where the answer is known, chance where there is nothing to read."""

from __future__ import annotations

import numpy as np
import pytest

from repviz.errors import InputError
from repviz.images import open_images
from repviz.images.perturbations import PERTURBATIONS, perturb
from repviz.manifold.invariance import invariance
from repviz.manifold.probes import PROBES, probe


@pytest.fixture(name="groups", scope="module")
def three_groups():
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], 40)
    return 8 * np.eye(3, 6)[np.repeat([0, 1, 2], 40)] + rng.standard_normal((120, 6)), labels


# ---- truth


@pytest.mark.parametrize("method", ["knn", "linear", "logistic"])
def test_labels_that_are_apart_are_read(method, groups):
    found = probe(*groups, method=method)
    assert found.value > 0.98
    assert found.low < found.value <= found.high <= 1
    assert found.chance == pytest.approx(1 / 3)
    assert (found.n, found.folds) == (120, 5)


@pytest.mark.parametrize("method", ["knn", "linear", "logistic"])
def test_shuffled_labels_are_not(method, groups):
    X, labels = groups
    found = probe(X, np.random.default_rng(1).permutation(labels), method=method)
    assert found.low < 0.34 < found.high + 0.1


@pytest.mark.parametrize("d", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_a_factor_is_read_as_far_as_noise_allows(d):
    """y = signal + noise of equal variance: the best R2 is a half."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((600, d))
    signal = X[:, :4].sum(axis=1) / 2
    found = probe(X, signal + rng.standard_normal(600), method="factor")
    assert found.value == pytest.approx(0.5 if d == 10 else 0.3, abs=0.12)
    assert found.low < found.value < found.high
    assert probe(X, signal, method="factor").value > 0.95
    assert probe(X, rng.standard_normal(600), method="factor").value == pytest.approx(0, abs=0.1)


def test_the_ridge_is_scikit_learns():
    from sklearn.linear_model import RidgeCV

    from repviz.manifold.probes import PENALTIES, ridge

    rng = np.random.default_rng(3)
    for shape in ((60, 8), (30, 90)):
        X, asked = rng.standard_normal(shape), rng.standard_normal((20, shape[1]))
        y = X[:, 0] + 0.5 * rng.standard_normal(shape[0])
        values = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
        values = values[values > values[0] * 1e-12]
        peer = RidgeCV(PENALTIES * values.mean()).fit(X, y).predict(asked)
        assert np.allclose(ridge(X, y[:, None], asked)[:, 0], peer, atol=1e-8)


def test_a_class_between_two_others_is_read_by_logistic_regression_alone():
    """Hastie, Tibshirani & Friedman (2009, section 4.2): one-hot regression masks it."""
    rng = np.random.default_rng(5)
    labels = np.repeat(["left", "middle", "right"], 60)
    X = np.repeat([[-6.0, -6.0], [0, 0], [6, 6]], 60, axis=0) + rng.standard_normal((180, 2))
    assert probe(X, labels, method="logistic").value > 0.98
    assert probe(X, labels, method="linear").value < 0.75


@pytest.mark.parametrize("shape", [(90, 6), (30, 80)])
def test_probabilities_are_those_of_scikit_learn_at_one_of_the_penalties(shape):
    from sklearn.linear_model import LogisticRegression

    from repviz.manifold.probes import STRENGTHS, logistic

    rng = np.random.default_rng(6)
    X, queries = 50 + 3 * rng.standard_normal(shape), 50 + 3 * rng.standard_normal((20, shape[1]))
    classes = (X[:, 0] > 50).astype(int) + (X[:, 1] > 51)
    found = logistic(X, classes, queries)
    mean, scale = X.mean(axis=0), np.sqrt(np.square(X - X.mean(axis=0)).mean())
    peers = [
        LogisticRegression(C=strength, max_iter=5000, tol=1e-8)
        .fit((X - mean) / scale, classes)
        .predict_proba((queries - mean) / scale)
        for strength in STRENGTHS
    ]
    assert min(np.abs(found - peer).max() for peer in peers) < 5e-3
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_logistic_regression_takes_labels_of_a_single_image_and_rows_of_zeros():
    rng = np.random.default_rng(7)
    X = rng.standard_normal((40, 5))
    labels = np.array([*(["a", "b"] * 19), "c", "d"])
    assert 0 <= probe(X, labels, method="logistic").value <= 1
    assert 0 <= probe(np.zeros((40, 5)), labels, method="logistic").value <= 1


def test_a_shift_of_every_row_by_a_known_length():
    X = np.random.default_rng(4).standard_normal((400, 5))
    step = np.zeros(5)
    step[0] = 0.5
    apart = np.sqrt(2 * X.var(axis=0, ddof=1).sum())
    found = invariance(X, X + step)
    assert found.relative_displacement == pytest.approx(0.5 / apart, rel=1e-9)
    assert found.low < found.relative_displacement < found.high
    still = invariance(X, X)
    assert (still.relative_displacement, still.top1_retrieval) == (0, 1)


def test_another_image_is_one_apart():
    rng = np.random.default_rng(5)
    found = invariance(*rng.standard_normal((2, 500, 8)))
    assert found.relative_displacement == pytest.approx(1, abs=0.03)
    assert found.top1_retrieval < 0.05


# ---- laws


@pytest.mark.parametrize("method", PROBES)
def test_offset_scale_and_again(method, groups):
    X, labels = groups
    target = X[:, 0] if method == "factor" else labels
    first = probe(X, target, method=method)
    assert probe(X, target, method=method) == first
    assert probe(1000 + 5 * X, target, method=method).value == pytest.approx(first.value)


def test_groups_are_never_split(groups):
    """Copies of a row in its own fold cannot give its label away."""
    rng = np.random.default_rng(6)
    X, labels = rng.standard_normal((60, 4)), rng.choice(["a", "b"], 60)
    X, labels, image = np.repeat(X, 3, axis=0), np.repeat(labels, 3), np.repeat(np.arange(60), 3)
    assert probe(X, labels, k=1).value > 0.9
    assert probe(X, labels, k=1, groups=image).value < 0.7


# ---- contracts


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_change_keeps_the_shape_and_repeats(name):
    images = open_images("drawn-faces:6", size=32, seed=0)
    moved = perturb(images, name, seed=1)
    assert len(moved) == len(images)
    assert np.array_equal(moved.labels, images.labels) or images.labels is None
    for row in (0, 5):
        one = moved.read(row)
        assert one.shape == images.read(row).shape
        assert one.dtype == np.uint8
        assert not np.array_equal(one, images.read(row))
        assert np.array_equal(one, moved.read(row))
    assert moved.key != images.key
    assert moved.key == perturb(images, name, seed=1).key


def test_a_mirror_image_mirrored_is_the_image():
    images = open_images("drawn-faces:2", size=32, seed=0)
    twice = perturb(perturb(images, "mirror"), "mirror")
    assert np.array_equal(twice.read(1), images.read(1))


# ---- messages


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda X: probe(X, np.zeros(7)),
            "probe: target must have one entry for each of 120 rows, got shape (7,).",
        ),
        (
            lambda X: probe(X, np.zeros(120)),
            "probe: target must have at least two different values, got one.",
        ),
        *(
            (
                lambda X, method=method: probe(X, X[:, 0], method=method),
                f"probe: target must hold labels for '{method}', got numbers with fractions (120 "
                "different ones in 120 rows). Use method='factor' for a continuous target.",
            )
            for method in ("knn", "linear")
        ),
        (
            lambda X: probe(X, np.arange(120), groups=np.zeros(120)),
            "probe: there must be at least as many groups as folds, got 1 and 5.",
        ),
        (
            lambda X: invariance(X, X[:100]),
            "invariance: X and X_perturbed must be of the same images and layer, got shapes "
            "(120, 6) and (100, 6).",
        ),
        (
            lambda X: invariance(np.ones((9, 2)), np.ones((9, 2))),
            "invariance: the rows of X must not all be identical.",
        ),
    ],
)
def test_says_what_is_wrong(groups, call, sentence):
    with pytest.raises(InputError) as caught:
        call(groups[0])
    assert str(caught.value) == sentence
