"""Sweeps of small sets and with functions of a user's own: a right answer or one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import repviz
from repviz.bottleneck.sweep import SweepSetup
from repviz.errors import InputError


def noise(path, n, labels=None):
    """``n`` grey 16x16 images of noise."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, 16, 16)).astype(np.uint8)
    np.savez(path / "noise.npz", images=pixels, **({} if labels is None else {"label": labels}))
    return repviz.open_images(f"array:{path / 'noise.npz'}", size=16, grey=True)


def squeezed(images, out, **options):
    return repviz.sweep(images, bottlenecks=[2, 4], out=out, **{"engines": "pca", **options})


@pytest.mark.slow
def test_between_256_training_rows_and_256_rows_lies_no_trap(tmp_path):
    """Images of more than 256 pixels are probed by 256 components where as many can be fitted."""
    images = repviz.open_images("orl", size=24, grey=True, limit=300)
    assert (squeezed(images, tmp_path / "s").result("code_probes")["engine"] == "original").any()


def identical(context, k):
    return (lambda X: X), (lambda Z: Z)


def imaginary(context, k):
    return (lambda X: X[:, :k].astype(complex)), (lambda Z: Z)


def ragged(context, k):
    return (lambda X: [[0.0]] * (len(X) - 1) + [[0.0, 1.0]]), (lambda Z: Z)


def infinite(context, k):
    return (lambda X: X[:, :k]), (lambda Z: np.full((len(Z), 256), np.inf))


@pytest.mark.parametrize(
    ("engine", "sentence"),
    [
        (
            identical,
            "'identical': encode must return a matrix of shape (60, k), k at most 2, got sha",
        ),
        (imaginary, "'imaginary': encode must return real numbers, got complex"),
        (ragged, "'ragged': encode must return a matrix of numbers, got "),
        (infinite, "'infinite': decode must return finite numbers, got an infinity."),
    ],
)
def test_an_engine_of_ones_own_is_held_to_its_size(engine, sentence, tmp_path):
    with pytest.raises(InputError) as caught:
        squeezed(noise(tmp_path, 60), tmp_path / "s", engines=[engine])
    assert sentence in str(caught.value)


@pytest.mark.slow
def test_codes_that_coincide_have_no_dimension_and_say_why(tmp_path):
    def signs(context, k):
        W = np.linalg.qr(np.random.default_rng(0).normal(size=(256, k)))[0]
        mean = context.train.mean(axis=0)
        return (lambda X: ((X - mean) @ W > 0).astype(float)), (
            lambda Z: np.tile(mean, (len(Z), 1))
        )

    made = squeezed(noise(tmp_path, 60), tmp_path / "s", engines=[signs])
    row = made.result("code_dimension").set_index(["engine", "bottleneck"]).loc[("signs", 2)]
    assert np.isnan(row["dimension"])
    assert "distinct rows" in row["warnings"]
    assert "distinct rows" in made.report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_one_label_alone_is_judged_over_its_images(tmp_path):
    made = squeezed(noise(tmp_path, 60, np.repeat("a", 60)), tmp_path / "s", criteria=["psnr:1"])
    choices = made.result("choices")
    assert choices["observed"].tolist() == [2]
    assert choices["undecided"].tolist() == [
        "the test needs at least 59 independent images to rule out a loss of 5 %, and has 9"
    ]
    assert made.table["mse_low"].notna().all()


@pytest.mark.slow
def test_bands_name_what_was_left_out(tmp_path):
    """Twenty labels are taken for identities, six are not."""
    for labels, left_out in ((20, "their labels"), (6, "those images")):
        images = noise(tmp_path, 60, np.repeat(list("abcdefghijklmnopqrst")[:labels], 60 // labels))
        page = squeezed(images, tmp_path / f"{labels}").report.read_text(encoding="utf-8")
        assert f"leaving out one of {left_out} at a time" in page


def brighter(than):
    def bright(images, of):
        return (images.mean(axis=1) > than).astype(float)

    return bright


@pytest.mark.slow
def test_a_judge_that_changed_judges_anew(tmp_path):
    images = noise(tmp_path, 60)
    seen = [
        squeezed(images, tmp_path / "s", criteria=[brighter(t)])
        .result("criteria")["original"]
        .mean()
        for t in (0.1, 0.9)
    ]
    assert seen == [1, 0]


@pytest.mark.parametrize(
    ("n", "options", "sentence"),
    [
        (
            60,
            {"criteria": ["psnr:abc"]},
            "criterion 'psnr': a number from 0 to 100 must follow the colon",
        ),
        (
            60,
            {"criteria": [brighter(0.1), brighter(0.2)]},
            "sweep: criteria must have different names",
        ),
        (
            10,
            {},
            "partition: at least 2 images must be left for testing, got 1 of 10. Use more images.",
        ),
    ],
)
def test_what_cannot_end_well_does_not_begin(n, options, sentence, tmp_path):
    with pytest.raises(InputError) as caught:
        squeezed(noise(tmp_path, n), tmp_path / "s", **options)
    assert str(caught.value).startswith(sentence)
    assert not (tmp_path / "s").exists()


def test_criteria_for_rows_that_are_no_images(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 6))
    with pytest.raises(InputError) as caught:
        repviz.sweep(X, bottlenecks=[2], engines="pca", criteria="psnr:20", out=tmp_path / "s")
    assert str(caught.value) == (
        "sweep: criteria score reconstructed images, got 'psnr:20' for rows that are no images. "
        "Leave criteria out."
    )


def test_rows_whose_squares_float32_cannot_hold(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 6))
    X[3, 2] = -2e20
    with pytest.raises(InputError) as caught:
        repviz.sweep(X, bottlenecks=[2], engines="pca", out=tmp_path / "s")
    assert str(caught.value) == (
        "sweep: values must be at most 1e+15 in magnitude, got 2e+20. Divide the rows by a "
        "constant."
    )


def test_what_is_neither_images_nor_activations(tmp_path):
    for given, got in ((Path("photos"), "write 'folder:photos'"), (None, "got NoneType")):
        with pytest.raises(InputError, match=got):
            squeezed(given, tmp_path / "s")


@pytest.mark.slow
def test_labels_kept_apart_of_which_one_is_tested_have_no_interval(tmp_path):
    """People were to be told of, and one person says nothing of others."""
    images = noise(tmp_path, 60, np.repeat(list("abcdef"), 10))
    made = squeezed(images, tmp_path / "s", setup=SweepSetup(split="label"))
    assert made.table["mse_low"].isna().all()


@pytest.mark.slow
def test_audits_are_kept_when_others_are_asked_for(tmp_path):
    images = noise(tmp_path, 60)
    for audit in ([2], [4], []):
        setup = SweepSetup(effort=0.02, audit=audit)
        made = squeezed(images, tmp_path / "s", engines="prefix", setup=setup)
    assert made.result("audit")["bottleneck"].tolist() == [2, 4]


def test_few_labels_are_kinds_and_a_size_is_tested_over_images(tmp_path):
    made = squeezed(
        noise(tmp_path, 60, np.tile(list("abc"), 20)), tmp_path / "s", criteria=["psnr:1"]
    )
    choices, swept = made.result("choices"), made.result("sweep")
    assert choices["groups_test"].tolist() == choices["n_test"].tolist() == [9]
    assert set(swept["groups_test"]) == {9}
