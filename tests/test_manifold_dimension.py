"""dimension: right on sets of known dimension, and says when it cannot be."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from repviz.errors import InputError
from repviz.manifold.dimension import ESTIMATORS, dimension, dimension_by_label
from repviz.manifold.dimension.calibration import calibrate, trend
from repviz.manifold.dimension.curve import scale_curve
from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.neighbors import neighbors

NUMBERS = ("value", "low", "high", "calibrated", "calibrated_low", "calibrated_high")


def ball(seed, n, d):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1, keepdims=True) * rng.random((n, 1)) ** (1 / d)


def sphere(seed, n, d):
    X = np.random.default_rng(seed).standard_normal((n, d + 1))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


# ---- truth


@pytest.mark.slow
@pytest.mark.parametrize(("d", "raw"), [(2, 0.05), (5, 0.07), (10, 0.12)])
def test_twonn_on_balls(d, raw):
    found = [dimension(ball(seed, 2000, d)) for seed in range(10)]
    assert np.mean([abs(one.value - d) for one in found]) <= raw * d
    assert np.mean([one.value for one in found]) == pytest.approx(d, rel=raw)
    # The extrapolation to distance 0, for curved sets, costs balls of 10 dimensions up to 3 %.
    assert np.mean([one.calibrated for one in found]) == pytest.approx(d, rel=0.03)


@pytest.mark.parametrize("options", [{}, {"fit": "linear"}, {"method": "mle"}])
def test_a_sphere_in_many_features(options):
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 50)))[0]
    X = np.hstack([sphere(1, 1500, 3), np.zeros((1500, 46))]) @ turn
    found = dimension(X, **options)
    assert found.value == pytest.approx(3, rel=0.08)
    assert found.low < found.value < found.high
    assert found.calibrated == pytest.approx(3, rel=0.1)
    assert [one.split(":")[0] for one in found.warnings] == ["the set is curved"]


def test_participation_counts_directions():
    X = np.random.default_rng(5).standard_normal((4000, 12)) * np.array([1.0] * 8 + [0] * 4)
    found = dimension(X, method="participation")
    assert found.value == pytest.approx(8, rel=0.01)
    assert found.calibrated == pytest.approx(8, rel=0.01)


def test_participation_of_few_rows_is_corrected():
    variances = np.exp(-np.arange(60) / 8)
    truth = variances.sum() ** 2 / np.square(variances).sum()
    rng = np.random.default_rng(6)
    draws = np.sqrt(variances) * rng.standard_normal((400, 15, 60))
    found = [dimension(X, method="participation") for X in draws]
    assert np.mean([one.value for one in found]) < 0.6 * truth
    assert 1 / np.mean([1 / one.calibrated for one in found]) == pytest.approx(truth, rel=0.03)
    assert found[0].warnings[0].startswith("15 rows are few for so many directions: the ratio is ")


GRAPH_METHODS = [name for name, entry in ESTIMATORS.items() if entry.reads == "graph"]


@pytest.mark.parametrize("method", ESTIMATORS)
def test_every_estimator_on_a_ball(method):
    """Calibrated on balls, each must read a ball of the table's own kind as what it is."""
    found = dimension(neighbors(ball(30, 1500, 5), k=40), method=method)
    assert found.calibrated == pytest.approx(5, rel=0.1)
    assert found.low <= found.value <= found.high


def test_gride_tolerates_noise_that_biases_twonn():
    X = np.hstack([sphere(34, 1500, 2), np.zeros((1500, 20))])
    spacing = np.median(neighbors(X, k=1).distances)
    noisy = X + 0.1 * spacing * np.random.default_rng(35).standard_normal(X.shape)
    graph = neighbors(noisy, k=72)
    assert dimension(graph).calibrated > 2.6
    assert dimension(graph, method="gride", m=16).calibrated == pytest.approx(2, rel=0.15)
    curve = scale_curve(graph)
    values = [one.calibrated for one in curve.estimates]
    assert values[0] > values[1] > values[2]
    assert curve.m.tolist() == [1, 2, 4, 8, 16, 32]
    assert curve.plateau[0] >= 2
    assert curve.dimension == pytest.approx(2, rel=0.2)
    assert curve.low < curve.dimension < curve.high


