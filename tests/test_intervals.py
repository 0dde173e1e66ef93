"""Intervals of shares, and of means over people."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import binom, binomtest, ttest_1samp

from repviz import intervals
from repviz.errors import InputError


@pytest.mark.parametrize(("count", "n"), [(1, 10), (5, 10), (81, 263), (9, 10)])
def test_a_share_has_the_exact_interval(count, n):
    truth = binomtest(count, n).proportion_ci(0.95, method="exact")
    assert intervals.share(count, n) == pytest.approx((truth.low, truth.high), abs=1e-12)


def test_none_of_n_has_an_upper_limit():
    low, high = intervals.share(0, 10_000)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 10_000))  # (1 - p)^n = 0.025
    assert intervals.share(20, 20) == pytest.approx((0.025 ** (1 / 20), 1.0))


@pytest.mark.parametrize("n", [5, 10, 40, 120])
def test_the_interval_covers_at_least_its_level_at_every_share(n):
    counts = np.arange(n + 1)
    ends = np.array([intervals.share(c, n) for c in counts])
    for p in np.linspace(0, 1, 401):
        covered = (ends[:, 0] <= p) & (p <= ends[:, 1])
        assert binom.pmf(counts, n, p)[covered].sum() >= 0.95


def test_a_count_above_n_is_refused():
    with pytest.raises(InputError) as caught:
        intervals.share(11, 10)
    assert str(caught.value) == "share: count must be a whole number from 0 to 10, got 11."


def first(means):
    return means[..., 0]


def test_leaving_out_rows_gives_the_t_interval_of_the_mean():
    values = np.random.default_rng(0).normal(size=(12, 1))
    truth = ttest_1samp(values[:, 0], 0).confidence_interval(0.95)
    got = intervals.jackknife(values, np.arange(12), first)
    assert got == pytest.approx((truth.low, truth.high))


def test_leaving_out_people_knows_that_their_images_go_together():
    each = np.random.default_rng(0).normal(size=(8, 1))
    person = np.repeat(np.arange(8), 10)  # a person's images are all alike
    got = intervals.jackknife(each[person], person, first)
    assert got == pytest.approx(intervals.jackknife(each, np.arange(8), first))


@pytest.mark.slow
@pytest.mark.parametrize("people", [4, 6, 20])
def test_the_interval_of_a_ratio_covers_its_level_with_few_people(people):
    rng, hits, repeats = np.random.default_rng(1), 0, 1500
    person = np.repeat(np.arange(people), 10)
    for _ in range(repeats):
        both = np.exp(rng.normal(scale=0.3, size=(people, 1)) + np.zeros((1, 2)))
        both[:, 0] *= 0.9 * np.exp(rng.normal(scale=0.1, size=people))
        values = both[person] * np.exp(rng.normal(scale=0.2, size=(10 * people, 2)))
        low, high = intervals.jackknife(values, person, lambda m: np.log(m[..., 0] / m[..., 1]))
        hits += low <= np.log(0.9 * np.exp(0.1**2 / 2)) <= high
    assert 0.93 <= hits / repeats <= 0.98


def test_one_person_says_nothing_about_others():
    assert np.isnan(intervals.jackknife(np.ones((5, 1)), np.zeros(5), first)).all()


def test_a_share_over_groups_of_one_is_the_share_itself():
    hits = np.arange(60) % 5 > 0
    low, high = intervals.share_of_groups(hits, np.arange(60))
    assert (low, high) == pytest.approx(intervals.share(48, 60), abs=0.01)


def test_images_that_always_agree_count_as_one_per_group():
    people = np.arange(40) % 4 > 0
    low, high = intervals.share_of_groups(people.repeat(3), np.arange(40).repeat(3))
    assert (low, high) == pytest.approx(intervals.share(30, 40), abs=0.01)
    everyone = intervals.share_of_groups(np.ones(120, bool), np.arange(40).repeat(3))
    assert everyone == pytest.approx(intervals.share(40, 40))
    alone = intervals.share_of_groups(np.ones(9, bool), np.zeros(9))
    assert np.isnan(alone).all()


@pytest.mark.slow
@pytest.mark.parametrize("agreement", [0.0, 0.5, 1.0])
def test_the_interval_of_a_share_over_groups_covers_the_truth(agreement):
    """Beta-binomial people of three images each, 0.8 on average; 600 draws of 40 people."""
    rng = np.random.default_rng(1)
    covered, people = 0, np.arange(40).repeat(3)
    for _ in range(600):
        if agreement == 0:
            chance = np.full(40, 0.8)
        elif agreement == 1:
            chance = (rng.random(40) < 0.8).astype(float)
        else:
            spread = 1 / agreement - 1
            chance = rng.beta(0.8 * spread, 0.2 * spread, size=40)
        low, high = intervals.share_of_groups(rng.random(120) < chance[people], people)
        covered += low <= 0.8 <= high
    assert covered / 600 > 0.935


def test_the_paired_difference_is_the_jackknifes_of_the_difference_of_each_trial():
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 120)) < 0.7
    people = np.repeat(np.arange(40), 3)
    found = intervals.paired_difference(one, other, people)
    apart = one.astype(float) - other
    by_person = apart.reshape(40, 3).mean(axis=1)
    reach = stats.t.ppf(0.975, 39) * by_person.std(ddof=1) / np.sqrt(40)
    assert found["difference"] == pytest.approx(apart.mean())
    assert found["low"] == pytest.approx(apart.mean() - reach)
    assert found["high"] == pytest.approx(apart.mean() + reach)
    assert intervals.paired_difference(one, one)["low"] == 0
