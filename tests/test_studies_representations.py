"""What is measured of one representation: shared work, known answers, paired comparisons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from repviz.manifold.dimension import dimension
from repviz.studies.representations import (
    Description,
    Representation,
    compare_identity,
    describe,
    quoted_dimension,
)

pytestmark = pytest.mark.slow


def described(name, weights, layer, hits, groups=None):
    row = {"representation": name, "weights": weights, "layer": layer}
    groups = None if groups is None else pd.Series(groups)
    return Description(row, hits=pd.Series(np.asarray(hits, bool)), groups=groups)


def test_differences_are_paired_by_image():
    rng = np.random.default_rng(0)
    pixels, trained, untrained = (rng.random(60) < p for p in (0.6, 0.9, 0.65))
    table = compare_identity(
        [
            described("pixels", "none", "pixels", pixels),
            described("untrained fc7", "untrained", "fc7", untrained),
            described("trained fc7", "trained", "fc7", trained),
        ]
    ).set_index(["representation_a", "representation_b"])
    assert [*table.index] == [
        ("untrained fc7", "pixels"),
        ("trained fc7", "pixels"),
        ("trained fc7", "untrained fc7"),
    ]
    row = table.loc[("trained fc7", "pixels")]
    truth = ttest_rel(trained, pixels.astype(float)).confidence_interval(0.95)
    assert row["difference"] == pytest.approx(trained.mean() - pixels.mean())
    assert (row["low"], row["high"]) == pytest.approx((truth.low, truth.high))
    assert row["n"] == 60


def test_images_of_one_person_that_agree_widen_a_difference():
    people = np.repeat(np.arange(12), 5)
    better, worse = (np.arange(12) > 3)[people], (np.arange(12) > 6)[people]
    pair = [
        described("pixels", "none", "pixels", worse, people),
        described("trained fc7", "trained", "fc7", better, people),
    ]
    clustered = compare_identity(pair).iloc[0]
    alone = compare_identity(
        [Description(one.row, hits=one.hits, groups=None) for one in pair]
    ).iloc[0]
    assert clustered["difference"] == alone["difference"] == pytest.approx(0.25)
    assert clustered["low"] < 0 < alone["low"]


@pytest.fixture(scope="module")
def plane():
    """A representation of 120 rows on a plane in 300 dimensions: two labels, far apart."""
    rng = np.random.default_rng(0)
    Z = rng.random((120, 2)) + 50 * (np.arange(120) % 2)[:, None]
    X = (Z @ rng.normal(size=(2, 300))).astype(np.float32)
    return Representation("pixels", "pixels", "none", "pixels", X)


def test_a_plane_has_two_dimensions_two_components_and_its_labels(plane):
    labels = np.where(np.arange(120) % 2, "a", "b")
    split = np.arange(0, 80), np.arange(80, 120)
    found = describe(plane, labels=labels, split=split, seed=0)
    assert found.row["dimension_low"] < 2 < found.row["dimension_high"]
    assert found.row["components_90"] <= 2
    assert found.row["nearest_same"] == 1
    assert found.row["nearest_same_n"] == 40
    assert found.row["trustworthiness"] > 0.95
    assert found.hits.all()
    assert plane.scores.shape[1] < 120


def test_graph_spectrum_and_dimension_are_computed_once(plane):
    assert plane.graph is plane.graph
    assert plane.spectrum is plane.spectrum
    assert plane.twonn is plane.twonn


def test_rows_that_are_all_the_same_say_why_they_are_not_measured():
    dead = Representation("trained 2", "net", "trained", "2", np.ones((50, 4)))
    found = describe(dead, labels=None, split=(np.arange(30), np.arange(30, 50)), seed=0)
    assert not found.measured
    assert found.row["dimension_warnings"].startswith(
        "not measured: its rows do not distinguish the images. ("
    )


def test_where_the_dimension_around_an_image_is_not_defined_a_warning_says_why():
    X = np.random.default_rng(0).standard_normal((16, 3))
    few = Representation("pixels", "pixels", "none", "pixels", X)
    found = describe(few, labels=None, split=(np.arange(8), np.arange(8, 16)), seed=0)
    assert found.points["local_dimension"].isna().all()
    assert found.row["dimension_warnings"].endswith(
        "The dimension around an image is not defined. (dimension: the graph must have at least "
        "20 neighbours per row, got 15. Add rows.)"
    )


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((4.06, 3.1, 7.7), "4.1 [3.1, 7.7]"),
        ((2.8, 0.2, 106.7), "an unknown number [0.2, 106.7]"),
        ((5.0, 1.0, 10.0), "an unknown number [1.0, 10.0]"),
        ((5.0, 0.0, 9.0), "an unknown number [0.0, 9.0]"),
        ((0.4, 0.1, 1.2), "0.4 [0.1, 1.2]"),
        ((np.nan, np.nan, np.nan), "not measured"),
    ],
)
def test_a_dimension_is_quoted_as_a_number_only_where_its_interval_names_one(ends, words):
    names = [f"dimension_calibrated{end}" for end in ("", "_low", "_high")]
    row = dict(zip(names, ends, strict=True)) | {"dimension_warnings": ""}
    assert quoted_dimension(pd.Series(row)) == words


def test_a_dimension_of_too_few_rows_is_quoted_as_a_lower_limit():
    found = dimension(np.random.default_rng(0).normal(size=(112, 12_000)))
    row = {"dimension_warnings": " ".join(found.warnings)}
    row |= {
        f"dimension_{name}": getattr(found, name)
        for name in ("calibrated", "calibrated_low", "calibrated_high")
    }
    assert quoted_dimension(pd.Series(row)) == f"at least {found.calibrated_low:.1f}"