def test_the_plateau_of_a_ball_spans_all_scales():
    curve = scale_curve(ball(36, 1500, 4))
    assert curve.plateau == (1, 32)
    assert curve.dimension == pytest.approx(4, rel=0.05)
    assert curve.warnings == ()
    scales = [one.scale for one in curve.estimates]
    assert scales == sorted(scales)


def test_each_label_has_its_own_dimension():
    X = np.vstack([np.hstack([ball(37, 300, 1), np.zeros((300, 3))]), 9 + ball(38, 300, 4)])
    labels = np.repeat(["line", "ball"], 300)
    labels[-4:] = "few"
    found = dimension_by_label(X, labels)
    assert list(found) == ["ball", "line"]
    assert found["line"].value == pytest.approx(1, rel=0.15)
    assert found["ball"].calibrated == pytest.approx(4, rel=0.15)
    local = dimension(X, method="mle", k=20).local
    assert local.shape == (600,)
    assert np.median(local[:300]) < 1.5 < 2.5 < np.median(local[300:])


def test_by_label_uses_the_metric_and_groups_of_the_graph():
    X, member = ball(43, 200, 5) + 3, np.zeros(200)
    groups = np.arange(200) // 10
    cosine = neighbors(X, k=40, metric="cosine")
    found = dimension_by_label(cosine.with_groups(groups), member)["0.0"]
    assert found == dimension(cosine.with_groups(groups))
    assert dimension_by_label(X, member, groups=groups)["0.0"] == dimension(X, groups=groups)
    assert found != dimension_by_label(cosine, member)["0.0"]


