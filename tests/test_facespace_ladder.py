"""Samplers, the judge and the ladder: each draws from what it says, and the counts are exact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from repviz.errors import InputError, UnknownName
from repviz.facespace import SAMPLERS
from repviz.facespace.ladder import ladder
from repviz.facespace.nearest_face import NearestFace
from repviz.facespace.samplers import CHUNK, Known, Sampler
from repviz.images import open_images, split
from repviz.principal import pca

COLUMNS = [
    "rung",
    "order",
    "title",
    "n",
    "accepted",
    "rate",
    "low",
    "high",
    "distance_q05",
    "distance_median",
    "distance_q95",
    "threshold",
    "calibration_n",
    "calibration_quantile",
    "seed",
]


def shapes(seed, n, side=12):
    """Stand-ins for faces: smooth blobs whose place and light vary, shape (n, side^2) in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    cx, cy, light = (
        rng.uniform(low, high, (n, 1, 1)) for low, high in ((0.3, 0.7),) * 2 + ((0.5, 0.9),)
    )
    return (light * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) * 8)).reshape(n, -1).astype(np.float32)


@pytest.fixture(scope="module")
def faces():
    return shapes(0, 150), shapes(1, 60), shapes(2, 40)


@pytest.fixture(scope="module")
def coder(faces):
    fit = pca(faces[0], components=6)
    return {"codes": fit.scores, "decode": fit.inverse}


@pytest.fixture(scope="module")
def climbed(faces, coder):
    return ladder(*faces, **coder, count=2500, seed=7)


def drawn(name, known, count=20_000, seed=0):
    return np.concatenate(list(SAMPLERS[name].chunks(known, count, seed)))


# ---- truth: the samplers draw from what they say


def test_uniform_pixels_are_uniform(faces):
    X = drawn("uniform-pixels", Known(faces[0]))
    assert X.mean() == pytest.approx(0.5, abs=1e-3)
    assert X.var() == pytest.approx(1 / 12, abs=1e-3)


def test_gaussians_have_the_faces_moments():
    """Greys far from 0 and 1, so that nothing is clipped."""
    rng = np.random.default_rng(3)
    known = (0.5 + 0.02 * rng.standard_normal((50, 3)) @ rng.standard_normal((3, 8))).clip(0.1, 0.9)
    covariance = np.cov(known.T)
    full = drawn("full-covariance-gaussian", Known(known))
    apart = drawn("pixelwise-gaussian", Known(known))
    scale = np.abs(covariance).max()
    assert np.allclose(full.mean(axis=0), known.mean(axis=0), atol=2e-3)
    assert np.allclose(np.cov(full.T), covariance, atol=0.04 * scale)
    assert np.allclose(np.cov(apart.T), np.diag(np.diag(covariance)), atol=0.04 * scale)


def test_decoded_codes_are_decoded_from_the_codes_gaussian():
    rng = np.random.default_rng(4)
    codes = 3 + rng.standard_normal((40, 2)) @ np.array([[1.0, 0.5], [0, 0.2]])
    seen = []

    def decode(Z):
        seen.append(Z)
        return np.full((len(Z), 5), 0.25)

    X = drawn("decoded-codes", Known(np.full((40, 5), 0.5), codes, decode))
    assert X.shape == (20_000, 5)
    assert (X == 0.25).all()
    assert np.allclose(np.mean(np.concatenate(seen), axis=0), codes.mean(axis=0), atol=0.03)
    assert np.allclose(np.cov(np.concatenate(seen).T), np.cov(codes.T), rtol=0.05, atol=0.01)


def test_the_control_is_the_mean_face_under_noise():
    known = np.random.default_rng(5).uniform(0.4, 0.6, (30, 6))
    X = drawn("mean-face-plus-noise", Known(known))
    assert np.allclose(X.mean(axis=0), known.mean(axis=0), atol=2e-3)
    assert np.allclose(X.std(axis=0), 0.05, atol=2e-3)


