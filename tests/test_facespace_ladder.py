"""Samplers draw from what they say, judges are calibrated, and the counts of a ladder are exact."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binomtest

from repviz import intervals
from repviz.errors import InputError, UnknownName
from repviz.facespace import CONTROLS, JUDGES, NEGATIVES, SAMPLERS, bounds, scrambles
from repviz.facespace.calibration import calibrate, new_people_limit
from repviz.facespace.judges import Judge, user_judge
from repviz.facespace.judges.nearest_face import nearest
from repviz.facespace.known import Known
from repviz.facespace.ladder import ladder
from repviz.facespace.negatives import panel
from repviz.facespace.panel import judge_errors, judge_negatives
from repviz.facespace.samplers import CHUNK, Sampler
from repviz.images import open_images, split
from repviz.nouns import DIGITS
from repviz.principal import pca
from repviz.streams import stream

SIDE = 16
ALL = SAMPLERS | CONTROLS
QUICK = ["nearest-face", "face-space"]


def shapes(seed, n, side=SIDE):
    """Stand-ins for faces: smooth blobs whose place and light vary, shape (n, side^2) in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    cx, cy, light = (
        rng.uniform(low, high, (n, 1, 1)) for low, high in ((0.3, 0.7),) * 2 + ((0.5, 0.9),)
    )
    return (light * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) * 8)).reshape(n, -1).astype(np.float32)


@pytest.fixture(scope="module")
def faces():
    return shapes(0, 150)


@pytest.fixture(scope="module")
def known(faces):
    fit = pca(faces, components=6)
    return Known(faces, codes=fit.scores, decode=fit.inverse)


@pytest.fixture(scope="module")
def held_out():
    return shapes(2, 40)


@pytest.fixture(scope="module")
def climbed(known, held_out):
    return ladder(known, held_out, judges=QUICK, count=2500, seed=7)


def drawn(name, known, count=5000, seed=0):
    return np.concatenate(list(ALL[name].chunks(known, count, seed)))


# ---- truth: the samplers draw from what they say


def test_uniform_pixels_are_uniform(known):
    X = drawn("uniform-pixels", known)
    assert X.mean() == pytest.approx(0.5, abs=1e-3)
    assert X.var() == pytest.approx(1 / 12, abs=1e-3)


def test_gaussians_have_the_faces_moments():
    """Greys far from 0 and 1, so that nothing is clipped."""
    rng = np.random.default_rng(3)
    mixing = rng.standard_normal((3, 8))
    faces = (0.5 + 0.02 * rng.standard_normal((50, 3)) @ mixing).clip(0.1, 0.9)
    covariance = np.cov(faces.T)
    known = Known(faces)
    full = drawn("full-covariance-gaussian", known, 20_000)
    leading = drawn("leading-components-gaussian", known, 20_000)
    apart = drawn("pixelwise-gaussian", known, 20_000)
    scale = np.abs(covariance).max()
    assert np.allclose(full.mean(axis=0), faces.mean(axis=0), atol=2e-3)
    assert np.allclose(np.cov(full.T), covariance, atol=0.04 * scale)
    assert np.allclose(np.cov(leading.T), covariance, atol=0.04 * scale)  # it has rank 3
    assert np.allclose(np.cov(apart.T), np.diag(np.diag(covariance)), atol=0.04 * scale)


def test_shuffled_pixels_and_blocks_keep_the_greys_of_a_face(known, faces):
    greys = {tuple(np.sort(face).tolist()) for face in faces}
    for name in ("shuffled-pixels", "shuffled-blocks"):
        X = drawn(name, known, 20)
        assert all(tuple(np.sort(row).tolist()) in greys for row in X)
        assert not any((row == faces).all(axis=1).any() for row in X)


