"""dimension: right on sets of known dimension, and says when it cannot be."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from repviz.errors import InputError, UnknownName
from repviz.manifold.dimension import ESTIMATORS, dimension, dimension_by_label
from repviz.manifold.dimension.calibration import calibrate
from repviz.manifold.dimension.curve import scale_curve
from repviz.manifold.dimension.distinct import distinct
from repviz.manifold.dimension.uncertainty import dependent_standard_error, interval
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
    assert np.mean([one.calibrated for one in found]) == pytest.approx(d, rel=0.02)


@pytest.mark.slow
def test_calibrated_intervals_cover_the_dimension_of_balls():
    """120 draws of a true 0.95 lie within 0.90 and 1 in 99 of 100 cases."""
    found = [(d, dimension(ball(seed, 2000, d))) for d in (2, 5, 10) for seed in range(40)]
    assert np.mean([one.calibrated_low <= d <= one.calibrated_high for d, one in found]) >= 0.9


@pytest.mark.parametrize("options", [{}, {"fit": "linear"}, {"method": "mle"}])
def test_a_sphere_in_many_features(options):
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((50, 50)))[0]
    X = np.hstack([sphere(1, 1500, 3), np.zeros((1500, 46))]) @ turn
    found = dimension(X, **options)
    assert found.value == pytest.approx(3, rel=0.08)
    assert found.low < found.value < found.high
    assert found.calibrated == pytest.approx(3, rel=0.1)
    assert found.warnings == ()


def test_twonn_by_hand():
    """Ten rows in a line at 0, 1, 3, 7, ...: every ratio can be read off."""
    X = (2.0 ** np.arange(10) - 1)[:, None]
    gaps = np.abs(X - X.T)
    gaps = np.sort(gaps, axis=1)[:, 1:3]
    assert dimension(X).value == pytest.approx(10 / np.log(gaps[:, 1] / gaps[:, 0]).sum())


def test_linear_twonn_is_scikit_dimensions():
    skdim = pytest.importorskip("skdim")
    X = ball(3, 500, 4)
    peer = skdim.id.TwoNN(discard_fraction=0.1).fit_transform(X)
    assert dimension(X, fit="linear").value == pytest.approx(peer, rel=0.01)


def test_mle_is_the_inverse_of_the_mean_inverse():
    X = ball(4, 300, 3)
    distances = np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)[:, 1:11]
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    assert dimension(X, method="mle").value == pytest.approx(1 / inverse.mean())


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


def test_by_hand_from_distances():
    """Each from its own formula, written out, on one graph."""
    X = ball(31, 200, 3)
    gaps = np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)[:, 1:]
    graph = neighbors(X, k=40)
    mean = gaps[:, :10].mean(axis=1)
    local = mean / (gaps[:, 9] - mean)
    assert dimension(graph, method="moments", average="mean").value == pytest.approx(local.mean())
    loglog = np.log(np.log(gaps[:, 1] / gaps[:, 0])).mean()
    assert dimension(graph, method="l2n2").value == (
        pytest.approx(math.exp(-np.euler_gamma - loglog))
    )
    near, far = np.median(gaps[:, 9]), np.median(gaps[:, 19])
    rise = np.log((gaps < far).sum() / (gaps < near).sum())
    assert dimension(graph, method="correlation").value == (
        pytest.approx(rise / np.log(far / near))
    )
    assert dimension(graph, method="gride", m=1).value == pytest.approx(dimension(graph).value)
    pope = np.log(gaps[:, 19:20] / gaps[:, :19]).sum(axis=1) / 18
    assert dimension(graph, method="mle", k=20, pope2021=True).value == (
        pytest.approx(1 / pope.mean())
    )
    assert dimension(graph, method="mle", k=20, pope2021=True).calibrated == (
        pytest.approx(dimension(graph, method="mle", k=20).calibrated)
    )


def test_by_hand_from_angles():
    """ABID and local PCA from the rows themselves, for one row."""
    X = ball(32, 120, 4)
    graph = neighbors(X, k=20)
    apart = X[graph.indices[7]] - X[7]
    unit = apart / np.linalg.norm(apart, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(20, dtype=bool)]
    assert dimension(graph, method="abid").local[7] == pytest.approx(1 / np.mean(cosines**2))
    spectrum = np.linalg.eigvalsh(np.cov(np.vstack([np.zeros(4), apart]).T))
    ratio = spectrum.sum() ** 2 / np.square(spectrum).sum()
    assert dimension(graph, method="local-pca").local[7] == pytest.approx(ratio)


@pytest.mark.parametrize("method", ["mle", "moments", "tle", "fishers"])
def test_scikit_dimension_agrees(method):
    skdim = pytest.importorskip("skdim")
    X = ball(33, 300, 4)
    peer, options, mine = {
        "mle": (skdim.id.MLE(), {"n_neighbors": 10}, {}),
        "moments": (skdim.id.MOM(), {"n_neighbors": 10}, {"average": "mean"}),
        "tle": (skdim.id.TLE(), {"n_neighbors": 20}, {"average": "mean"}),
        "fishers": (skdim.id.FisherS(), {}, {}),
    }[method]
    theirs = peer.fit(X, **options).dimension_
    assert dimension(X, method=method, **mine).value == pytest.approx(theirs, rel=1e-5)


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
    with pytest.raises(InputError, match="nearest rows must not all be equally far"):
        dimension(tied(44).astype(kind), method=method)


def test_rows_on_a_circle_in_equal_steps_have_a_dimension_or_a_sentence():
    turn = np.arange(72) * 2 * np.pi / 72
    X = np.c_[np.cos(turn), np.sin(turn), np.cos(2 * turn) / 2, np.sin(2 * turn) / 2]
    with pytest.raises(InputError, match="a row's 2 nearest rows must not all be equally far"):
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


# ---- truth of the intervals


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
    assert row["mle_warnings"] == "One. Two."
    assert list(estimate.as_row())[:2] == ["dimension", "dimension_low"]


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
    assert found.warnings[0] == (
        "300 of 600 rows have an identical copy: each was counted once; "
        "2 were left out for lack of neighbours."
    )


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


# ---- messages


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda X: dimension(X, method="twon"),
            UnknownName,
            "dimension: no method is called 'twon'. Did you mean 'twonn'? "
            f"Known: {', '.join(ESTIMATORS)}.",
        ),
        (
            lambda X: dimension(X, discord=0.2),
            UnknownName,
            "dimension: no option of 'twonn' is called 'discord'. Did you mean 'discard'? "
            "Known: fit, discard.",
        ),
        (
            lambda X: dimension(X, fit="lines"),
            UnknownName,
            "dimension: no fit is called 'lines'. Did you mean 'linear'? "
            "Known: likelihood, linear.",
        ),
        (
            lambda X: dimension(X, fit="linear", discard=1),
            InputError,
            "dimension: discard must be a number from 0.01 to 0.9, got 1.",
        ),
        (
            lambda X: dimension(X, method="mle", k=7),
            InputError,
            "dimension: k must be one of (5, 10, 20) for 'mle', got 7.",
        ),
        (
            lambda X: dimension(neighbors(X, k=5), method="mle"),
            InputError,
            "dimension: the graph must hold at least 10 neighbours per row, got 5. "
            "Build it with neighbors(X, k=20).",
        ),
        (
            lambda X: dimension(X, groups=[1, 2]),
            InputError,
            "dimension: groups must hold one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: dimension(X, groups=np.zeros(40)),
            InputError,
            "dimension: groups must name at least two groups, got one.",
        ),
        (
            lambda X: scale_curve(X, groups=[1, 2]),
            InputError,
            "scale_curve: groups must hold one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: neighbors(X, k=5).with_groups([1, 2]),
            InputError,
            "with_groups: groups must hold one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: dimension(X, method="gride", m=3),
            InputError,
            "dimension: m must be one of (1, 2, 4, 8, 16, 32) for 'gride', got 3.",
        ),
        (
            lambda X: dimension(X, method="tle", average="median"),
            UnknownName,
            "dimension: no average is called 'median'. Did you mean 'mean'? Known: inverse, mean.",
        ),
        (
            lambda X: scale_curve(neighbors(X, k=2)),
            InputError,
            "scale_curve: the graph must hold at least 4 neighbours of more than 8 rows, got 2 of "
            "40. Build it with neighbors(X, k=64).",
        ),
        (
            lambda X: dimension_by_label(X, [0, 1]),
            InputError,
            "dimension_by_label: labels must hold one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: dimension(X[:8]),
            InputError,
            "dimension: at least 10 different rows with 2 different neighbours each are needed, "
            "got 8 of 8 rows. Give it more images, or leave out copies: np.unique(X, axis=0).",
        ),
    ],
)
def test_says_what_is_wrong(call, error, sentence):
    with pytest.raises(error) as caught:
        call(ball(22, 40, 2))
    assert str(caught.value) == sentence
