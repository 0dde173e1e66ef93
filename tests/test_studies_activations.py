"""The study of saved activations: known answers, stores paired by image, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from browsing import overflow, point_at_the_first_image, visit
from spreadsheet import formulas
from table_dictionary import undocumented

import repviz
from repviz.errors import InputError, UnknownName
from repviz.studies.stores import depths, store_pairs

pytestmark = pytest.mark.slow

LABELS = np.where(np.arange(120) % 2, "odd", "even")


def imported(folder, X, *, labels=LABELS, ids=None):
    ids = [f"image {row}" for row in range(len(X))] if ids is None else ids
    return repviz.import_matrix(X, folder, layer="fc", name="by hand", ids=ids, labels=labels)


@pytest.fixture(scope="module")
def matrices():
    """Rows on a plane in 20 dimensions, of two labels far apart; the plane rotated; noise."""
    rng = np.random.default_rng(0)
    plane = rng.random((120, 2)) + 5 * (np.arange(120) % 2)[:, None]
    X = (plane @ rng.normal(size=(2, 20))).astype(np.float32)
    rotation = np.linalg.qr(rng.normal(size=(20, 20)))[0].astype(np.float32)
    return {"plane": X, "rotated": X @ rotation, "noise": rng.normal(size=(120, 20))}


@pytest.fixture(scope="module")
def study(matrices, tmp_path_factory):
    """Three imported stores of the same ids, the second in another order."""
    folder = tmp_path_factory.mktemp("acts")
    order = np.random.default_rng(1).permutation(120)
    ids = np.array([f"image {row}" for row in range(120)])
    imported(folder / "plane", matrices["plane"])
    imported(
        folder / "rotated", matrices["rotated"][order], labels=LABELS[order], ids=list(ids[order])
    )
    imported(folder / "noise", matrices["noise"])
    stores = [folder / name for name in matrices]
    return repviz.study("activations", stores, out=folder / "study"), stores


# ---- truth --------------------------------------------------------------------------------------


def test_a_plane_has_two_dimensions_and_noise_more(study):
    layers = study[0].result("layers").set_index("representation")
    assert [*layers.index] == ["plane fc", "rotated fc", "noise fc"]
    for name in ("plane fc", "rotated fc"):
        row = layers.loc[name]
        assert row["dimension_calibrated_low"] < 2 < row["dimension_calibrated_high"]
        assert row["components_90"] <= 2
    assert layers.loc["noise fc", "dimension_calibrated_low"] > 4
    assert layers.loc["plane fc", "nearest_same"] == 1
    profile = study[0].result("profile").set_index("representation")
    assert profile.loc["plane fc", "linear"] == 1
    assert profile.loc["noise fc", "linear_low"] < 0.5 < profile.loc["noise fc", "linear_high"]


def test_rows_in_another_order_are_paired_by_their_image(study):
    similarity = study[0].result("similarity").set_index(["representation_a", "representation_b"])
    assert similarity.loc[("plane fc", "rotated fc"), "cka"] == pytest.approx(1, abs=1e-5)
    noise = similarity.loc[("plane fc", "noise fc")]
    assert abs(noise["cka"]) < 0.3
    assert noise["p"] > 0.01
    shared = study[0].result("shared_images")
    assert shared["n_shared"].tolist() == [120, 120, 120]
    assert set(shared["paired_by"]) == {"id"}
    assert len(study[0].result("images")) == 120
    neighbors = study[0].array("map_neighbors")
    assert set(neighbors[0, 0]) == set(neighbors[1, 0])


def test_a_difference_is_paired_by_image_and_worded_by_its_interval(study):
    table = study[0].result("probe_differences").set_index(["representation_a", "representation_b"])
    same, other = table.loc[("rotated fc", "plane fc")], table.loc[("noise fc", "plane fc")]
    assert (same["difference"], same["low"], same["high"], same["n"]) == (0, 0, 0, 120)
    hits = (
        study[0]
        .result("probe_images")
        .pivot(index="row", columns="representation", values="correct")
    )
    apart = hits["noise fc"] - hits["plane fc"]
    reach = 1.9801 * apart.std(ddof=1) / np.sqrt(120)  # Student's t, 119 degrees of freedom
    assert other["difference"] == pytest.approx(apart.mean(), abs=1e-6)
    assert other["low"] == pytest.approx(apart.mean() - reach, abs=1e-3)
    findings = " ".join(study[0].result("findings")["sentence"])
    assert "the linear probe is worse in noise fc than in plane fc" in findings
    assert "no difference of the linear probe between rotated fc and plane fc is shown" in findings
    assert (
        "plane and rotated share 120 rows (of 120 and 120 measured), paired by id, since one was "
        "imported." in findings
    )


def test_extracted_stores_are_paired_by_content_and_keep_their_kind_of_weights(tmp_path):
    images = repviz.open_images("drawn-faces:60", size=16, grey=True, seed=0)
    model = repviz.open_model("autoencoder", size=16, bottleneck=4)
    some = images.take(np.random.default_rng(0).permutation(60)[:48])
    for name, own in (("all", images), ("some", some)):
        repviz.extract(model, own, layers="code", out=tmp_path / name)
    stores = [tmp_path / "all", tmp_path / "some"]
    made = repviz.study("activations", stores, out=tmp_path / "s", pictures=images)
    shared = made.result("shared_images").iloc[0]
    assert (shared["n_shared"], shared["paired_by"]) == (48, "content")
    similarity = made.result("similarity").set_index(["representation_a", "representation_b"])
    row = similarity.loc[("all code", "some code")]
    assert (row["cka"], row["n"]) == (pytest.approx(1, abs=1e-5), 48)
    assert set(made.result("layers")["weights"]) == {"untrained"}
    assert made.nouns.images == "drawn faces"
    assert made.array("thumbnails").shape == (60, 64, 64)
    assert {"factor_nod", "factor_turn"} <= set(made.result("images"))
    assert undocumented(made.folder) == []


# ---- laws ---------------------------------------------------------------------------------------


def test_its_tables_are_those_of_the_dictionary(study):
    assert undocumented(study[0].folder) == []


def test_run_again_it_keeps_what_is_there_and_the_page_is_the_same(study, tmp_path):
    made, stores = study
    before = made.manifest["stages"], made.report.read_bytes()
    again = repviz.study("activations", stores, out=made.folder)
    assert (again.manifest["stages"], again.report.read_bytes()) == before
    anew = repviz.write_report(made.folder, out=tmp_path / "r.html")
    assert anew.read_bytes() == before[1]
    assert repviz.verify(anew) == 1
    assert repviz.verify(made.folder) > 10


def test_layers_of_several_networks_are_merged_in_their_order():
    class One:
        def __init__(self, *layers):
            self.layers = layers

    assert [*depths([One("a", "d"), One("a", "b", "c", "d")])] == ["a", "b", "c", "d"]
    assert depths([One("x"), One("y", "z")]) == {"x": 0, "y": 1, "z": 2}


def test_a_layer_is_compared_with_itself_elsewhere_and_with_the_first_of_its_store():
    rows = [
        {"representation": f"{model} {layer}", "model": model, "layer": layer}
        for model, layer in (("A", "conv"), ("A", "fc"), ("B", "fc"))
    ]
    assert store_pairs(rows) == [("A fc", "A conv"), ("B fc", "A fc")]


# ---- edges --------------------------------------------------------------------------------------


def test_no_table_of_a_study_holds_a_formula_whatever_the_names(matrices, tmp_path):
    ids = [f"{'=+-@'[row % 4]}cmd|' /C calc'!A{row}" for row in range(120)]
    labels = np.where(np.arange(120) % 2, "@odd", "\t=even")
    for name in ("=plane", "-noise"):
        imported(tmp_path / name, matrices[name[1:]], labels=labels, ids=ids)
    stores = [tmp_path / "=plane", tmp_path / "-noise"]
    made = repviz.study("activations", stores, out=tmp_path / "study")
    tables = sorted((made.folder / "results").glob("*.csv"))
    assert len(tables) > 5
    assert {path.name: [*formulas(path)] for path in tables} == {path.name: [] for path in tables}
    assert made.result("images")["id"].tolist() == ids
    assert made.result("images")["label"].tolist() == labels.tolist()
    assert set(made.result("layers")["model"]) == {"=plane", "-noise"}


def test_stores_without_a_common_image_are_not_compared(matrices, tmp_path):
    imported(tmp_path / "one", matrices["plane"][:60], labels=None)
    ids = [f"other {row}" for row in range(60)]
    imported(tmp_path / "two", matrices["noise"][:60], labels=None, ids=ids)
    made = repviz.study("activations", [tmp_path / "one", tmp_path / "two"], out=tmp_path / "s")
    pairs = made.result("similarity")
    assert (pairs["representation_a"] == pairs["representation_b"]).all()
    assert len(made.result("images")) == 120
    findings = made.result("findings")["sentence"].tolist()
    assert (
        "one and two share no rows: nothing here compares them image by image, and a difference "
        "between their numbers may be due to the rows."
    ) in findings
    assert "The folders share no rows: they are not compared image by image" in (
        made.report.read_text(encoding="utf-8")
    )


def test_rows_without_label_or_activations_are_left_out_of_what_needs_them(matrices, tmp_path):
    X = matrices["plane"].copy()
    X[3] = np.nan
    labels = [None if row < 30 else label for row, label in enumerate(LABELS)]
    imported(tmp_path / "plane", X, labels=labels)
    made = repviz.study("activations", tmp_path / "plane", out=tmp_path / "s", sample=100)
    assert made.result("layers")["n"].tolist() == [100]
    assert made.result("stores")["n_readable"].tolist() == [119]
    images = made.result("images")
    assert "image 3" not in set(images["id"])
    labelled = int((images["label"] != "").sum())
    assert 60 < labelled < 100
    assert len(made.result("probe_images")) == labelled
    assert made.manifest["skipped"]["similarity"] == (
        "there is one layer, and nothing to compare it with"
    )


# ---- messages -----------------------------------------------------------------------------------


def test_too_few_rows_and_the_same_folder_twice_are_refused(matrices, tmp_path):
    imported(tmp_path / "few", matrices["plane"][:30], labels=None)
    with pytest.raises(InputError) as caught:
        repviz.study("activations", tmp_path / "few", out=tmp_path / "s")
    assert str(caught.value) == (
        "study activations: a store must have at least 40 readable rows, got 30 in 'few'. Extract "
        "more images."
    )
    with pytest.raises(InputError) as caught:
        repviz.study("activations", [tmp_path / "few"] * 2, out=tmp_path / "s")
    assert str(caught.value) == (
        f"study activations: the folders must be distinct, got '{tmp_path / 'few'}' twice."
    )
    with pytest.raises(InputError) as caught:
        repviz.study("activations", [], out=tmp_path / "s")
    assert str(caught.value) == (
        "study activations: at least one folder of activations must be given, got none. Extract "
        "some: repviz extract."
    )


def test_a_layer_that_no_store_has_is_named_with_those_that_there_are(matrices, tmp_path):
    imported(tmp_path / "one", matrices["plane"])
    with pytest.raises(UnknownName) as caught:
        repviz.study("activations", tmp_path / "one", out=tmp_path / "s", layers="conv*")
    assert str(caught.value) == ("study activations: no layer is called 'conv*'. Known: fc.")


def test_a_report_of_a_study_and_of_activations_at_once_is_refused(matrices, tmp_path):
    from study_folder import build

    imported(tmp_path / "one", matrices["plane"])
    made = build(tmp_path / "s")
    with pytest.raises(InputError) as caught:
        repviz.build_report(tmp_path / "one", made)
    assert str(caught.value) == (
        "report: the folders must be studies alone or activations alone, at least one, got "
        f"{tmp_path / 'one'} (activations) and {made} (study)."
    )
    with pytest.raises(InputError) as caught:
        repviz.build_report(made, setup=repviz.ActivationsSetup(sample=50))
    assert str(caught.value) == (
        "report: sample applies to folders of activations, got a study. Leave it out."
    )
    assert repviz.build_report(made) == made / "report.html"


# ---- in the browser -----------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_read_without_request_or_complaint(browser, study, width):
    seen = visit(browser, study[0].report, width=width)
    point_at_the_first_image(seen.page)
    assert seen.complaints == []
    assert [url for url in seen.requests if url.startswith("http")] == []
    assert overflow(seen.page) <= 0
    sections = seen.page.locator("main > section").evaluate_all("all => all.map((one) => one.id)")
    for name in ("stores", "profile", "similarity", "identity", "dimension", "spectrum", "map"):
        assert name in sections
    assert seen.page.locator("#stores h2").inner_text() == "All 3 folders hold the same 120 rows"
