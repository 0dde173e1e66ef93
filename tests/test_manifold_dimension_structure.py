"""The interval for the true dimension, warnings of structure, and DANCo on curves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from repviz.manifold.dimension import dimension
from repviz.manifold.dimension.calibration import (
    _table,
    ball_means,
    falling_inverse,
    model_error,
    truth_interval,
)

pytestmark = pytest.mark.slow


def sphere(seed, n, d):
    X = np.random.default_rng(seed).standard_normal((n, d + 1))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def ball(seed, n, d):
    return sphere(seed, n, d - 1) * np.random.default_rng(seed + 1000).random((n, 1)) ** (1 / d)


def curve_or_surface(name, n=2000):
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 4 * np.pi, n)
    return {
        "helix": np.column_stack([np.cos(t), np.sin(t), t / 5]),
        "spiral": np.column_stack([t * np.cos(t), t * np.sin(t)]),
        "circle": np.column_stack([np.cos(t), np.sin(t)]),
        "sphere": sphere(1, n, 2),
        "square": rng.random((n, 2)),
    }[name]


@pytest.mark.parametrize(
    ("name", "d"), [("helix", 1), ("spiral", 1), ("circle", 1), ("sphere", 2), ("square", 2)]
)
def test_danco_on_curves_and_surfaces(name, d):
    X = curve_or_surface(name)
    assert dimension(X, method="danco").value == pytest.approx(d, rel=0.05)
    assert dimension(X, method="danco", integer=True).value == d


def test_danco_is_at_most_the_number_of_columns_that_vary():
    X = np.random.default_rng(3).standard_normal((500, 3))
    padded = np.hstack([X, np.zeros((500, 4))])
    found = dimension(padded, method="danco")
    assert found.value <= 3
    assert found.calibrated_high <= 3
    assert dimension(X, method="danco").value == pytest.approx(found.value)


def test_the_published_rule_of_danco_counts_in_integers():
    X = ball(46, 1000, 6)
    found = dimension(X, method="danco", integer=True)
    assert found.value == found.calibrated == 6
    assert found.low <= 6 <= found.high
    assert dimension(X, method="danco").value != 6


def structured(kind):
    rng = np.random.default_rng(1)
    angles = rng.uniform(0, 2 * np.pi, (1000, 8))
    if kind == "torus":
        return np.hstack([np.cos(angles), np.sin(angles)])
    if kind == "Swiss roll":
        t = 1.5 * np.pi * (1 + 2 * rng.random(1000))
        return np.column_stack([t * np.cos(t), 21 * rng.random(1000), t * np.sin(t)])
    if kind == "noisy circle":
        X = 0.03 * rng.standard_normal((1000, 10))
        X[:, :2] += np.stack([np.cos(angles[:, 0]), np.sin(angles[:, 0])], axis=1)
        return X
    if kind == "line and plane":
        X = np.zeros((1000, 3))
        X[:500, :2], X[500:, 2] = rng.uniform(-1, 1, (500, 2)), rng.uniform(-1, 1, 500)
        return X
    X = rng.standard_normal((200, 4))
    X[:, 0] += np.repeat(30 * np.arange(10), 20)
    return X


@pytest.mark.parametrize(
    ("kind", "method", "words"),
    [
        ("torus", "twonn", "rises from"),
        ("Swiss roll", "twonn", "the set is curved: around single rows a quadratic in 2 tangent"),
        ("noisy circle", "twonn", "falls from"),
        ("line and plane", "twonn", "parts of different dimension"),
        ("clusters", "tle", "reach from one cluster to the next"),
        ("clusters", "twonn", "each has the bias of its own number of rows, not that of 200"),
    ],
)
def test_warnings_of_structure(kind, method, words):
    found = dimension(structured(kind), method=method)
    assert any(words in warning for warning in found.warnings), found.warnings


@pytest.mark.parametrize("d", [1, 2, 5, 8])
@pytest.mark.parametrize("shape", ["ball", "cube"])
def test_uniform_sets_have_no_warning_of_structure(d, shape):
    X = ball(4, 1000, d) if shape == "ball" else np.random.default_rng(4).random((1000, d))
    assert dimension(X).warnings == ()


@pytest.mark.parametrize("d", [2, 5, 8])
def test_two_hundred_rows_of_a_torus_are_curved(d):
    """Of eight dimensions the rows are far apart: only the farthest neighbours show it."""
    warned = 0
    for seed in range(10):
        angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, (200, d))
        X = np.hstack([np.cos(angles), np.sin(angles)])
        warned += any("the set is curved" in warning for warning in dimension(X).warnings)
    assert warned >= 6


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_flat_set_in_more_dimensions_is_not_curved(seed, noise):
    rng = np.random.default_rng(seed)
    X = rng.random((1000, 3)) @ rng.standard_normal((3, 12))
    X += noise * rng.standard_normal(X.shape)
    assert not any("curved: around" in warning for warning in dimension(X).warnings)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_a_sphere_is_curved(d):
    assert any("the set is curved" in warning for warning in dimension(sphere(0, 1000, d)).warnings)


@pytest.mark.parametrize("method", ["twonn", "mle", "gride", "danco", "abid"])
@pytest.mark.parametrize(
    ("draw", "d"),
    [
        (lambda rng: rng.standard_normal((1000, 5)), 5),
        (lambda rng: rng.exponential(size=(1000, 5)) * np.exp(-np.arange(5) / 2), 5),
        (lambda rng: rng.standard_t(3, (1000, 3)), 3),
        (lambda rng: rng.laplace(size=(1000, 4)), 4),  # of no reference family
    ],
)
def test_the_calibrated_interval_covers_the_truth_off_the_ball(draw, d, method):
    covered = 0
    for seed in range(4):
        found = dimension(draw(np.random.default_rng(seed)), method=method)
        covered += found.calibrated_low <= d <= found.calibrated_high
        assert found.calibrated_low <= found.calibrated <= found.calibrated_high
    assert covered >= 3


def test_every_calibrated_method_has_a_model_error():
    for method in _table():
        if not method.startswith("danco-"):
            below, above = model_error(method, 1000, 5.0)
            assert below > 0
            assert above > 0
    wide, narrow = model_error("twonn", 200, 5.0), model_error("twonn", 5000, 5.0)
    assert sum(wide) > sum(narrow)
    assert model_error("twonn", 10, 5.0) == model_error("twonn", 200, 5.0)


def test_the_interval_for_the_truth_by_hand():
    below, above = model_error("twonn", 1000, 4.0)
    low, high = truth_interval("twonn", 1000, 4.0, 4 * math.exp(-0.1), 4 * math.exp(0.2))
    assert math.log(4 / low) == pytest.approx(math.sqrt(0.01 + below**2))
    assert math.log(high / 4) == pytest.approx(math.sqrt(0.04 + above**2))


def test_abid_of_a_ball_of_sixty_dimensions_is_a_lower_limit():
    found = dimension(ball(5, 1000, 60), method="abid")
    assert found.calibrated < 30
    assert found.calibrated_high > 60
    assert any("lower limit" in warning for warning in found.warnings)


def test_the_means_of_two_methods_alone_fall_beyond_a_peak():
    """Their values have two inverses; a new table with a peak needs the same treatment."""
    falling = {
        method
        for method, (sizes, _, _) in _table().items()
        if not method.startswith("danco-")
        for n in sizes
        if ball_means(method, n)[2].argmax() < len(ball_means(method, n)[2]) - 1
    }
    assert {method.split("-")[0] for method in falling} == {"abid", "fishers"}
    assert falling_inverse("twonn", 1000, 8.0) is None
    assert falling_inverse("abid-20", 1000, 8.26) > 30
