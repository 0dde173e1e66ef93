"""Declared groups through the studies: what is split, and over what intervals are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from table_dictionary import undocumented

import repviz
from repviz import intervals
from repviz.errors import Mismatch
from repviz.images import images_from
from repviz.studies.layer_tables import profile_row
from repviz.studies.measurement import images_table
from repviz.studies.paired_studies import PairedStudies
from repviz.studies.representations import Representation
from repviz.studies.stores import open_stores

pytestmark = pytest.mark.slow

N = 120
PEOPLE = np.repeat([f"person {k:02d}" for k in range(24)], 5)
EMOTIONS = np.tile(["calm", "glad"], N // 2)
PIXELS = np.random.default_rng(1).integers(0, 256, (N, 8, 8)).astype(np.uint8)


@pytest.fixture(scope="module")
def rows():
    """Rows that mostly tell the person, and a little of the emotion."""
    rng = np.random.default_rng(0)
    person = np.repeat(rng.normal(size=(24, 6)), 5, axis=0)
    return person + 0.3 * rng.normal(size=(N, 6)) + 0.5 * (EMOTIONS == "glad")[:, None]


@pytest.fixture(scope="module")
def stored(rows, tmp_path_factory):
    """A study of these rows as activations, whose row index names the people."""
    folder = tmp_path_factory.mktemp("groups")
    acts = repviz.import_matrix(rows, folder / "acts", labels=EMOTIONS, groups=PEOPLE)
    return repviz.study("activations", acts, out=folder / "study")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    images = images_from(PIXELS, labels=EMOTIONS, groups=PEOPLE)
    out = tmp_path_factory.mktemp("swept") / "sweep"
    return repviz.sweep(images, bottlenecks=[2], engines="pca", out=out)


# ---- truth --------------------------------------------------------------------------------------


def test_a_probe_keeps_a_person_in_one_fold_and_its_interval_takes_people_whole(rows):
    one = Representation("rows", "rows", "none", "rows", rows, PEOPLE)
    row, hits = profile_row(one, EMOTIONS, 0)
    by_hand = repviz.probe(
        one.scores, EMOTIONS, method="linear", groups=PEOPLE, clusters=PEOPLE, seed=0
    )
    assert (row["linear"], row["linear_low"], row["linear_high"]) == (
        by_hand.value, by_hand.low, by_hand.high
    )  # fmt: skip
    assert (row["linear_low"], row["linear_high"]) == intervals.accuracy(hits.to_numpy(), PEOPLE)
    alone = repviz.probe(one.scores, EMOTIONS, method="linear", seed=0)
    assert alone.high - alone.low != by_hand.high - by_hand.low


def test_the_groups_of_stored_rows_reach_the_probes_of_a_study(stored, rows):
    row = stored.result("profile").iloc[0]
    one = Representation("rows", "rows", "none", "rows", rows.astype(np.float64), PEOPLE)
    by_hand, _ = profile_row(one, EMOTIONS, 0)
    for column in ("linear", "linear_low", "linear_high", "dimension_low", "dimension_high"):
        np.testing.assert_allclose(row[column], by_hand[column], rtol=1e-6)


def test_held_out_images_of_a_study_show_people_that_no_known_one_shows(stored):
    table = stored.result("images")
    assert table["group"].tolist() == PEOPLE.tolist()
    known = table["identity_split"] == "train"
    assert not set(table["group"][known]) & set(table["group"][~known])
    assert set(table["label"][~known]) == {"calm", "glad"}


def test_the_interval_of_a_sweep_is_the_jackknife_over_groups(swept):
    images = swept.result("images").set_index("row")
    parts = images.groupby("sweep_split")["group"].unique()
    assert sorted(np.concatenate(parts.tolist())) == sorted(set(PEOPLE))
    errors = swept.result("sweep_images").query("engine == 'pca'")
    values = errors["mse"].to_numpy()[:, None]
    groups = images.loc[errors["row"], "group"].to_numpy()
    low, high = intervals.jackknife(values, groups, lambda m: np.log(m[..., 0]))
    row = swept.table.query("engine == 'pca'").iloc[0]
    np.testing.assert_allclose([row["mse_low"], row["mse_high"]], np.exp([low, high]), rtol=1e-6)
    assert (row["split_by"], row["groups_test"]) == ("group", len(np.unique(groups)))


def test_the_smallest_code_is_tested_and_resampled_over_groups(swept):
    choice = repviz.choose_bottleneck(swept, "psnr:25", engine="pca")
    groups, n = swept.table["groups_test"].iloc[0], swept.table["n_test"].iloc[0]
    assert (choice.groups, choice.n) == (groups, n)
    assert groups < n
    assert choice.undecided == (
        f"the test needs at least 59 independent groups to rule out a loss of 5 %, and has {groups}"
    )


def test_an_image_without_a_group_is_a_cluster_of_its_own_and_blank_in_a_table(rows, tmp_path):
    acts = []
    for name, part, groups in (("a", slice(60), PEOPLE[:60]), ("b", slice(60, N), None)):
        ids = [f"image {row}" for row in range(N)[part]]
        out = tmp_path / name
        acts.append(repviz.import_matrix(rows[part], out, ids=ids, groups=groups))
    rng = np.random.default_rng(0)
    _, images = open_stores(acts, layers=None, sample=N, rng=rng)
    assert len(np.unique(images.clusters)) == 12 + 60
    table = images_table(images, (np.arange(60), np.arange(60, N)))
    assert table["group"].tolist() == [*PEOPLE[:60], *[""] * 60]


def test_studies_are_paired_with_the_groups_that_are_known():
    images = pd.DataFrame({"id": list("abcdef"), "group": ["x", "x", "y", "y", "", ""]})
    images = images.assign(row_a=range(6), row_b=range(6), label="").set_index("id", drop=False)
    pair = PairedStudies(None, None)
    vars(pair).update(images=images, paired_by="content")
    scores = pd.DataFrame({"row": range(6), "correct": [0, 1, 0, 1, 1, 0]})
    _, clusters = pair.paired(scores, scores, "correct")
    assert np.unique(clusters, return_inverse=True)[1].tolist() == [2, 2, 3, 3, 0, 1]


# ---- contracts ----------------------------------------------------------------------------------


def test_the_report_names_groups(swept, stored):
    assert "of groups not in training" in swept.report.read_text()
    assert "24 groups (all rows of a group together)" in stored.report.read_text()


def test_every_column_is_explained(swept, stored):
    assert undocumented(swept.folder) == undocumented(stored.folder) == []


def test_other_groups_are_another_study(swept):
    images = images_from(PIXELS, labels=EMOTIONS, groups=np.roll(PEOPLE, 1))
    with pytest.raises(Mismatch, match="labels_key"):
        repviz.sweep(images, bottlenecks=[2], engines="pca", out=swept.folder)
