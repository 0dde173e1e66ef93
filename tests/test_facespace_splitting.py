"""Splitting agrees with closed forms, and its intervals say so; what cannot be split is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import norm

from repviz.errors import InputError, UnknownName
from repviz.facespace import SAMPLERS
from repviz.facespace.acceptance import log10_accepted
from repviz.facespace.calibration import calibrate
from repviz.facespace.known import Known
from repviz.facespace.splitting import GAUSSIAN, UNIFORM, rarity
from repviz.streams import stream

SIDE = 16


def half_space(X):
    return 4 - X[:, 0]


def ball(X):
    return np.sqrt(np.square(X - 0.5).sum(axis=1)) - 0.5


def shapes(seed, n):
    """Smooth blobs whose place and light vary, shape (n, 256) in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    cx, cy, light = (
        rng.uniform(low, high, (n, 1, 1)) for low, high in ((0.3, 0.7),) * 2 + ((0.5, 0.9),)
    )
    return (light * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) * 8)).reshape(n, -1).astype(np.float32)


@pytest.fixture(scope="module")
def known():
    return Known(shapes(0, 150))


# ---- truth


def test_a_half_space_has_the_probability_of_the_normal_distribution():
    found = rarity(half_space, 20)
    truth = norm.logsf(4) / math.log(10)  # -4.4993
    assert truth == pytest.approx(-4.4993, abs=1e-4)
    assert found.log10 == pytest.approx(truth, rel=0.02)
    assert found.low < truth < found.high
    assert found.high - found.low < 0.6


@pytest.mark.parametrize("d", [10, 50])
def test_a_ball_in_the_cube_has_its_volume(d):
    found = rarity(ball, d, prior=UNIFORM)
    truth = (d / 2 * math.log(math.pi) - gammaln(d / 2 + 1) + d * math.log(0.5)) / math.log(10)
    assert found.log10 == pytest.approx(truth, rel=0.03)
    assert found.low < truth < found.high


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say():
    """Poor moves leave copies alike: a variance from independent points would cover too rarely."""
    truth = norm.logsf(4) / math.log(10)
    found = [rarity(half_space, 30, moves=1, particles=40, seed=seed) for seed in range(100)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert covered >= 0.9


def test_an_event_that_is_not_rare_is_counted():
    found = rarity(lambda X: X[:, 0], 3, limit=0.0)
    assert found.log10 == pytest.approx(math.log10(0.5), abs=0.1)
    assert found.low < math.log10(0.5) < found.high
    assert found.evaluations < 20 * 100 * (1 + 3)


# ---- laws


@pytest.mark.parametrize("prior", [UNIFORM, GAUSSIAN], ids=lambda prior: prior.name)
def test_moves_leave_the_distribution_as_it_is(prior):
    rng = np.random.default_rng(0)
    points = prior.draw(rng, (1, 20_000, 2))
    for step in (0.1, 0.5, 1.0):
        points = prior.move(rng, points, np.full((1, 1, 1), step, np.float32))
    mean, variance = (0.5, 1 / 12) if prior is UNIFORM else (0.0, 1.0)
    assert points.mean() == pytest.approx(mean, abs=0.03)
    assert points.var() == pytest.approx(variance, rel=0.04)
    if prior is UNIFORM:
        assert points.min() >= 0
        assert points.max() <= 1


def test_equal_seeds_give_equal_numbers():
    one, same, other = (rarity(half_space, 5, particles=20, seed=seed) for seed in (3, 3, 4))
    assert (one.log10, one.low, one.high) == (same.log10, same.low, same.high)
    assert np.array_equal(one.points, same.points)
    assert one.log10 != other.log10


def test_every_point_that_is_returned_lies_in_the_event():
    found = rarity(half_space, 5, particles=20)
    assert (half_space(found.points) <= 0).all()
    assert len(found.points) >= 20 * 20 // 2
    assert set(found.groups) == set(range(20))


@pytest.mark.parametrize("name", [name for name, one in SAMPLERS.items() if one.latent])
def test_a_sampler_of_independent_numbers_draws_from_them(name, known):
    sampler = SAMPLERS[name]
    latent = sampler.latent(known)
    rng, same = stream(0, "ladder", name, 0), stream(0, "ladder", name, 0)
    numbers = latent.prior.draw(rng, (7, latent.d))
    expected = np.clip(latent.rows(numbers), 0, 1)
    assert np.array_equal(next(sampler.chunks(known, 7, 0)), expected)
    assert np.array_equal(np.clip(sampler.fit(known)(same, 7), 0, 1), expected)


# ---- truth: what judges accept


@pytest.mark.slow
def test_the_rarity_of_acceptance_is_that_of_counting(known):
    judges = calibrate(known, judges=["nearest-face", "face-space"])
    sampler = SAMPLERS["full-covariance-gaussian"]
    X = np.concatenate(list(sampler.chunks(known, 20_000, 5)))
    for verdict, column in (("joint", -1), ("nearest-face", 0)):
        share = judges.accepts(judges.judge(X))[:, column].mean()
        found = log10_accepted(judges, known, sampler.name, verdict=verdict, particles=100)
        assert found.low - 0.05 < math.log10(share) < found.high + 0.05
    assert np.array_equal(judges.accepts_jointly(X), judges.accepts(judges.judge(X))[:, -1])


# ---- edges and messages


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda known: rarity(lambda X: np.ones(len(X)), 3),
            InputError,
            "rarity: the score must vary outside the event, got 100 points with the score 1. Use "
            "a score that says how far a point is from the event.",
        ),
        (
            lambda known: rarity(half_space, 3, populations=3),
            InputError,
            "rarity: populations must be a whole number at least 4, got 3.",
        ),
        (
            lambda known: log10_accepted(
                calibrate(known, judges=["nearest-face"]), known, "shuffled-pixels"
            ),
            InputError,
            "log10_accepted: sampler must be one of uniform-pixels, pixelwise-gaussian, "
            "leading-components-gaussian, full-covariance-gaussian, got 'shuffled-pixels', which "
            "is no function of independent random numbers. Count instead: ladder.",
        ),
        (
            lambda known: log10_accepted(
                calibrate(known, judges=["nearest-face"]),
                known,
                "uniform-pixels",
                verdict="face-space",
            ),
            UnknownName,
            "log10_accepted: no verdict is called 'face-space'. Known: nearest-face, joint.",
        ),
    ],
)
def test_says_what_is_wrong(call, error, sentence, known):
    with pytest.raises(error) as caught:
        call(known)
    assert str(caught.value) == sentence
