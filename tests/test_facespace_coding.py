"""Lossless codecs: noise needs 8 bits per pixel, what is alike fewer, and nothing is lost."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm

from repviz.errors import InputError
from repviz.facespace.coding import CODECS, GREYS, _PixelModel, coding_bounds
from repviz.principal import pca

pytestmark = pytest.mark.slow

SIDE = 32


def noise(seed, n):
    return np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE), dtype=np.uint8)


def gaussian(seed, n, deviation):
    """Independent Gaussian greys: their entropy is known."""
    rows = np.random.default_rng(seed).normal(128, deviation, (n, SIDE, SIDE))
    return np.rint(rows).clip(0, 255).astype(np.uint8)


def smooth(seed, n):
    """Discs of light whose place and brightness vary."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    cx, cy, light = (rng.uniform(0.3, 0.7, (n, 1, 1)) for _ in range(3))
    rows = 250 * light * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) * 8)
    return (rows + rng.normal(0, 1, rows.shape)).clip(0, 255).astype(np.uint8)


def fitted():
    """A model of four components."""
    rows = smooth(0, 60).reshape(60, -1).astype(np.float32)
    return _PixelModel(rows.mean(axis=0), pca(rows, components=4).components, smooth(1, 30))


def bits(known, images):
    return coding_bounds(known, images).set_index("codec")["bits_per_pixel"]


# ---- truth


def test_uniform_noise_needs_eight_bits_per_pixel():
    found = coding_bounds(noise(0, 200), noise(1, 64)).set_index("codec")
    assert found["bits_per_pixel"].to_numpy() == pytest.approx(8, rel=0.01)
    assert found["decibels_per_dimension"].to_numpy() == pytest.approx(0, abs=0.25)
    assert found["log10_images"].to_numpy() == pytest.approx(SIDE**2 * 8 * np.log10(2), rel=0.01)


def test_our_coder_comes_near_the_entropy_of_independent_gaussian_pixels():
    greys = np.arange(GREYS)
    p = np.diff(norm.cdf(np.r_[greys - 0.5, 255.5], 128, 20))
    entropy = -(p[p > 0] * np.log2(p[p > 0])).sum()
    assert entropy == pytest.approx(6.369, abs=1e-3)
    found = bits(gaussian(0, 400, 20), gaussian(1, 64, 20))["pca-residual"]
    assert entropy - 0.01 < found < entropy + 0.1


def test_what_is_alike_needs_fewer_bits_and_ours_the_fewest():
    found = bits(smooth(0, 200), smooth(1, 64))
    assert (found < 5).all()
    assert found.idxmin() == "pca-residual"


def test_the_distribution_of_a_pixel_sums_to_one():
    """A code length is one only if it is that of a distribution (Kraft)."""
    model = fitted()
    assert np.exp2(-model.code_lengths).sum(axis=1) == pytest.approx(1)
    one = smooth(2, 1)
    base, scores = model._base(one)
    every = np.repeat(one, GREYS, axis=0)
    every[:, -1, -1] = np.arange(GREYS)  # the last pixel: nothing after it depends on it
    residual, activity = model._residuals(every, np.repeat(base, GREYS, axis=0))
    lengths = model.code_lengths[np.searchsorted(model.edges, activity), residual]
    assert np.exp2(-lengths.reshape(GREYS, -1)[:, -1]).sum() == pytest.approx(1)
    assert scores.shape == (1,)


def test_residuals_and_scores_give_the_image_back():
    model = fitted()
    images = smooth(2, 3)
    base, _ = model._base(images)
    residual, _ = model._residuals(images, base)
    residual = residual.reshape(images.shape)
    decoded = np.zeros(images.shape)
    for y in range(SIDE):
        for x in range(SIDE):
            left = np.pad(decoded - base, ((0, 0), (2, 0), (2, 1)))
            near = [
                left[:, 2 + y + down, 2 + x + across]
                for down, across in ((0, -1), (-1, -1), (-1, 0), (-1, 1), (0, -2), (-2, 0))
            ]
            predicted = np.clip(
                np.rint(base[:, y, x] + np.stack(near, axis=1) @ model.weights), 0, 255
            )
            decoded[:, y, x] = (predicted + residual[:, y, x]) % GREYS
    assert np.array_equal(decoded.astype(np.uint8), images)


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("webp", "WEBP")])
def test_files_are_lossless_and_as_large_as_said(name, kind):
    images = smooth(0, 4)
    wide = np.hstack(list(images))
    file = io.BytesIO()
    options = {"optimize": True} if kind == "PNG" else {"lossless": True, "quality": 100}
    picture = Image.fromarray(wide)
    picture = picture if kind == "PNG" else picture.convert("RGB")
    picture.save(file, kind, **(options if kind == "PNG" else {**options, "method": 6}))
    assert np.array_equal(np.asarray(Image.open(file).convert("L")), wide)
    assert CODECS[name].fit(images, np.arange(4))(images) == 8 * len(file.getvalue())


# ---- laws


def test_the_bound_is_the_bits_of_a_whole_image():
    row = coding_bounds(smooth(0, 64), smooth(1, 48)).iloc[0]
    assert row["log10_images"] == pytest.approx(row["bits_per_pixel"] * SIDE**2 * np.log10(2))
    assert row["decibels_per_dimension"] == pytest.approx(
        10 * np.log10(2) * (8 - row["bits_per_pixel"])
    )
    assert row["bits_per_pixel_low"] < row["bits_per_pixel"] < row["bits_per_pixel_high"]
    for end, other in (("low", "high"), ("high", "low")):
        bits = row[f"bits_per_pixel_{other}"]
        assert row[f"decibels_per_dimension_{end}"] == pytest.approx(10 * np.log10(2) * (8 - bits))
    assert (row["n"], row["groups"]) == (48, 3)


def test_people_are_the_groups():
    people = np.arange(48) // 6
    table = coding_bounds(
        smooth(0, 64), smooth(1, 48), known_groups=np.arange(64) // 8, groups=people
    )
    assert (table["groups"] == 8).all()


# ---- messages


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: coding_bounds(smooth(0, 64) / 255, smooth(1, 48)),
            "coding_bounds: known must be square uint8 images (n, side, side), got float64 of "
            "shape (64, 32, 32). Open them grey and square: size=64, grey=True.",
        ),
        (
            lambda: coding_bounds(smooth(0, 64), smooth(1, 10)),
            "coding_bounds: at least two groups of images must be given, got one. Add more.",
        ),
    ],
)
def test_says_what_is_wrong(call, sentence):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == sentence
