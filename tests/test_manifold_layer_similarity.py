"""layer_similarity: level 0 for unrelated layers of any width, and 5 % for the best of many."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import repviz
from repviz import cli
from repviz.errors import InputError, UnknownName
from repviz.manifold.layer_similarity import LayerSimilarity, layer_similarity
from repviz.manifold.similarity import SIMILARITIES, similarity

WIDTHS = (2, 10, 60)


def noise(rng, n=24, widths=WIDTHS):
    return {f"{d} wide": rng.standard_normal((n, d)) for d in widths}


# ---- truth


@pytest.mark.parametrize("method", SIMILARITIES)
def test_unrelated_layers_of_any_width_have_level_zero(method):
    """The mean over 25 data sets is within 4 standard errors of 0, and the raw value is not."""
    rng = np.random.default_rng(0)
    found = [
        layer_similarity(noise(rng), noise(rng), method=method, permutations=19, k=5)
        for _ in range(25)
    ]
    calibrated = np.stack([one.calibrated for one in found])
    error = calibrated.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(calibrated.mean(axis=0)) < 4 * error).all()
    assert error.max() < 0.04
    raw = np.stack([one.value for one in found]).mean(axis=0)
    assert raw.max() > 0.15 or method == "cka"  # debiased: its own level is 0


def test_each_pair_is_what_similarity_gives():
    rng = np.random.default_rng(1)
    X, Y = noise(rng), noise(rng)
    for method in SIMILARITIES:
        found = layer_similarity(X, Y, method=method, permutations=39, k=5)
        for row, x in enumerate(X.values()):
            for column, y in enumerate(Y.values()):
                pair = similarity(x, y, method=method, permutations=39, k=5)
                assert found.value[row, column] == pytest.approx(pair.value, abs=1e-12)
                assert found.null[row, column] == pytest.approx(pair.null, abs=1e-12)
                assert found.p[row, column] == pytest.approx(pair.p)


def test_calibration_by_hand():
    """Levels, both p and the best pair, from the same shuffles one by one."""
    rng = np.random.default_rng(2)
    X, Y = noise(rng), {"other": rng.standard_normal((24, 3))}
    found = layer_similarity(X, Y, method="procrustes", permutations=19, seed=5)
    orders = np.random.default_rng(5)
    orders = [np.arange(24), *(orders.permutation(24) for _ in range(19))]
    values = np.array(
        [
            [
                similarity(x, Y["other"][order], method="procrustes", permutations=0).value
                for x in X.values()
            ]
            for order in orders
        ]
    )
    level = values.mean(axis=0)
    calibrated = (values - level) / (1 - level)
    np.testing.assert_allclose(found.calibrated[:, 0], calibrated[0])
    largest = calibrated.max(axis=1)
    expected = [(largest >= one - 1e-12).mean() for one in calibrated[0]]
    np.testing.assert_allclose(found.p_max[:, 0], expected)
    assert found.best == (list(X)[calibrated[0].argmax()], "other")


def families(data_sets, permutations=19, layers=5):
    """Over data sets of unrelated layers: how often any p, and any p_max, is at most 0.05."""
    rng = np.random.default_rng(3)
    single = largest = 0
    for _ in range(data_sets):
        # layers of one network are related to each other, and not to those of the other network
        X, Y = (rng.standard_normal((20, 8)) for _ in range(2))
        sides = (
            {str(i): side + rng.standard_normal((20, 8)) for i in range(layers)} for side in (X, Y)
        )
        found = layer_similarity(*sides, permutations=permutations)
        single += found.p.min() <= 0.05
        largest += found.p_max.min() <= 0.05
    print(
        f"{data_sets} data sets of {layers**2} pairs: some p at most 0.05 in {single}, some p_max"
    )
    print(f"at most 0.05 in {largest}")
    return single, largest


@pytest.mark.slow
def test_the_best_of_many_is_significant_in_5_percent_of_unrelated_data():
    """400 data sets: 20 expected; 35 or fewer with probability 0.9997."""
    single, largest = families(400)
    assert 6 <= largest <= 35
    assert single > 70  # p of each pair, searched through, is not controlled


def test_a_related_layer_is_found_among_many():
    rng = np.random.default_rng(4)
    X, Y = noise(rng, n=60), noise(rng, n=60)
    Y["10 wide"] = X["60 wide"] @ rng.standard_normal((60, 10)) / 8 + 0.5 * Y["10 wide"]
    found = layer_similarity(X, Y, permutations=99)
    assert found.best == ("60 wide", "10 wide")
    assert found.p_max[2, 1] == 0.01
    assert np.delete(found.p_max.ravel(), 7).min() > 0.05


@pytest.mark.slow
def test_the_published_simulation_in_small():
    """A shared signal of rank 10 in d dimensions: debiased CKA is what the covariances say.

    s^4 r / (r + (d - r) (1 - s^2)^2), with s^2 = 0.8 of strength 2; the usual CKA grows with d.
    """
    rng = np.random.default_rng(5)
    n, rank, share = 300, 10, 0.8
    for d in (64, 256, 1024):
        found, usual = [], []
        for _ in range(4):
            Z = rng.standard_normal((n, rank))
            X, Y = (
                np.sqrt(share) * Z @ np.linalg.qr(rng.standard_normal((d, rank)))[0].T
                + np.sqrt(1 - share) * rng.standard_normal((n, d))
                for _ in range(2)
            )
            one = layer_similarity(X, Y, permutations=19)
            found.append(one.calibrated.item())
            assert one.p_max.item() == 0.05
            A, B = (M - M.mean(axis=0) for M in (X, Y))
            K, L = A @ A.T, B @ B.T
            usual.append((K * L).sum() / np.linalg.norm(K) / np.linalg.norm(L))
        truth = share**2 * rank / (rank + (d - rank) * (1 - share) ** 2)
        assert np.mean(found) == pytest.approx(truth, abs=0.03)
        if d == 1024:
            assert np.mean(usual) > 0.6 > 3 * truth


# ---- laws


@pytest.mark.parametrize("method", SIMILARITIES)
def test_rotation_scale_and_offset_of_a_layer_change_nothing(method):
    rng = np.random.default_rng(6)
    X, Y = noise(rng), noise(rng)
    turned = {
        name: 7 * M @ np.linalg.qr(rng.standard_normal((M.shape[1], M.shape[1])))[0] + 3
        for name, M in X.items()
    }
    one, other = (layer_similarity(M, Y, method=method, permutations=19, k=5) for M in (X, turned))
    for name in ("value", "calibrated", "null", "p", "p_max"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-9)


@pytest.mark.parametrize("method", SIMILARITIES)
def test_a_layer_and_itself_turned_have_similarity_one(method):
    X = noise(np.random.default_rng(7), widths=(10,))
    found = layer_similarity(X, {"turned": X["10 wide"][:, ::-1] * 2}, method=method, k=5)
    assert found.calibrated.item() == pytest.approx(1)
    assert found.p_max.item() == pytest.approx(1 / 200)


def test_two_folders_of_activations_are_paired_by_image(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(8)
    X, order = rng.standard_normal((30, 6)), rng.permutation(30)
    ids = np.array([f"image {row}" for row in range(30)])
    one = repviz.import_matrix(X, tmp_path / "one", ids=ids)
    other = repviz.import_matrix(X[order], tmp_path / "other", ids=ids[order])
    found = layer_similarity(one, other)
    assert isinstance(found, LayerSimilarity)
    assert found.value.item() == pytest.approx(1)
    table = found.table()
    assert list(table) == ["layer", "other", "value", "calibrated", "null", "p", "p_max"]
    monkeypatch.setattr(
        sys,
        "argv",
        ["repviz", "similarity", str(one.path), str(other.path), "--all-layers", "--json"],
    )
    with pytest.raises(SystemExit):
        cli.main()
    printed = json.loads(capsys.readouterr().out)
    assert printed["best"] == "matrix and matrix"
    assert printed["rows"] == json.loads(table.to_json(orient="records", double_precision=15))
    with pytest.raises(InputError) as error:
        layer_similarity({"a": one["matrix"], "b": other["matrix"]}, one)
    assert str(error.value) == (
        "layer_similarity: the layers of X must have the same rows in the same order, got layers "
        "of folders with different rows. Compare one folder with another."
    )


# ---- messages


X = np.random.default_rng(9).standard_normal((12, 3))


@pytest.mark.parametrize(
    ("sides", "options", "error", "sentence"),
    [
        (
            (X, {}),
            {},
            InputError,
            "layer_similarity: Y must have at least one layer, got none.",
        ),
        (
            ({"a": X, "b": X[:9]}, X),
            {},
            InputError,
            "layer_similarity: all layers must be of the same images, got layers of 9 and 12 rows.",
        ),
        (
            (X, {"dead": np.ones((12, 3))}),
            {},
            InputError,
            "layer_similarity: the rows of layer 'dead' must not all be identical.",
        ),
        (
            (X, X),
            {"permutations": 9},
            InputError,
            "layer_similarity: permutations must be a whole number from 19 to 1000000, got 9.",
        ),
        (
            (np.eye(4), np.eye(4)),
            {"method": "procrustes"},
            InputError,
            "layer_similarity: the similarity of shuffled rows must be below 1, got 1 for every "
            "shuffle, as where all rows are equally far apart. Leave such layers out.",
        ),
        (
            (X, X),
            {"method": "mutual-knn", "k": 11},
            InputError,
            "layer_similarity: k must be a whole number from 1 to 10, got 11.",
        ),
        (
            (X, X),
            {"method": "cca"},
            UnknownName,
            "layer_similarity: no method is called 'cca'. Did you mean 'cka'? Known: cka, "
            "procrustes, mutual-knn.",
        ),
    ],
)
def test_messages(sides, options, error, sentence):
    with pytest.raises(error) as caught:
        layer_similarity(*sides, **options)
    assert str(caught.value) == sentence
