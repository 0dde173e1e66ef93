"""Intervals of shares and of resampled means."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from repviz import intervals
from repviz.errors import InputError


@pytest.mark.parametrize(("count", "n"), [(1, 10), (5, 10), (81, 263), (9, 10)])
def test_a_share_has_the_exact_interval(count, n):
    truth = binomtest(count, n).proportion_ci(0.95, method="exact")
    assert intervals.share(count, n) == pytest.approx((truth.low, truth.high), abs=1e-12)


def test_none_of_n_has_the_one_sided_limit():
    low, high = intervals.share(0, 10_000)
    assert low == 0
    assert high == pytest.approx(1 - 0.05 ** (1 / 10_000))  # (1 - p)^n = 0.05
    assert high == pytest.approx(3 / 10_000, rel=0.01)  # the rule of three
    assert intervals.share(20, 20) == pytest.approx((0.05 ** (1 / 20), 1.0))


@pytest.mark.parametrize("p", [0.02, 0.3, 0.5])
def test_the_interval_covers_at_least_its_level(p):
    counts = np.arange(41)
    covered = [low <= p <= high for low, high in (intervals.share(c, 40) for c in counts)]
    assert binom.pmf(counts, 40, p)[covered].sum() >= 0.95


def test_a_count_above_n_is_refused():
    with pytest.raises(InputError) as caught:
        intervals.share(11, 10)
    assert str(caught.value) == "share: count must be a whole number from 0 to 10, got 11."


def test_resampling_rows_gives_the_standard_error_of_the_mean():
    values = np.random.default_rng(0).normal(size=400)
    draws = intervals.resampled_weights(np.arange(400), draws=4000, seed=1) @ values
    assert draws.std() == pytest.approx(values.std() / 20, rel=0.05)
    low, high = intervals.middle(draws)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)


def test_resampling_people_knows_that_their_images_go_together():
    person = np.repeat(np.arange(40), 10)
    values = np.random.default_rng(0).normal(size=40)[person]  # a person's images are all alike
    draws = intervals.resampled_weights(person, draws=4000, seed=1) @ values
    assert draws.std() == pytest.approx(values.std() / np.sqrt(40), rel=0.05)


def test_weights_are_weights_and_the_seed_decides_them():
    weights = intervals.resampled_weights(np.array(["a", "a", "b"]), draws=50, seed=3)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    again = intervals.resampled_weights(np.array(["a", "a", "b"]), draws=50, seed=3)
    np.testing.assert_array_equal(weights, again)
