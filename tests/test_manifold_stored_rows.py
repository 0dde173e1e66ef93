"""Verbs on stored layers: rows are paired by image, rows without activations are left out."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

import repviz
from repviz.errors import InputError
from repviz.manifold.dimension import ESTIMATORS

N = 40


@pytest.fixture(scope="module")
def model():
    return repviz.open_model("autoencoder", form="conv", size=16, bottleneck=3, width=4, seed=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same pictures under three sets of names: in order, reversed, and one of them broken."""
    work = tmp_path_factory.mktemp("pictures")
    pixels = np.random.default_rng(0).integers(0, 256, (N, 16, 16), dtype=np.uint8)
    for name in ("plain", "reversed", "broken", "other"):
        (work / name).mkdir()
    for place, picture in enumerate(pixels):
        Image.fromarray(picture).save(work / "plain" / f"{place:02d}.png")
        shutil.copy(work / "plain" / f"{place:02d}.png", work / "broken" / f"{place:02d}.png")
        shutil.copy(work / "plain" / f"{place:02d}.png", work / "reversed" / f"{N - place:02d}.png")
        Image.fromarray(255 - picture // 2).save(work / "other" / f"{place:02d}.png")
    (work / "broken" / "07.png").write_bytes(b"no picture")
    return work


@pytest.fixture(scope="module")
def stored(folder, model, tmp_path_factory):
    """The activations of each set."""
    work = tmp_path_factory.mktemp("acts")
    with pytest.warns(UserWarning, match="1 of 40 images could not be read"):
        return {
            one.name: repviz.extract(
                model, f"folder:{one}", layers=["encoder.0", "code"], out=work / one.name
            )
            for one in sorted(folder.iterdir())
        }


def test_rows_in_another_order_are_paired_by_the_content_of_their_images(stored):
    plain, turned = stored["plain"]["code"], stored["reversed"]["code"]
    assert repviz.similarity(plain, turned, permutations=0).value == pytest.approx(1)
    unpaired = repviz.similarity(np.asarray(plain), np.asarray(turned), permutations=0)
    assert unpaired.value < 0.5
    assert repviz.minibatch_cka(plain, turned, batch=20) == pytest.approx(1)


def test_rows_of_other_images_are_refused(stored):
    for verb in (repviz.similarity, repviz.minibatch_cka):
        sentence = (
            f"{verb.__name__}: X and Y must be of the same images, got 40 and 40 rows that share "
            "no image. Extract both from the same images."
        )
        with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
            verb(stored["plain"]["code"], stored["other"]["code"])


def test_rows_that_only_one_of_two_layers_holds_are_left_out(stored):
    got = repviz.similarity(stored["broken"]["code"], stored["plain"]["code"], permutations=9)
    keep = stored["broken"].readable
    pair = [np.asarray(stored[name]["code"])[keep] for name in ("broken", "plain")]
    assert got.value == pytest.approx(repviz.similarity(*pair, permutations=0).value)
    sentence = "1 of 40 rows hold no activations or are in one of the two only: they are left out."
    assert (got.n, got.warnings) == (39, (sentence,))
    with pytest.warns(UserWarning, match=f"^minibatch_cka: {sentence}$"):
        repviz.minibatch_cka(stored["broken"]["code"], stored["plain"]["code"], batch=13)


def test_imported_rows_are_paired_by_their_ids(stored, tmp_path):
    acts = stored["plain"]
    ids = acts.rows["id"].tolist()
    matrix = np.asarray(acts["code"])[::-1]
    made = repviz.import_matrix(matrix, out=tmp_path / "imported", layer="code", ids=ids[::-1])
    assert repviz.similarity(acts["code"], made["code"], permutations=0).value == pytest.approx(1)
    named = repviz.import_matrix(matrix, out=tmp_path / "named", layer="code")
    with pytest.raises(InputError, match="rows that share no id"):
        repviz.similarity(acts["code"], named["code"])


def test_rows_of_changed_images_are_paired_by_their_ids(stored):
    plain, other = stored["plain"]["code"], stored["other"]["code"]
    broken = stored["broken"]["code"]
    expected = repviz.invariance(np.asarray(plain), np.asarray(other))
    assert repviz.invariance(plain, other) == expected
    assert repviz.invariance(broken, other).n == N - 1


@pytest.mark.parametrize("method", ["twonn", "gride", "mle", "participation"])
def test_dimension_leaves_out_rows_without_activations_and_says_so(stored, method):
    acts = stored["broken"]
    groups = np.arange(N) // 2
    got = repviz.dimension(acts["encoder.0"], method=method, groups=groups)
    rows = np.asarray(acts["encoder.0"])[acts.readable]
    alone = repviz.dimension(rows, method=method, groups=groups[acts.readable])
    assert (got.value, got.low, got.n) == (alone.value, alone.low, N - 1)
    sentence = "1 of 40 rows hold no activations: they are left out."
    assert got.warnings == (sentence, *alone.warnings)


def test_scales_leave_out_rows_without_activations_and_say_so(stored):
    acts = stored["broken"]
    got = repviz.scale_curve(acts["encoder.0"])
    alone = repviz.scale_curve(np.asarray(acts["encoder.0"])[acts.readable])
    sentence = "1 of 40 rows hold no activations: they are left out."
    assert (got.dimension, got.warnings) == (alone.dimension, (sentence, *alone.warnings))


@pytest.mark.slow
def test_a_sweep_leaves_out_rows_without_activations_and_says_so(stored, tmp_path):
    sentence = "sweep: 1 of 40 rows hold no activations: they are left out."
    with pytest.warns(UserWarning, match=f"^{sentence}$"):
        made = repviz.sweep(
            stored["broken"], bottlenecks=[2], engines=["pca"], out=tmp_path / "sweep"
        )
    assert made.manifest["images"]["n"] == N - 1
    assert made.manifest["images"]["left_out"] == 1
    assert "1 rows without activations left out" in made.report.read_text(encoding="utf-8")


@pytest.mark.parametrize("method", ESTIMATORS)
def test_every_row_three_times_gives_an_estimate_of_the_distinct_rows(method):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 10))
    once = repviz.dimension(X, method=method)
    thrice = repviz.dimension(np.repeat(X, 3, axis=0), method=method)
    assert thrice.value == pytest.approx(once.value, rel=0.05)