# ---- truth: the judge


def test_distance_is_the_root_mean_square_to_the_nearest():
    judge = NearestFace.fit([[0.0, 0.0], [1.0, 1.0]], [[0.1, 0.1], [0.5, 0.3]])
    found = judge.distances([[0.0, 0.2], [0.9, 1.0], [1.0, 1.0]])
    assert found == pytest.approx([np.sqrt(0.02), np.sqrt(0.005), 0])


def test_the_threshold_is_a_measured_distance_that_keeps_the_quantile():
    known = np.zeros((1, 4))
    calibration = np.linspace(0.05, 1, 20)[:, None] * np.ones(4)
    judge = NearestFace.fit(known, calibration, quantile=0.9)
    assert judge.threshold == pytest.approx(0.9)
    assert judge.accept(calibration).sum() == 18
    assert (judge.calibration_n, judge.quantile) == (20, 0.9)


# ---- truth: the ladder


def test_a_rung_counts_what_the_judge_accepts(faces, climbed):
    row = climbed.table.set_index("rung").loc["full-covariance-gaussian"]
    X = drawn("full-covariance-gaussian", Known(faces[0]), 2500, 7)
    judge = NearestFace.fit(faces[0], faces[1])
    distances = judge.distances(X)
    exact = binomtest(int(row.accepted), 2500).proportion_ci(0.95, method="exact")
    assert row.accepted == (distances <= judge.threshold).sum()
    assert row.distance_median == pytest.approx(np.median(distances))
    assert (row.low, row.high) == pytest.approx((exact.low, exact.high))
    assert 0 < row.accepted < 2500


def test_none_accepted_is_given_with_its_upper_limit(climbed):
    row = climbed.table.set_index("rung").loc["uniform-pixels"]
    assert (row.accepted, row.low) == (0, 0)
    assert row.high == pytest.approx(1 - 0.025 ** (1 / 2500))


def test_noise_is_refused_and_faces_are_not(climbed):
    rate = climbed.table.set_index("rung")["rate"]
    assert rate["uniform-pixels"] == 0
    assert rate["pixelwise-gaussian"] < rate["full-covariance-gaussian"]
    assert rate["held-out-faces"] > 0.8


@pytest.mark.slow
def test_real_faces_and_what_the_judge_cannot_tell():
    """No uniform point of 10,000 passes; strangers do, and so does the mean face under noise."""
    images = open_images("orl", size=64, grey=True)
    X = images.matrix()
    known, unseen, held_out = split(images, (0.7, 0.15, 0.15), by="label", seed=0)
    table = ladder(X[known], X[unseen], X[held_out]).table.set_index("rung")
    assert table.loc["uniform-pixels", "accepted"] == 0
    assert table.loc["held-out-faces", "rate"] > 0.85
    assert table.loc["mean-face-plus-noise", "rate"] > 0.99
    assert table.loc["mean-face-plus-noise", "title"].startswith("Control")


# ---- laws


def test_the_same_seed_gives_the_same_ladder(faces, coder, climbed):
    again = ladder(*faces, **coder, count=2500, seed=7)
    other = ladder(*faces, **coder, count=2500, seed=8)
    assert again.table.equals(climbed.table)
    assert np.array_equal(again.examples, climbed.examples)
    assert not np.array_equal(other.examples, climbed.examples)


def test_a_rung_does_not_depend_on_the_others(faces, climbed):
    alone = ladder(*faces, samplers=["pixelwise-gaussian"], count=2500, seed=7)
    both = climbed.table.set_index("rung").loc["pixelwise-gaussian"].drop("order")
    assert alone.table.iloc[0].drop(["rung", "order"]).equals(both)


