"""Two studies side by side: paired by image where they can be; claims that the intervals choose."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from study_folder import build, drawn, reseal
from table_dictionary import undocumented

import repviz
from repviz.errors import InputError
from repviz.report.sections.comparison import claim_of
from repviz.studies.paired_studies import (
    paired_difference,
    paired_ratio,
    unpaired_difference,
    unpaired_ratio,
)
from repviz.study_folder import begin

pytestmark = pytest.mark.slow

FACES = drawn(20, 4, 24)  # 16 of them test the autoencoders


def made(folder, *, key="k" * 64, name="orl", ids=None, parameters=None, **tables):
    """A study folder with images.csv and the given tables."""
    ids = ids or [f"image/{row}" for row in range(60)]
    images = pd.DataFrame({"row": range(len(ids)), "id": ids, "label": ""})
    about = {"name": name, "credit": "", "key": key, "labels_key": "", "n": len(ids)}
    with begin(
        folder,
        study="layers",
        title="What the layers hold",
        parameters={"seed": 0} | (parameters or {}),
        images=about,
    ) as study:
        for table, rows in {"images": images, **tables}.items():
            study.stage(table, partial(_write, name=table, rows=pd.DataFrame(rows)))
    return folder


def _write(draft, name, rows):
    draft.table(name, rows)


def hits_of(values):
    return pd.DataFrame({"representation": "fc", "row": range(len(values)), "correct": values})


def layers_of(share, low, high):
    row = {"representation": "fc", "nearest_same": share, "nearest_same_low": low}
    numbers = {"nearest_same_high": high, "dimension_calibrated": 8.0}
    ends = {"dimension_calibrated_low": 6.0, "dimension_calibrated_high": 10.0}
    return pd.DataFrame([row | numbers | ends])


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two made-up studies of the same images, B with an error lower by a tenth."""
    folder = tmp_path_factory.mktemp("pair")
    a, b = (build(folder / name, faces=FACES) for name in "ab")
    path = b / "results" / "sweep_images.csv"
    table = pd.read_csv(path)
    table["mse"] *= np.where(table["engine"] == "linear-start", 0.9, 1.0)
    table.to_csv(path, index=False)
    reseal(b)
    return a, b, repviz.study("comparison", [a, b], out=folder / "c")


# ---- truth --------------------------------------------------------------------------------------


