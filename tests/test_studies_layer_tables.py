"""The rows of factors.csv, similarity.csv and invariance.csv where something is not known."""

from __future__ import annotations

import numpy as np
import pytest

from repviz.errors import InputError
from repviz.studies.layer_tables import factor_rows, invariance_row, similarity_table
from repviz.studies.representations import Representation


@pytest.fixture(name="one", scope="module")
def one_representation():
    X = np.random.default_rng(0).standard_normal((120, 4))
    return Representation("pixels", "pixels", "none", "pixels", X)


def test_a_factor_is_read_from_the_images_where_it_is_known(one):
    values = one.matrix[:, 1].copy()
    (whole,) = factor_rows(one, {"age": values}, seed=0)
    values[::2] = np.nan
    (half,) = factor_rows(one, {"age": values}, seed=0)
    assert (whole["n"], half["n"]) == (120, 60)
    assert whole["r2"] > 0.99
    assert half["r2"] > 0.99


def test_a_factor_that_only_tells_people_apart_is_not_read_off_people_held_out():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(12), 10)
    X = rng.normal(size=(12, 40))[people] + 0.01 * rng.normal(size=(120, 40))
    age = rng.normal(size=12)[people]
    alone = Representation("rows", "rows", "none", "rows", X)
    grouped = Representation("rows", "rows", "none", "rows", X, people.astype(str))
    (by_image,) = factor_rows(alone, {"age": age}, seed=0)
    (by_person,) = factor_rows(grouped, {"age": age}, seed=0)
    assert by_image["r2"] > 0.9
    assert by_person["r2"] < 0.3
    assert (by_image["groups"], by_person["groups"]) == (120, 12)
    (of_two,) = factor_rows(grouped, {"age": np.where(people < 2, age, np.nan)}, seed=0)
    assert (of_two["n"], of_two["groups"], of_two["warnings"]) == (
        20, 20, "age is known of too few groups (2): images are split one by one"
    )  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [np.r_[np.arange(19.0), np.full(101, np.nan)], np.full(120, np.nan), np.full(120, 3.0)],
    ids=["known of 19", "unknown", "the same for all"],
)
def test_a_factor_that_nothing_can_be_read_of_is_left_out(one, values):
    assert factor_rows(one, {"age": values}, seed=0) == []


def test_a_constant_layer_has_no_similarity_and_its_row_says_why(one):
    flat = Representation("trained 2", "net", "trained", "2", np.ones((120, 4)))
    table = similarity_table([one, flat], seed=0)
    assert table["cka"].notna().tolist() == [True, False, False]
    assert table["warnings"].tolist() == [
        "",
        "similarity: the rows of Y must not all be identical.",
        "similarity: the rows of X must not all be identical.",
    ]


def test_a_constant_layer_has_no_invariance_and_its_row_says_why(one):
    flat = np.ones((120, 4))
    row = invariance_row(flat, flat, None)
    assert np.isnan(row["relative_displacement"])
    assert row["warnings"] == "invariance: the rows of X must not all be identical."
    assert invariance_row(one.matrix, one.matrix, None)["warnings"] == ""


def test_matrices_of_two_shapes_end_the_study_and_are_no_missing_value(one):
    with pytest.raises(InputError) as caught:
        invariance_row(one.matrix, one.matrix[:, :3], None)
    assert str(caught.value) == (
        "invariance: X and X_perturbed must be of the same images and layer, got shapes "
        "(120, 4) and (120, 3)."
    )