def test_another_sampler_in_the_table_changes_no_numbers(faces):
    before = ladder(*faces, samplers=["pixelwise-gaussian"], count=100, seed=7)
    toy = Sampler("toy", "A toy", lambda known, rng, m: rng.random((m, known.faces.shape[1])))
    rest = dict(SAMPLERS)
    SAMPLERS.clear()
    SAMPLERS.update({"toy": toy, **rest})
    try:
        after = ladder(*faces, samplers=["toy", "pixelwise-gaussian"], count=100, seed=7)
    finally:
        SAMPLERS.clear()
        SAMPLERS.update(rest)
    assert np.array_equal(after.examples[1], before.examples[0])


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_keeps_the_contract(name, faces, coder):
    sampler = SAMPLERS[name]
    assert sampler.name == name
    assert sampler.title
    known = Known(faces[0], **coder)
    chunks = list(sampler.chunks(known, CHUNK + 10, 0))
    assert [len(chunk) for chunk in chunks] == [CHUNK, 10]
    assert not np.array_equal(chunks[0][:10], chunks[1])
    X = np.concatenate(chunks)
    assert X.dtype == np.float32
    assert X.shape[1] == faces[0].shape[1]
    assert X.min() >= 0
    assert X.max() <= 1
    assert np.array_equal(X, drawn(name, known, CHUNK + 10))


def test_the_table_has_its_columns_and_the_examples_its_rows(faces, climbed):
    assert list(climbed.table.columns) == COLUMNS
    assert list(climbed.table.rung) == [*SAMPLERS, "held-out-faces"]
    assert list(climbed.table.order) == list(range(6))
    assert climbed.examples.shape == (6, 8, faces[0].shape[1])
    assert climbed.examples.dtype == np.float32
    assert np.array_equal(climbed.examples[-1], faces[2][:8])


# ---- edges


def test_without_codes_their_rung_is_left_out(faces):
    rungs = ladder(*faces, count=10).table.rung
    assert "decoded-codes" not in set(rungs)
    assert len(rungs) == len(SAMPLERS)


def test_few_held_out_faces_and_one_draw(faces):
    climbed = ladder(faces[0], faces[1], faces[2][:3], samplers=["uniform-pixels"], count=1)
    assert climbed.examples.shape == (2, 8, 144)
    assert np.array_equal(climbed.examples[1, 3], faces[2][0])


# ---- messages


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda known, unseen, held_out: ladder(known, unseen, held_out, samplers=["uniform"]),
            UnknownName,
            "ladder: no sampler is called 'uniform'. Did you mean 'uniform-pixels'? Known: "
            "uniform-pixels, pixelwise-gaussian, full-covariance-gaussian, decoded-codes, "
            "mean-face-plus-noise.",
        ),
        (
            lambda known, unseen, held_out: ladder(known * 255, unseen, held_out),
            InputError,
            "ladder: known must hold values from 0 to 1, got 0 to 200. Divide uint8 pixels by 255.",
        ),
        (
            lambda known, unseen, held_out: ladder(known, unseen, held_out, codes=known[:, :2]),
            InputError,
            "ladder: codes and decode must be given together, got only one of them. "
            "Give the known faces' codes and the function that decodes them, or neither.",
        ),
        (
            lambda known, unseen, held_out: ladder(
                known, unseen, held_out, samplers=["decoded-codes"]
            ),
            InputError,
            "ladder: 'decoded-codes' needs codes and decode, got neither. "
            "Give both or leave it out of samplers.",
        ),
        (
            lambda known, unseen, held_out: list(
                SAMPLERS["decoded-codes"].chunks(Known(known), 5, 0)
            ),
            InputError,
            "decoded-codes: codes and decode must be known, got neither. Give both.",
        ),
        (
            lambda known, unseen, held_out: ladder(known, unseen, held_out, count=0),
            InputError,
            "ladder: count must be a whole number at least 1, got 0.",
        ),
    ],
)
def test_says_what_is_wrong(call, error, sentence):
    known = np.linspace(0, 200 / 255, 40).reshape(10, 4)
    with pytest.raises(error) as caught:
        call(known, known + 0.01, known + 0.02)
    assert str(caught.value) == sentence
