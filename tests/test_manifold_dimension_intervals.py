"""dimension: the intervals cover what they are intervals for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_manifold_dimension import ball, sphere

from repviz.manifold.dimension import dimension
from repviz.manifold.dimension.uncertainty import dependent_standard_error, interval


@pytest.mark.slow
def test_calibrated_intervals_cover_the_dimension_of_balls():
    """120 draws of a true 0.95 lie within 0.90 and 1 in 99 of 100 cases."""
    found = [(d, dimension(ball(seed, 2000, d))) for d in (2, 5, 10) for seed in range(40)]
    assert np.mean([one.calibrated_low <= d <= one.calibrated_high for d, one in found]) >= 0.9


def shares(make, repeats, **options):
    """How many intervals hold the estimator's own mean, and the intervals blind to sharing."""
    found = [dimension(make(seed), **options) for seed in range(repeats)]
    mean = math.exp(np.mean([math.log(one.value) for one in found]))
    return np.mean([one.low <= mean <= one.high for one in found])


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [lambda seed: ball(seed, 1000, 5), lambda seed: sphere(seed, 1000, 2)],
    ids=["ball", "sphere"],
)
@pytest.mark.parametrize("fit", ["likelihood", "linear"])
def test_intervals_hold_the_mean(make, fit):
    """150 repeats: 0.95 has a standard error of 0.018; blind intervals hold it in 0.88-0.90."""
    assert 0.915 <= shares(make, 150, fit=fit) <= 0.99


def test_shared_deviation_by_hand():
    influence = np.array([1.0, 2.0, -3.0, 0.5])
    neighborhoods = np.array([[0, 1], [1, 0], [2, 3], [3, 2]])
    # rows 0, 1 share and rows 2, 3 share: (1 + 2)^2 + (-3 + 0.5)^2, against 14.25 apart;
    # 8 of the 16 pairs share, which the influences' own mean took off
    assert dependent_standard_error(influence, neighborhoods) == pytest.approx(
        math.sqrt((9 + 6.25) / (1 - 8 / 16)) / 4
    )


def test_shared_deviation_is_never_below_the_independent_one():
    influence = np.array([1.0, -1.0])
    neighborhoods = np.array([[0, 1], [1, 0]])
    assert dependent_standard_error(influence, neighborhoods) == pytest.approx(math.sqrt(2) / 2)


def test_interval_is_normal_in_the_logarithm():
    low, high = interval(5.0, 0.1, 0.95)
    assert low == pytest.approx(5 * math.exp(-0.1959964), rel=1e-6)
    assert low * high == pytest.approx(25)


def test_the_linear_fits_influence_is_its_derivative():
    """Weight moved onto one row changes the slope by that row's influence."""
    from repviz.manifold.dimension.estimators.twonn import linear

    log_mu = np.random.default_rng(7).exponential(0.2, 2000)
    value, influence = linear(log_mu, 0.1)
    assert influence.mean() == pytest.approx(0, abs=1e-3)
    for row in (3, 500, 1200):
        more, _ = linear(np.concatenate([log_mu, np.repeat(log_mu[row], 20)]), 0.1)
        assert math.log(more / value) * 101 == pytest.approx(influence[row], abs=0.15)


def test_groups_widen_the_interval_of_noisy_copies():
    """20 augmentations of each of 60 images: whole images are the draws."""
    rng = np.random.default_rng(39)
    X = np.repeat(ball(40, 60, 6), 20, axis=0) + 0.05 * rng.standard_normal((1200, 6))
    image = np.repeat(np.arange(60), 20)
    for method in ("gride", "participation", "pca-90", "fishers"):
        blind, knowing = (dimension(X, method=method, groups=g) for g in (None, image))
        assert knowing.value == blind.value
        assert knowing.high - knowing.low >= 0.97 * (blind.high - blind.low)
    blind, knowing = (dimension(X, method="participation", groups=g) for g in (None, image))
    assert knowing.high - knowing.low > 3 * (blind.high - blind.low)
