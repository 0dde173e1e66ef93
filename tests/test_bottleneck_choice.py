"""The smallest acceptable size: the choice from scores, its bounds, and the elbow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from repviz.bottleneck.choice import choice_from_scores
from repviz.bottleneck.knee import knee
from repviz.bottleneck.non_inferiority import continuous_bound, discrete_bound, groups_needed


def test_the_chosen_size_is_the_one_from_which_nothing_is_lost():
    original = np.ones(200)
    kept = np.stack([np.r_[np.zeros(lost), np.ones(200 - lost)] for lost in (150, 40, 2, 0)])
    choice = choice_from_scores("criterion", "pca", [2, 4, 8, 16], original, kept, np.arange(200))
    assert (choice.size, choice.low, choice.high) == (8, 8, 8)
    # A size that passes below one that fails does not count.
    choice = choice_from_scores(
        "criterion", "pca", [2, 4, 8, 16], original, kept[[3, 1, 2, 3]], np.arange(200)
    )
    assert choice.size == 8
    none = choice_from_scores("criterion", "pca", [2, 4], original, kept[:2], np.arange(200))
    assert none.size is None
    assert none.high == np.inf


@pytest.mark.parametrize(
    ("original", "kept", "groups", "undecided"),
    [
        (
            np.ones(58),
            np.ones(58),
            np.arange(58),
            "the test needs at least 59 independent images to rule out a loss of 5 %, and has 58",
        ),
        (np.ones(59), np.ones(59), np.arange(59), ""),
        (
            np.ones(600),
            np.ones(600),
            np.repeat(np.arange(6), 100),
            "the test needs at least 59 independent people to rule out a loss of 5 %, and has 6",
        ),
        (
            np.zeros(100),
            np.zeros(100),
            np.arange(100),
            "every image, original or reconstructed, scores",
        ),
        (np.eye(100)[0], np.zeros(100), np.arange(100), "the criterion accepts only 1 % of"),
        (
            np.arange(5.0),
            np.arange(5.0) + 0.1,
            np.arange(5),
            "the test needs at least 12 independent images, and has 5",
        ),
        (
            np.arange(40.0),
            np.arange(40.0),
            np.repeat(np.arange(5), 8),
            "the test needs at least 12 independent people, and has 5",
        ),
    ],
)
def test_what_cannot_be_told_is_not_accepted(original, kept, groups, undecided):
    choice = choice_from_scores(
        "criterion", "pca", [2], original, kept[None], groups, units="people"
    )
    assert choice.undecided.startswith(undecided)
    assert bool(choice.undecided) == bool(undecided)
    assert choice.size == (None if undecided else 2)


def test_the_bound_of_a_yes_or_no_is_clopper_and_pearsons():
    lost = np.r_[np.ones(2), np.zeros(98)]
    truth = stats.binomtest(2, 100, alternative="less").proportion_ci(0.95, "exact").high
    assert discrete_bound(lost, np.arange(100), 0.95) == pytest.approx(truth)
    # Twenty images of one person count as one.
    people = np.repeat(np.arange(100), 20)
    assert discrete_bound(np.repeat(lost, 20), people, 0.95) == pytest.approx(truth)
    gained, none = (discrete_bound(x, np.arange(100), 0.95) for x in (-lost, 0 * lost))
    assert gained == none
    assert groups_needed(0.05, 0.95) == 59


def test_the_bound_of_symmetric_losses_is_students_and_of_skewed_ones_larger():
    losses = np.tile([-1.0, 0.0, 1.0], 12)  # half of the error is kept for 36 groups
    student = stats.t.ppf(1 - 0.5 * 0.05, 35) * losses.std(ddof=1) / 6
    assert continuous_bound(losses, np.arange(36), 0.95) == pytest.approx(student)
    skewed = np.random.default_rng(0).exponential(1, 40)
    student = skewed.mean() + stats.t.ppf(0.95, 39) * skewed.std(ddof=1) / np.sqrt(40)
    assert student < continuous_bound(skewed, np.arange(40), 0.95) < 1.4 * student


@pytest.mark.slow
def test_at_the_margin_one_in_twenty_is_accepted_at_most():
    rng = np.random.default_rng(0)
    accepted = 0
    for _ in range(300):
        kept = (rng.random(60) >= 0.05).astype(float)
        choice = choice_from_scores(
            "c", "pca", [2], np.ones(60), kept[None], np.arange(60), draws=2
        )
        accepted += choice.size is not None
    assert 0.02 * 300 < accepted < 0.08 * 300


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.exponential(0.05, 20),
        lambda rng: 0.05 * np.exp(rng.standard_normal(20) - 0.5),  # mean 0.05, skewness 6.2
    ],
    ids=["exponential", "lognormal"],
)
def test_at_the_margin_few_right_skewed_losses_are_accepted_one_time_in_twenty(draw):
    rng, groups = np.random.default_rng(0), np.arange(20)
    bounds = [continuous_bound(draw(rng), groups, 0.95) for _ in range(1000)]
    assert 0.015 < np.mean(np.array(bounds) < 0.05) < 0.06


def test_a_smooth_curve_has_no_knee_and_a_bent_one_has():
    sizes = [2**e for e in range(9)]
    assert not knee(sizes, [0.1 * k**-0.5 for k in sizes]).stable
    bent = knee(sizes, [1.0, 0.7, 0.4, 0.1, 0.099, 0.098, 0.097, 0.096, 0.095])
    assert bent.low == bent.high == 8
    assert bent.stable


def test_one_range_of_sizes_cannot_show_that_a_knee_stays():
    alone = knee([1, 2, 4, 8, 16], [1.0, 0.5, 0.1, 0.09, 0.08])
    assert (alone.ranges, alone.with_knee, alone.low, alone.stable) == (1, 1, 4, False)