def tied(seed):
    """Rows that all lie equally far from each other, but for rounding."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(60, 60)))[0]


@pytest.mark.parametrize(
    "method", [name for name in ESTIMATORS if ESTIMATORS[name].reads != "matrix"]
)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_ties_up_to_rounding_are_ties(method, kind):
    with pytest.raises(InputError, match="nearest neighbours of a row must differ in distance"):
        dimension(tied(44).astype(kind), method=method)


def test_rows_on_a_circle_in_equal_steps_have_a_dimension_or_a_sentence():
    turn = np.arange(72) * 2 * np.pi / 72
    X = np.c_[np.cos(turn), np.sin(turn), np.cos(2 * turn) / 2, np.sin(2 * turn) / 2]
    with pytest.raises(
        InputError, match="the 2 nearest neighbours of a row must differ in distance"
    ):
        scale_curve(X)
    assert dimension(X, method="gride").value == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize(("n", "d"), [(60, 2), (100, 4), (200, 13), (400, 25)])
def test_fishers_is_calibrated_where_its_table_still_rises(n, d):
    """For many dimensions and few rows the table falls again; what is there must not be read."""
    found = dimension(np.random.default_rng(45).normal(size=(n, d)), method="fishers")
    assert found.calibrated == pytest.approx(d, rel=0.15)
    assert found.calibrated_low < found.calibrated < found.calibrated_high


def test_cosine_distances_are_measured_as_chords():
    X = sphere(41, 1500, 3)
    along = X * np.random.default_rng(42).uniform(1, 5, (1500, 1))
    found = dimension(neighbors(along, k=40, metric="cosine"))
    assert found.value == pytest.approx(dimension(X).value, rel=1e-6)


def test_an_estimate_is_a_row_of_a_table_under_one_prefix():
    estimate = replace(dimension(ball(0, 200, 5), method="mle", k=5), warnings=("One.", "Two."))
    row = estimate.as_row("mle")
    assert list(row) == [
        "mle",
        "mle_low",
        "mle_high",
        "mle_calibrated",
        "mle_calibrated_low",
        "mle_calibrated_high",
        "mle_n",
        "mle_k",
        "mle_method",
        "mle_level",
        "mle_warnings",
    ]
    assert (row["mle"], row["mle_calibrated_high"]) == (estimate.value, estimate.calibrated_high)
    assert (row["mle_n"], row["mle_k"], row["mle_method"]) == (200, 5, "mle")
    assert row["mle_warnings"] == "One. | Two."
    assert list(estimate.as_row())[:2] == ["dimension", "dimension_low"]


# ---- laws


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("change", ["offset", "scale", "turn", "zeros", "order"])
def test_what_must_not_matter(method, change):
    X = ball(8, 300, 4)
    rng = np.random.default_rng(9)
    changed = {
        "offset": X + 1e3,
        "scale": X * 1e-6,
        "turn": X @ np.linalg.qr(rng.standard_normal((4, 4)))[0],
        "zeros": np.hstack([X, np.zeros((300, 5))]),
        "order": X[rng.permutation(300)],
    }[change]
    one, other = dimension(X, method=method), dimension(changed, method=method)
    for field in NUMBERS:
        assert getattr(other, field) == pytest.approx(getattr(one, field), rel=1e-6)


@pytest.mark.parametrize("method", ESTIMATORS)
def test_again_is_the_same_to_the_bit_and_a_graph_serves_as_well(method):
    X = ball(10, 200, 3)
    first = dimension(X, method=method)
    assert first == dimension(X, method=method)
    assert first == dimension(neighbors(X, k=60), method=method)


@pytest.mark.parametrize("method", GRAPH_METHODS)
def test_copies_of_rows_change_nothing_but_the_warnings(method):
    X = ball(21, 400, 3)
    clean = dimension(X, method=method)
    copied = dimension(np.vstack([X, X[:40], X[:10]]), method=method)
    assert copied.n == 400
    assert copied.value == pytest.approx(clean.value, rel=1e-12)
    if method != "correlation":  # which looks for shared rows less far where there are copies
        assert copied.low == pytest.approx(clean.low, rel=1e-12)
    assert copied.warnings == (
        "90 of 450 rows have an identical copy: each was counted once.",
        *clean.warnings,
    )


def test_calibration_grows_with_the_value_and_shrinks_with_n():
    values = np.linspace(0.3, 40, 60)
    for method in ("twonn", "twonn-linear", "mle-5", "mle-10", "mle-20"):
        found = [calibrate(method, 777, value)[0] for value in values]
        assert (np.diff(found) > 0).all()
    assert calibrate("twonn", 100, 8.0)[0] > calibrate("twonn", 10_000, 8.0)[0] > 8


def test_calibration_is_interpolated_in_the_logarithm_of_n():
    """Half way between two sizes, in log n, lies the geometric mean of their values."""
    text = resources.files("repviz.manifold.dimension").joinpath("calibration.csv").read_text()
    header, *lines = (line.split(",") for line in text.split())
    column = header.index("50")
    said = {line[1]: float(line[column]) for line in lines if line[0] == "twonn"}
    half_way = math.sqrt(said["20000"] * said["50000"])
    assert calibrate("twonn", round(math.sqrt(1e9)), half_way)[0] == pytest.approx(50, rel=1e-4)
    assert calibrate("twonn", 20_000, said["20000"])[0] == pytest.approx(50, rel=1e-9)


# ---- edges


def test_half_the_rows_being_one_row():
    X = ball(12, 300, 3)
    found = dimension(np.vstack([X, np.zeros((300, 3))]))
    assert found.value == pytest.approx(dimension(X).value, rel=0.02)
    assert found.warnings[0] == "300 of 600 rows have an identical copy: each was counted once."


def test_identical_rows_are_one_among_the_neighbours():
    graph = neighbors(np.array([[0.0], [1], [1], [3], *([float(x)] for x in range(10, 20))]), k=4)
    found = distinct(graph, 2)
    assert len(found.distances) == 13
    assert found.distances[0].tolist() == [1, 3]
    assert found.neighborhoods[0].tolist() == [0, 1, 2]


def test_warnings_of_a_dimension_that_differs_from_place_to_place():
    line = np.hstack([ball(13, 500, 1), np.zeros((500, 11))])
    found = dimension(np.vstack([line, 9 + ball(14, 500, 12)]))
    assert any(
        "near duplicates, clusters, or a dimension that varies" in one for one in found.warnings
    )


def test_warnings_of_coarse_values():
    X = np.rint(ball(15, 500, 3) * 4)
    X = X + np.random.default_rng(16).integers(0, 2, X.shape)
    found = dimension(np.unique(X, axis=0))
    assert any("at exactly the same distance" in one for one in found.warnings)
    assert any(one.startswith("the values are rounded to steps of 1,") for one in found.warnings)


def test_warnings_of_rounding_from_honest_grey_levels():
    """Rounding to 1/255 is far below the distance of the nearest rows, rounding to 1/15 is not."""
    X = np.clip(ball(17, 400, 4) @ np.random.default_rng(18).random((4, 900)) / 4 + 0.5, 0, 1)
    fine, coarse = np.rint(X * 255) / 255, np.rint(X * 15) / 15
    assert not any("rounded" in one for one in dimension(fine).warnings)
    assert any("rounded to steps of 0.0667" in one for one in dimension(coarse).warnings)


def test_warnings_of_too_few_rows():
    found = dimension(ball(19, 300, 20))
    assert found.value < 16
    assert found.calibrated == pytest.approx(20, rel=0.25)
    assert any(
        one.startswith("300 rows are few for this dimension: the raw ") for one in found.warnings
    )


def test_a_dimension_beyond_the_table_is_a_lower_limit():
    calibrated, warnings = calibrate("twonn", 100, 90.0)
    assert calibrated == pytest.approx(100)
    assert warnings == (
        "100 rows are too few for this dimension: uniform balls of 100 and more dimensions give "
        "this value, so the calibrated value is a lower limit.",
    )


def test_fewer_rows_than_calibration_begins_at():
    assert dimension(ball(20, 30, 2)).warnings[-1] == (
        "30 rows are fewer than the 50 from which on calibration is tabulated."
    )


# ---- truth: the trend over scales


def test_half_of_a_rise_is_extrapolated_to_distance_zero():
    """In 8 dimensions 16 times as many neighbours reach twice as far squared: x from 1 to 2."""
    rise, chance = math.log(10 / 8), 2 / math.sqrt(2500)
    slope = 0.5 * (1 - (chance / rise) ** 2)
    assert trend(2500, 8, 10) == pytest.approx((-slope * rise, 1 + slope))
    assert trend(2500, 8, 8 * math.exp(chance)) == (0, 1)  # no more than chance explains
    assert trend(2500, 8, 6) == (0, 1)  # noise and a decaying density call for opposite corrections


def test_twonn_of_a_curved_set_is_extrapolated_where_the_graph_reaches_far_enough():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (2000, 8))
    X = np.hstack([np.cos(angles), np.sin(angles)])  # a flat torus
    far, near = dimension(neighbors(X, k=32)), dimension(neighbors(X, k=31))
    assert near.value == far.value
    assert near.calibrated == calibrate("twonn", 2000, near.value)[0]
    assert near.calibrated > 1.15 * 8
    assert abs(far.calibrated - 8) < 0.7 * abs(near.calibrated - 8)
    assert far.calibrated_low < 8 < far.calibrated_high
    same = dimension(neighbors(X, k=32), method="gride", m=1)
    assert same.calibrated == pytest.approx(far.calibrated, rel=1e-9)


# ---- contracts


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_keeps_the_contract(name):
    entry = ESTIMATORS[name]
    assert entry.name == name
    assert entry.summary
    assert entry.reads in ("graph", "matrix")
    found = dimension(ball(21, 150, 3), method=name)
    assert found.method == name
    assert 0 < found.low <= found.value <= found.high < math.inf
    assert 0 < found.calibrated < math.inf
    assert found.n == 150
    assert found.level == 0.95
    assert all(isinstance(one, str) and one.endswith(".") for one in found.warnings)
    assert replace(found, value=1.0).value == 1.0


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("X", [np.ones((50, 3)), np.eye(5)], ids=["all the same", "five rows"])
def test_every_estimator_refuses_what_it_cannot_answer(name, X):
    with pytest.raises(InputError, match=r"^dimension: .*\.$"):
        dimension(X, method=name)