def test_natural_noise_has_a_spectrum_that_falls_as_one_over_frequency():
    noise = scrambles.natural_noise(np.random.default_rng(0), 400, 64).reshape(-1, 64, 64)
    amplitude = np.sqrt(np.square(np.abs(np.fft.fft2(noise))).mean(axis=0))
    frequency = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
    inside = (frequency > 0.03) & (frequency < 0.45)
    slope = np.polyfit(np.log(frequency[inside]), np.log(amplitude[inside]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.02)
    assert noise.std(axis=(1, 2)) == pytest.approx(1)


def test_scrambled_phases_keep_the_amplitudes_and_lose_the_place(faces):
    mixed = scrambles.phases(np.random.default_rng(0), faces[:20], SIDE)
    before, after = (
        np.abs(np.fft.fft2(rows.reshape(-1, SIDE, SIDE))) for rows in (faces[:20], mixed)
    )
    inner = (slice(None), slice(1, SIDE // 2), slice(1, SIDE // 2))
    assert np.allclose(after[inner], before[inner], rtol=1e-3, atol=1e-4)
    assert np.abs(mixed - faces[:20]).mean() > 0.05


def test_mixtures_lie_between_two_faces_of_different_people(faces):
    people = np.arange(150) // 75
    flat = np.repeat(people[:, None], 4, axis=1).astype(np.float32)
    X = drawn("pixel-mixtures", Known(flat, people=people), 2000)
    share = X[:, 0]
    assert (share[:, None] == X).all()
    assert 0 < share.min() < share.max() < 1
    assert share.mean() == pytest.approx(0.5, abs=0.02)


def test_decoded_codes_are_decoded_from_the_codes_gaussian():
    rng = np.random.default_rng(4)
    codes = 3 + rng.standard_normal((40, 2)) @ np.array([[1.0, 0.5], [0, 0.2]])
    seen = []

    def decode(Z):
        seen.append(Z)
        return np.full((len(Z), 4), 0.25)

    X = drawn("decoded-codes", Known(np.full((40, 4), 0.5), codes=codes, decode=decode), 20_000)
    assert X.shape == (20_000, 4)
    assert (X == 0.25).all()
    assert np.allclose(np.mean(np.concatenate(seen), axis=0), codes.mean(axis=0), atol=0.03)
    assert np.allclose(np.cov(np.concatenate(seen).T), np.cov(codes.T), rtol=0.05, atol=0.01)


def test_the_control_is_the_mean_face_under_noise():
    faces = np.random.default_rng(5).uniform(0.4, 0.6, (30, 4))
    X = drawn("mean-face-plus-noise", Known(faces))
    assert np.allclose(X.mean(axis=0), faces.mean(axis=0), atol=4e-3)
    assert np.allclose(X.std(axis=0), 0.05, atol=2e-3)


# ---- truth: judges and thresholds


def test_distance_is_the_root_mean_square_to_the_nearest():
    faces = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    rows, distances = nearest(np.array([[0.0, 0.2], [0.9, 1.0], [1.0, 1.0]], np.float32), faces)
    assert rows.tolist() == [0, 1, 1]
    assert distances == pytest.approx([np.sqrt(0.02), np.sqrt(0.005), 0])


def test_residual_and_scores_are_those_of_principal_components(known):
    rows = shapes(9, 5)
    fit = pca(known.faces, components=37)  # 150 faces, 4 for each component
    scores = fit.transform(rows)
    left = rows - fit.inverse(scores)
    values = JUDGES["face-space"].fitted(known, 0)(rows)
    variance = np.maximum(fit.explained_variance, 1e-6 * fit.explained_variance[0])
    within = np.sqrt((scores**2 / variance).mean(axis=1))
    assert values[:, 0] == pytest.approx(within, rel=1e-3)
    assert values[:, 1] == pytest.approx(np.sqrt((left**2).mean(axis=1)), abs=1e-4)


@pytest.mark.parametrize(("n", "level", "rank"), [(20, 0.95, 20), (39, 0.95, 38), (99, 0.9, 90)])
def test_with_one_image_each_the_threshold_is_the_conformal_one(n, level, rank):
    scores = np.random.default_rng(n).permutation(n) + 1.0
    assert new_people_limit(lambda seen: scores, np.arange(n), level) == rank


def test_the_limit_is_infinite_where_the_level_is_kept_only_by_accepting_everything():
    scores = np.repeat([0.1, 1e9], [15, 5])
    assert new_people_limit(lambda seen: scores, np.arange(20), 0.95) == np.inf


def test_the_threshold_accepts_the_stated_share_of_new_people_on_average():
    """People differ, their images are alike: a quantile of all images accepts too few."""
    rng = np.random.default_rng(0)
    accepted, plain = [], []
    for _ in range(400):
        scores = rng.standard_normal((30, 1)) + 0.3 * rng.standard_normal((30, 5))
        new = rng.standard_normal((200, 1)) + 0.3 * rng.standard_normal((200, 5))
        known = scores.ravel()
        limit = new_people_limit(partial(_as_they_are, known), np.repeat(np.arange(30), 5), 0.95)
        accepted.append((new <= limit).mean())
        plain.append((new <= np.quantile(scores, 0.95)).mean())
    assert np.mean(accepted) == pytest.approx(0.95, abs=0.006)
    assert np.mean(plain) < 0.942


def _as_they_are(scores, seen):
    return scores


def test_judges_together_accept_the_stated_share_of_new_people_on_average():
    """Bands that were laid around few known people fit these better than new ones."""
    rng = np.random.default_rng(1)
    judges = [user_judge(partial(_column, i), name=f"number-{i}") for i in range(6)]
    people = np.repeat(np.arange(28), 10)
    accepted, bands_of_all = [], []
    for seed in range(40):
        X = expit(_of_people(rng, 28, images=10)).astype(np.float32)
        new = expit(_of_people(rng, 200, images=1)).astype(np.float32)
        calibrated = calibrate(Known(X, people=people), judges=judges, seed=seed)
        accepted.append(calibrated.accepts_jointly(new).mean())
        worst = calibrated.worst(calibrated.out_of_fold)
        bands_of_all.append(calibrated.worst(calibrated.judge(new)) <= np.quantile(worst, 0.95))
    assert np.mean(accepted) == pytest.approx(0.95, abs=0.015)
    assert np.mean(bands_of_all) < 0.93


def _of_people(rng, count, *, images):
    """Six numbers per image, shape (count * images, 6): half of their variance is the person's."""
    own = np.repeat(rng.standard_normal((count, 6)), images, axis=0)
    return own + rng.standard_normal((count * images, 6))


def _column(i, X):
    return X[:, i]


def test_too_near_is_refused_as_too_far_is(known):
    judges = calibrate(known, judges=["nearest-face"])
    low, high = judges.bands[0].limits()
    assert 0 < low[0] < high[0]
    assert not judges.accepts(judges.judge(known.faces))[:, 0].any()  # distance 0
    assert not judges.accepts(judges.judge(np.ones((1, SIDE * SIDE), np.float32))).any()


# ---- truth: the ladder


@pytest.mark.slow
def test_a_rung_counts_what_all_judges_accept(known, climbed):
    row = climbed.table.set_index("rung").loc["full-covariance-gaussian"]
    X = drawn("full-covariance-gaussian", known, 2500, 7)
    judges = climbed.judges
    accepted = judges.accepts(judges.judge(X))[:, -1].sum()
    exact = binomtest(int(accepted), 2500).proportion_ci(0.95, method="exact")
    assert row.accepted == accepted
    assert row.distance_median == pytest.approx(np.median(nearest(X, known.faces)[1]))
    assert (row.accepted_share_low, row.accepted_share_high) == pytest.approx(
        (exact.low, exact.high)
    )


def test_none_accepted_is_given_with_its_upper_limit_and_bound(climbed):
    row = climbed.table.set_index("rung").loc["uniform-pixels"]
    assert (row.accepted, row.accepted_share_low) == (0, 0)
    assert row.accepted_share_high == pytest.approx(1 - 0.025 ** (1 / 2500))
    assert row.log10_bound < -50


def test_noise_is_refused_and_held_out_faces_are_not(climbed):
    rate = climbed.table.set_index("rung")["accepted_share"]
    for name in ("uniform-pixels", "shuffled-pixels", "natural-noise", "mean-face-plus-noise"):
        assert rate[name] == 0
    assert rate["held-out"] > 0.8


def test_slow_judges_see_only_what_the_others_accept(known, held_out):
    asked = []

    def fit(known, seed):
        def statistics(X):
            asked.append(len(X))
            return np.zeros((len(X), 1))

        return statistics

    slow = Judge("slow", "slow", fit, ("nothing",), "everything", two_sided=False, slow=True)
    names = ["full-covariance-gaussian"]
    found = ladder(known, held_out, judges=["nearest-face", slow], samplers=names, count=2000)
    row = found.table.set_index("rung").loc[names[0]]
    assert row.accepted == 100  # counting ends with the hundredth that the others accept
    assert 100 <= row.n < 2000
    assert max(asked[6:]) <= 150


def test_the_rung_that_one_judge_refuses_says_which(known, held_out):
    real = {row.tobytes() for row in np.concatenate([known.faces, held_out])}

    def never_seen(known, seed):
        return lambda X: np.array([[float(row.tobytes() not in real)] for row in X])

    strict = Judge("strict", "strict", never_seen, ("unknown",), "nothing", two_sided=False)
    names = ["full-covariance-gaussian"]
    found = ladder(known, held_out, judges=["nearest-face", strict], samplers=names, count=100)
    assert (
        found.verdicts.set_index(["rung", "judge"]).loc[
            (names[0], "nearest-face"), "accepted_share"
        ]
        > 0.5
    )
    assert found.table["sole_refusing_judge"].tolist() == ["strict", ""]


def test_a_sample_carries_each_judges_score_and_of_a_yes_or_no_the_verdict(known, held_out):
    real = {row.tobytes() for row in np.concatenate([known.faces, held_out])}

    def never_seen(known, seed):
        return lambda X: np.array([[float(row.tobytes() not in real)] for row in X])

    strict = Judge("strict", "strict", never_seen, ("unknown",), "nothing", two_sided=False)
    names = ["full-covariance-gaussian"]
    found = ladder(known, held_out, judges=["nearest-face", strict], samplers=names, count=100)
    noise, faces = (rows for _, rows in found.samples.groupby("rung", sort=False))
    assert noise["refused_strict"].all()
    assert not faces["refused_strict"].any()
    limit = found.table["joint_limit"].iloc[0]
    expected = (found.samples["refusal_score_nearest_face"] <= limit) & (
        ~found.samples["refused_strict"]
    )
    assert (found.samples["accepted"] == expected).all()


def test_a_slow_judge_is_counted_over_the_people_that_it_saw(known):
    def fit(known, seed):
        return lambda X: np.zeros((len(X), 1))

    slow = Judge("slow", "slow", fit, ("nothing",), "everything", two_sided=False, slow=True)
    many = shapes(5, 150)
    found = ladder(known, many, judges=["nearest-face", slow], samplers=["uniform-pixels"], count=1)
    row = found.verdicts.set_index(["rung", "judge"]).loc[("held-out", "slow")]
    assert (row.n, row.groups, row.accepted) == (100, 100, 100)
    assert row.accepted_share_low == pytest.approx(0.025 ** (1 / 100))


# ---- truth: bounds


@pytest.mark.parametrize("distance", [0.25, 0.3])
def test_the_bound_of_uniform_points_near_a_face_is_above_what_is_counted(distance):
    faces = np.random.default_rng(0).uniform(0.2, 0.8, (3, 6)).astype(np.float32)
    points = np.random.default_rng(1).random((400_000, 6), dtype=np.float32)
    share = np.mean(nearest(points, faces)[1] <= distance)
    bound = bounds.uniform_near(faces, distance)
    assert share > 0
    assert np.log10(share) < bound < np.log10(share) + 2


def test_the_volume_of_balls_is_that_of_the_closed_form():
    assert bounds.volume_near(1, 2, 0.1 / np.sqrt(2)) == pytest.approx(np.log10(np.pi * 0.01))
    assert bounds.volume_near(2, 3, 0.1 / np.sqrt(3)) == pytest.approx(
        np.log10(2 * 4 / 3 * np.pi * 1e-3)
    )


# ---- laws


@pytest.mark.slow
def test_the_same_seed_gives_the_same_ladder(known, held_out, climbed):
    again = ladder(known, held_out, judges=QUICK, count=2500, seed=7)
    other = ladder(known, held_out, judges=QUICK, samplers=["uniform-pixels"], count=10, seed=8)
    assert again.table.equals(climbed.table)
    assert again.verdicts.equals(climbed.verdicts)
    assert np.array_equal(again.examples, climbed.examples)
    assert not np.array_equal(other.examples[0], climbed.examples[0])


@pytest.mark.slow
def test_a_rung_does_not_depend_on_the_others(known, held_out, climbed):
    alone = ladder(
        known, held_out, judges=QUICK, samplers=["pixelwise-gaussian"], count=2500, seed=7
    )
    both = climbed.table.set_index("rung").loc["pixelwise-gaussian"].drop("order")
    assert alone.table.iloc[0].drop(["rung", "order"]).equals(both)


@pytest.mark.slow
def test_another_sampler_in_the_table_changes_no_numbers(known, held_out):
    options = {"judges": QUICK, "count": 100, "seed": 7}
    before = ladder(known, held_out, samplers=["pixelwise-gaussian"], **options)
    rest = dict(SAMPLERS)
    SAMPLERS.clear()
    SAMPLERS.update({"toy": Sampler("toy", "A toy", lambda known: _toy), **rest})
    try:
        after = ladder(known, held_out, samplers=["toy", "pixelwise-gaussian"], **options)
    finally:
        SAMPLERS.clear()
        SAMPLERS.update(rest)
    assert np.array_equal(after.examples[1], before.examples[0])


def _toy(rng, m):
    return rng.random((m, SIDE * SIDE))


# ---- contracts over the families


@pytest.mark.parametrize("name", ALL)
def test_every_sampler_keeps_the_contract(name, known):
    sampler = ALL[name]
    assert sampler.name == name
    assert "digit" in DIGITS.fill(sampler.title) or "{" not in sampler.title
    chunks = list(sampler.chunks(known, CHUNK + 10, 0))
    assert [len(chunk) for chunk in chunks] == [CHUNK, 10]
    assert not np.array_equal(chunks[0][:10], chunks[1])
    X = np.concatenate(chunks)
    assert X.dtype == np.float32
    assert X.shape[1] == known.faces.shape[1]
    assert X.min() >= 0
    assert X.max() <= 1
    assert np.array_equal(X[:20], next(sampler.chunks(known, CHUNK, 0))[:20])


@pytest.mark.parametrize("name", sorted(set(NEGATIVES) & set(ALL)))
def test_a_negative_with_the_name_of_a_sampler_is_what_that_draws(name, known):
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    drawn_by_sampler = np.clip(ALL[name].fit(known)(one, 5), 0, 1)
    assert np.allclose(NEGATIVES[name].draw(known, other, 5), drawn_by_sampler, atol=1e-7)


@pytest.mark.parametrize("name", JUDGES)
def test_every_judge_keeps_the_contract(name, known):
    judge = JUDGES[name]
    assert judge.name == name
    assert judge.title
    assert judge.blind_to
    statistics = judge.fitted(known, 0)
    rows = np.concatenate([shapes(3, 6), drawn("uniform-pixels", known, 4)])
    values = statistics(rows)
    assert values.shape == (10, len(judge.statistics))
    assert np.isfinite(values).all()
    one_by_one = np.concatenate([statistics(rows[i : i + 1]) for i in range(10)])
    assert np.allclose(one_by_one, values, rtol=1e-4, atol=1e-5)
    assert np.array_equal(judge.fitted(known, 0)(rows), values)


@pytest.mark.parametrize("name", NEGATIVES)
def test_every_negative_keeps_the_contract(name, known):
    kind = NEGATIVES[name]
    X = kind.draw(known, stream(0, name), 7)
    assert kind.name == name
    assert X.shape == (7, known.faces.shape[1])
    assert X.dtype == np.float32
    assert X.min() >= 0
    assert X.max() <= 1
    assert np.array_equal(X, kind.draw(known, stream(0, name), 7))


@pytest.mark.parametrize("name", [name for name, kind in NEGATIVES.items() if kind.of_one_face])
def test_a_negative_names_the_face_that_it_is_made_from(name):
    greys = np.linspace(0.1, 0.9, 9, dtype=np.float32)  # what is made of an even image is even
    even = Known(np.repeat(greys[:, None], SIDE * SIDE, axis=1))
    X = NEGATIVES[name].draw(even, stream(0, name), 50)
    sources = NEGATIVES[name].sources(even, stream(0, name), 50)
    expected = 1 - greys[sources] if name == "inverted" else greys[sources]
    np.testing.assert_allclose(X, np.repeat(expected[:, None], SIDE * SIDE, axis=1), atol=1e-5)


def test_what_is_made_from_no_single_face_has_no_source(known):
    assert NEGATIVES["uniform-pixels"].sources(known, stream(0), 5) is None
    assert not NEGATIVES["digits"].of_one_face


def test_the_people_from_whose_faces_negatives_are_made_count_once(known):
    judges = calibrate(known, judges=QUICK)
    people = np.arange(len(known.faces)) // 25
    table, verdicts, _ = judge_negatives(judges, Known(known.faces, people=people))
    joint = table[table["judge"] == "joint"].set_index("kind")
    assert joint.loc["inverted", "groups"] == len(np.unique(people))
    assert joint.loc["uniform-pixels", "groups"] == joint.loc["uniform-pixels", "n"] == 200
    for kind in ("inverted", "uniform-pixels"):
        many = joint.loc[kind, "groups"]
        if joint.loc[kind, "accepted"] == 0:
            assert joint.loc[kind, "accepted_share_high"] == pytest.approx(1 - 0.025 ** (1 / many))
    errors = judge_errors(table, verdicts).set_index("judge").loc["joint"]
    made = [kind.name for kind in panel(known) if not kind.of_one_face]
    assert errors["groups"] == len(np.unique(people)) + joint.loc[made, "n"].sum()
    assert errors["accepted"] == joint["accepted"].sum()
    assert errors["n"] == joint["n"].sum()


def test_a_function_of_ones_own_is_a_judge(known, held_out):
    found = ladder(known, held_out, judges=[contrast, brightness], samplers=["uniform-pixels"])
    assert found.judges.judges[1].name == "brightness"
    assert found.table["accepted"].iloc[0] == 0


def brightness(X):
    return X.mean(axis=1)


def contrast(X):
    return X.std(axis=1)


@pytest.mark.slow
def test_negatives_are_those_that_apply_to_the_images(known):
    plain = Known(known.faces, oriented=False)
    names = {kind.name for kind in panel(plain)}
    assert "upside-down" not in names
    assert "upside-down" in {kind.name for kind in panel(known)}
    judges = calibrate(plain, judges=QUICK)
    table, _, wrong = judge_negatives(judges, plain, nouns=DIGITS)
    assert set(table["judge"]) == {*QUICK, "joint"}
    assert set(table["kind"]) == names
    assert not table["title"].str.contains("face|{").any()
    assert wrong.shape[1] == SIDE * SIDE
    together = table[table["judge"] == "joint"]
    assert (together["auc"].between(0, 1)).all()


# ---- edges


@pytest.mark.slow
def test_without_codes_their_rungs_are_left_out(faces, held_out):
    rungs = ladder(Known(faces), held_out, judges=QUICK, count=10).table.rung
    assert not {"decoded-codes", "decoded-mixtures"} & set(rungs)
    assert len(rungs) == len(ALL) - 2 + 1


@pytest.mark.slow
def test_few_held_out_faces_and_one_draw(known, held_out):
    found = ladder(known, held_out[:3], judges=QUICK, samplers=["uniform-pixels"], count=1)
    assert found.examples.shape == (2, 12, SIDE * SIDE)
    assert found.table["n"].tolist() == [1, 3]


@pytest.mark.slow
def test_held_out_people_count_once(known, held_out):
    people = np.arange(40) // 10
    found = ladder(
        known, held_out, people=people, judges=QUICK, samplers=["uniform-pixels"], count=10
    )
    alone = ladder(known, held_out, judges=QUICK, samplers=["uniform-pixels"], count=10)
    assert found.table["accepted_share"].iloc[1] == alone.table["accepted_share"].iloc[1]
    assert found.table["accepted_share_low"].iloc[1] < alone.table["accepted_share_low"].iloc[1]


@pytest.mark.slow
def test_real_faces_of_new_people_pass_and_what_is_no_face_does_not():
    images = open_images("orl", size=64, grey=True)
    X, people = images.matrix(), np.asarray(images.labels)
    first, second, test = split(images, (0.7, 0.15, 0.15), by="label", seed=0)
    rows = np.concatenate([first, second])
    found = ladder(Known(X[rows], people=people[rows]), X[test], people=people[test], count=300)
    rate = found.table.set_index("rung")["accepted_share"]
    for name in (
        "uniform-pixels",
        "pixelwise-gaussian",
        "shuffled-pixels",
        "natural-noise",
        "scrambled-phases",
        "mean-face-plus-noise",
    ):
        assert rate[name] <= 0.01, name
    assert rate["held-out"] >= 0.9
    table, _, _ = judge_negatives(found.judges, Known(X[test], people=people[test]))
    together = table[table["judge"] == "joint"].set_index("kind")["accepted_share"]
    assert (together <= 0.05).all()


def test_a_judge_errs_over_all_kinds_as_often_as_over_each_together():
    each = [("a", 200, 3, 0.9), ("b", 50, 0, 1.0)]
    table = pd.DataFrame(
        [
            {"kind": kind, "judge": judge, "judge_title": judge.title(), "n": n}
            | {"accepted": accepted * (judge == "one"), "auc": auc}
            for judge in ("two", "one")
            for kind, n, accepted, auc in each
        ]
    )
    verdicts = pd.DataFrame(
        {
            "judge": np.repeat(["two", "one"], 250),
            "group": np.tile(np.arange(250), 2),
            "accepted": np.arange(500) >= 497,
        }
    )
    two, one = judge_errors(table, verdicts).to_dict("records")
    assert (one["judge"], one["judge_title"], one["n"], one["accepted"]) == ("one", "One", 250, 3)
    low, high = binomtest(3, 250).proportion_ci(method="exact")
    assert (one["accepted_share_low"], one["accepted_share_high"]) == pytest.approx((low, high))
    assert one["accepted_share"] == 3 / 250
    assert one["auc"] == pytest.approx(0.95)
    assert (two["accepted"], two["accepted_share_low"]) == (0, 0)
    *_, one = judge_errors(table, verdicts.assign(group=verdicts["group"] // 3)).to_dict("records")
    groups = np.arange(250) // 3
    expected = intervals.share_of_groups(np.arange(250) >= 247, groups)
    assert (one["accepted_share_low"], one["accepted_share_high"]) == expected
    assert one["groups"] == 84


# ---- messages


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda known, held_out: ladder(known, held_out, samplers=["uniform"]),
            UnknownName,
            "ladder: no sampler is called 'uniform'. Did you mean 'uniform-pixels'? Known: "
            "uniform-pixels, pixelwise-gaussian, shuffled-pixels, natural-noise, "
            "scrambled-phases, shuffled-blocks, leading-components-gaussian, "
            "full-covariance-gaussian, pixel-mixtures, decoded-codes, decoded-mixtures, "
            "mean-face-plus-noise, photographs.",
        ),
        (
            lambda known, held_out: ladder(known, held_out, judges=["nearest"]),
            UnknownName,
            "ladder: no judge is called 'nearest'. Did you mean 'nearest-face'? Known: "
            "nearest-face, face-space, autoencoder, classifier, cascade.",
        ),
        (
            lambda known, held_out: ladder(known, held_out, judges=["face-space"] * 2),
            InputError,
            "ladder: judges must be at least one, with different names, got ['face-space', "
            "'face-space']. Rename one.",
        ),
        (
            lambda known, held_out: ladder(known, held_out, judges=[lambda X: np.ones(3)]),
            InputError,
            "judge '<lambda>': statistics must be 1 numbers per image, shape (30, 1), got shape "
            "(3, 1). Fix its function.",
        ),
        (
            lambda known, held_out: ladder(Known(known.faces * 255), held_out),
            InputError,
            "ladder: known must have values from 0 to 1, got 0 to 255. Divide uint8 pixels by 255.",
        ),
        (
            lambda known, held_out: ladder(Known(known.faces, codes=known.codes), held_out),
            InputError,
            "ladder: codes and decode must be given together, got only one of them. Pass the "
            "known faces' codes and the function that decodes them, or neither.",
        ),
        (
            lambda known, held_out: ladder(
                Known(known.faces), held_out, samplers=["decoded-codes"]
            ),
            InputError,
            "ladder: 'decoded-codes' needs codes and decode, got neither. Pass both, or leave it "
            "out of samplers.",
        ),
        (
            lambda known, held_out: drawn("decoded-codes", Known(known.faces)),
            InputError,
            "decoded-codes: codes and decode must be given, got neither. Pass both.",
        ),
        (
            lambda known, held_out: ladder(known, held_out, count=0),
            InputError,
            "ladder: count must be a whole number at least 1, got 0.",
        ),
        (
            lambda known, held_out: calibrate(Known(known.faces[:15])),
            InputError,
            "calibrate: at least 16 known images of at least 2 people are needed, got 15 of 15. "
            "Use more, and more varied, images.",
        ),
        (
            lambda known, held_out: calibrate(Known(known.faces, people=np.zeros(150))),
            InputError,
            "calibrate: at least 16 known images of at least 2 people are needed, got 150 of 1. "
            "Use more, and more varied, images.",
        ),
        (
            lambda known, held_out: calibrate(Known(np.full((20, 256), 0.5, np.float32))),
            InputError,
            "calibrate: the known images must differ, got 20 identical ones. Use more, and more "
            "varied, images.",
        ),
        (
            lambda known, held_out: drawn("shuffled-blocks", Known(np.full((20, 250), 0.5))),
            InputError,
            "facespace: rows must be square images, got rows of 250 pixels. Open the images as "
            "squares: size=64.",
        ),
    ],
)
def test_says_what_is_wrong(call, error, sentence, known, held_out):
    full = known.faces.copy()
    full[0, 0], full[1, 0] = 0, 1
    with pytest.raises(error) as caught:
        call(Known(full, codes=known.codes, decode=known.decode), held_out)
    assert str(caught.value) == sentence