def test_an_unpaired_difference_of_shares_is_newcombes():
    def wilson(hits, n, z=1.959964):
        p, spread = hits / n, z * np.sqrt(hits / n * (1 - hits / n) / n + z**2 / (4 * n**2))
        middle = p + z**2 / (2 * n)
        return p, (middle - spread) / (1 + z**2 / n), (middle + spread) / (1 + z**2 / n)

    # Newcombe 1998, Statistics in Medicine 17:873-890, table II, case a, method 10.
    effect = unpaired_difference(wilson(48, 80), wilson(56, 70))
    assert (effect.value, effect.low, effect.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert effect.n == 0


def test_an_unpaired_ratio_is_the_difference_of_logarithms():
    one, other = (2.0, 1.0, 4.0), (6.0, 3.0, 12.0)
    effect = unpaired_ratio(one, other)
    reach = np.hypot(np.log(2), np.log(2))
    assert effect.value == pytest.approx(3)
    assert (effect.low, effect.high) == pytest.approx((3 * np.exp(-reach), 3 * np.exp(reach)))


def test_a_paired_difference_is_the_paired_t():
    rng = np.random.default_rng(0)
    values = (rng.random((80, 2)) < [0.7, 0.9]).astype(float)
    effect = paired_difference(values, np.arange(80))
    truth = ttest_rel(values[:, 1], values[:, 0]).confidence_interval(0.95)
    assert (effect.low, effect.high) == pytest.approx((truth.low, truth.high))


def test_a_paired_ratio_finds_what_the_images_hide():
    rng = np.random.default_rng(0)
    hard = np.exp(rng.normal(size=200))  # some images are harder than others, in both studies
    values = np.stack([hard, 0.95 * hard * np.exp(0.02 * rng.normal(size=200))], axis=1)
    effect = paired_ratio(values, np.arange(200))
    assert effect.low < 0.95 < effect.high
    assert effect.high - effect.low < 0.02


def test_every_image_pairs_the_two_studies(pair):
    table = pair[2].result("comparison")
    sweep = table[table["comparison"] == "sweep"]
    lower = sweep[sweep["verdict"] == "lower"]
    assert len(lower) == 3
    assert lower["quantity"].str.contains("numbers").all()
    assert lower["effect"].to_numpy() == pytest.approx(0.9)
    others = sweep[sweep["verdict"] != "lower"]
    assert others[["effect", "effect_low", "effect_high"]].to_numpy() == pytest.approx(1)
    assert set(others["verdict"]) == {"not shown"}


def test_hits_are_paired_by_name_where_only_the_pixels_differ(tmp_path):
    rng = np.random.default_rng(0)
    hard = rng.random(60) < 0.6
    better = hard | (rng.random(60) < 0.5)
    order = rng.permutation(60)
    shares = [layers_of(own.mean(), 0.4, 0.9) for own in (hard, better)]
    a = made(tmp_path / "a", layers=shares[0], identity_images=hits_of(hard.astype(int)))
    b = made(
        tmp_path / "b",
        key="j" * 64,
        ids=[f"image/{row}" for row in order],
        layers=shares[1],
        identity_images=hits_of(better[order].astype(int)),
    )
    study = repviz.study("comparison", [a, b], out=tmp_path / "c")
    row = study.result("comparison").set_index("comparison").loc["identity"]
    truth = ttest_rel(better.astype(float), hard.astype(float)).confidence_interval(0.95)
    assert row["n_paired"] == 60
    assert (row["effect_low"], row["effect_high"]) == pytest.approx((truth.low, truth.high))
    assert row["verdict"] == "higher"
    assert set(study.result("compared_studies")["paired_by"]) == {"id"}


def test_held_out_accuracy_is_paired_where_both_keep_each_images_outcome(tmp_path):
    rng = np.random.default_rng(0)
    right = rng.random((2, 60)) < [[0.7], [0.9]]
    columns = ["held_out_accuracy", "held_out_low", "held_out_high"]
    studies = [
        made(
            tmp_path / name,
            training=pd.DataFrame([[own.mean(), 0.4, 0.99]], columns=columns),
            evaluation_images=pd.DataFrame({"row": range(60), "correct": own.astype(int)}),
        )
        for name, own in zip("ab", right, strict=True)
    ]
    study = repviz.study("comparison", studies, out=tmp_path / "c")
    row = study.result("comparison").set_index("comparison").loc["training"]
    a, b = right.astype(float)
    truth = ttest_rel(b, a).confidence_interval(0.95)
    assert row["n_paired"] == 60
    assert row["effect"] == pytest.approx(b.mean() - a.mean())
    assert (row["effect_low"], row["effect_high"]) == pytest.approx((truth.low, truth.high))


# ---- laws ---------------------------------------------------------------------------------------


def test_a_study_beside_its_copy_differs_in_nothing(pair, tmp_path):
    copy = build(tmp_path / "copy", faces=FACES)
    study = repviz.study("comparison", [pair[0], copy], out=tmp_path / "c")
    table = study.result("comparison")
    assert set(table["verdict"]) == {"not shown"}
    assert len(table) > 20
    assert len(study.result("option_differences")) == 0
    assert all("No difference" in one for one in study.result("findings")["sentence"])


def test_swapped_studies_give_the_inverse(pair, tmp_path):
    a, b, study = pair
    swapped = repviz.study("comparison", [b, a], out=tmp_path / "c").result("comparison")
    table = study.result("comparison")
    ratio = (table["effect_kind"] == "ratio") & (table["comparison"] != "choices")
    assert swapped[ratio]["effect"].to_numpy() == pytest.approx(1 / table[ratio]["effect"])
    assert swapped[ratio]["effect_low"].to_numpy() == pytest.approx(1 / table[ratio]["effect_high"])
    other = table["effect_kind"] == "difference"
    assert swapped[other]["effect_low"].to_numpy() == pytest.approx(-table[other]["effect_high"])


def test_its_tables_are_those_of_the_dictionary_and_its_page_is_sealed(pair):
    study = pair[2]
    assert undocumented(study.folder) == []
    before = study.report.read_bytes()
    again = repviz.build_report(pair[0], pair[1], out=study.folder)
    assert again.read_bytes() == before
    assert repviz.verify(study.folder) > 3


# ---- edges --------------------------------------------------------------------------------------


def test_studies_of_other_images_are_not_paired_and_say_so(tmp_path):
    hits = hits_of(np.ones(60, int))
    a = made(tmp_path / "a", layers=layers_of(0.5, 0.4, 0.6), identity_images=hits)
    b = made(
        tmp_path / "b",
        key="j" * 64,
        name="lfw",
        layers=layers_of(0.8, 0.7, 0.9),
        identity_images=hits,
        parameters={"images": "lfw", "model": "alexnet"},
    )
    study = repviz.study("comparison", [a, b], out=tmp_path / "c")
    row = study.result("comparison").set_index("comparison").loc["identity"]
    assert row["n_paired"] == 0
    reach = np.hypot(0.1, 0.1)
    assert (row["effect_low"], row["effect_high"]) == pytest.approx((0.3 - reach, 0.3 + reach))
    page = study.report.read_text(encoding="utf-8")
    assert "They share no image: nothing is paired" in page
    assert "The images and the options differ: no difference is due to one of them alone." in page


def test_a_claim_is_chosen_by_the_intervals():
    rows = pd.DataFrame({"title": "error", "verdict": ["lower", "not shown", "not shown"]})
    assert claim_of(rows) == (
        "B has a lower error than A in 1 of 3 comparisons; in the others no difference is shown"
    )
    rows["verdict"] = "higher"
    assert claim_of(rows) == "B has a higher error than A in all 3 comparisons"
    rows["verdict"] = "not shown"
    assert claim_of(rows) == "No difference in error is shown in any of 3 comparisons"
    rows["verdict"] = ["lower", "higher", "not shown"]
    assert claim_of(rows) == (
        "B has a higher error than A in 1 and a lower one in 1 of 3 comparisons"
    )
    values = {"a": 0.81, "a_low": 0.73, "a_high": 0.87, "b": 0.86, "b_low": 0.79, "b_high": 0.91}
    one = pd.DataFrame([{"title": "accuracy", "verdict": "not shown", **values}])
    assert claim_of(one.assign(effect_kind="difference")) == (
        "No difference in accuracy is shown: 81.0 % [73.0 %, 87.0 %] in A, 86.0 % [79.0 %, 91.0 %] "
        "in B"
    )


# ---- messages -----------------------------------------------------------------------------------


def test_one_study_the_same_twice_and_nothing_in_common_are_refused(pair, tmp_path):
    with pytest.raises(InputError) as caught:
        repviz.study("comparison", [pair[0]], out=tmp_path / "c")
    assert str(caught.value) == (
        "study comparison: there must be two studies, got 1. Give two folders."
    )
    with pytest.raises(InputError) as caught:
        repviz.study("comparison", [pair[0], pair[0]], out=tmp_path / "c")
    assert str(caught.value) == (
        f"study comparison: the studies must be two folders, got '{pair[0]}' twice."
    )
    with pytest.raises(InputError) as caught:
        repviz.study("comparison", [pair[0], made(tmp_path / "bare")], out=tmp_path / "c")
    assert str(caught.value) == (
        "study comparison: the two studies must have a table in common, got studies of 'faces' and "
        "'layers'. Compare two of a kind."
    )


# ---- in the browser -----------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_read_without_request_or_complaint(browser, pair, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(pair[2].report.as_uri())
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    heading = page.locator("#comparison h2").inner_text()
    assert heading.startswith("The studies differ in 3 of ")
    first = page.locator("#comparison h3").first.inner_text()
    assert first == (
        "B has a lower reconstruction error than A in 3 of 9 comparisons; in the others no "
        "difference is shown"
    )
    ids = page.locator("[id]").evaluate_all("all => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))
