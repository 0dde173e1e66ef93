"""What starts from where accepted images are gives the probability that counting gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import gammaln

from repviz.errors import InputError, UnknownName
from repviz.facespace.bounds import face_space_volume, pixelwise_tilt, uniform_near
from repviz.facespace.envelopes import log10_bound, pixelwise_envelope, uniform_envelope
from repviz.facespace.judges import face_space
from repviz.facespace.known import Known
from repviz.facespace.tilting import TILTS, log10_near

N = 400_000  # points that are counted


def faces(seed=0, n=40, d=9):
    """Images of two parameters and a little noise, in [0, 1]."""
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 0.15, (n, 2)) @ rng.normal(0, 1, (2, d)) + rng.normal(0, 0.05, (n, d))
    return np.clip(0.5 + images, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def known():
    return Known(faces())


def drawn(sampler, known, n=N):
    rng = np.random.default_rng(1)
    if sampler == "uniform-pixels":
        return rng.random((n, known.faces.shape[1]))
    deviation = known.faces.std(axis=0, ddof=1)
    return known.mean + deviation * rng.standard_normal((n, known.faces.shape[1]))


def shares(envelope, n=N):
    """The share of the envelope's rows that count, and the rows."""
    rng = np.random.default_rng(2)
    numbers = envelope.latent.prior.draw(rng, (n, envelope.latent.d))
    rows = envelope.latent.rows(numbers)
    return (envelope.excess(numbers, rows) <= 0).mean(), rows


# ---- truth: tilting


def test_a_ball_inside_the_cube_has_its_volume():
    d, radius = 400, 0.4
    centre = Known(np.full((1, d), 0.5, np.float32))
    found = log10_near(centre, "uniform-pixels", 0.0, radius / math.sqrt(d))
    truth = d / 2 * math.log(math.pi) - gammaln(d / 2 + 1) + d * math.log(radius)
    assert truth / math.log(10) == pytest.approx(-434.64, abs=0.01)
    assert found.low < truth / math.log(10) < found.high
    assert found.high - found.low < 0.2


@pytest.mark.parametrize("sampler", TILTS)
@pytest.mark.parametrize("limits", [(0.0, 0.1), (0.06, 0.1)])
def test_noise_is_near_a_known_image_as_often_as_counted(sampler, limits, known):
    rows = np.clip(drawn(sampler, known), 0, 1)
    squares = [np.square(rows - face).mean(axis=1) for face in known.faces]
    away = np.sqrt(np.min(squares, axis=0))
    share = ((away >= limits[0]) & (away <= limits[1])).mean()
    found = log10_near(known, sampler, *limits)
    assert 1e-4 < share < 0.2
    assert found.low - 0.02 < math.log10(share) < found.high + 0.02


def test_intervals_of_tilting_cover_as_often_as_they_say():
    d, radius = 25, 0.4
    centre = Known(np.full((1, d), 0.5, np.float32))
    truth = (d / 2 * math.log(math.pi) - gammaln(d / 2 + 1) + d * math.log(radius)) / math.log(10)
    found = [
        log10_near(centre, "uniform-pixels", 0, radius / 5, draws=1000, seed=seed)
        for seed in range(100)
    ]
    assert 90 <= sum(one.low <= truth <= one.high for one in found) <= 99


def test_a_known_image_that_stands_twice_changes_nothing(known):
    twice = Known(np.concatenate([known.faces, known.faces]))
    one, two = (log10_near(k, "uniform-pixels", 0, 0.1) for k in (known, twice))
    assert one.log10 == pytest.approx(two.log10, abs=0.05)


def test_the_probability_stays_below_the_bound_on_it(known):
    found = log10_near(known, "uniform-pixels", 0, 0.1)
    assert found.log10 < uniform_near(known.faces, 0.1)


# ---- truth: envelopes


def test_the_envelope_of_uniform_pixels_holds_what_is_counted(known):
    statistics = face_space.fit(known, 0)
    within, residual = 1.5, 0.15
    values = statistics(drawn("uniform-pixels", known).astype(np.float32))
    share = ((values[:, 0] <= within) & (values[:, 1] <= residual)).mean()
    envelope = uniform_envelope(known, within, residual)
    counting, rows = shares(envelope)
    assert share > 1e-4
    assert 10**envelope.log10 * counting == pytest.approx(share, rel=0.1)
    values = statistics(rows.astype(np.float32))
    assert values[:, 0].max() <= within * 1.0001
    assert values[:, 1].max() <= residual * 1.0001


def test_points_of_the_envelope_are_uniform_in_ellipsoid_and_ball(known):
    within, residual = 1.5, 0.15
    rows = shares(uniform_envelope(known, within, residual), 20_000)[1]
    values = face_space.fit(known, 0)(rows.astype(np.float32))
    k = len(face_space.leading_components(known).components)
    for column, reach, m in ((0, within, k), (1, residual, 9 - k)):
        squares = np.square(values[:, column] / reach).mean()  # of a ball: m / (m + 2)
        assert squares == pytest.approx(m / (m + 2), rel=0.02)


def test_the_envelope_of_pixelwise_noise_holds_what_is_counted(known):
    rows = drawn("pixelwise-gaussian", known).astype(np.float32)
    share = (face_space.fit(known, 0)(rows)[:, 1] <= 0.03).mean()
    envelope = pixelwise_envelope(known, 0.03)
    counting, _ = shares(envelope)
    assert share > 1e-4
    assert counting < 1
    assert 10**envelope.log10 * counting == pytest.approx(share, rel=0.1)


def test_the_bound_is_that_of_the_limits_that_are_known(known):
    space = {"within": 0.5, "residual": 0.02}
    volume = face_space_volume(known, **space)
    assert log10_bound(known, "uniform-pixels", distance=0.1, **space) == volume < 0
    assert log10_bound(known, "uniform-pixels", distance=0.1) == uniform_near(known.faces, 0.1)
    assert log10_bound(known, "pixelwise-gaussian", **space) == pixelwise_tilt(known, 0.02)[0] < 0
    assert math.isnan(log10_bound(known, "pixelwise-gaussian", distance=0.1))
    assert math.isnan(log10_bound(known, "natural-noise", **space))


# ---- messages


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda known: log10_near(known, "shuffled-pixels", 0, 0.1),
            UnknownName,
            "log10_near: no sampler is called 'shuffled-pixels'. Known: uniform-pixels, "
            "pixelwise-gaussian.",
        ),
        (
            lambda known: log10_near(known, "uniform-pixels", 0.1, 0.1),
            InputError,
            "log10_near: some of 4000 draws must lie 0.1 to 0.1 from a known image, got none. Use "
            "more draws, or count: ladder.",
        ),
    ],
)
def test_says_what_is_wrong(call, error, sentence, known):
    with pytest.raises(error) as caught:
        call(known)
    assert str(caught.value) == sentence
