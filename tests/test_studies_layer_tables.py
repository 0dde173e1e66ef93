"""The rows of factors.csv: factors that are known of some images only."""

from __future__ import annotations

import numpy as np
import pytest

from repviz.studies.layer_tables import factor_rows
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


@pytest.mark.parametrize(
    "values",
    [np.r_[np.arange(19.0), np.full(101, np.nan)], np.full(120, np.nan), np.full(120, 3.0)],
    ids=["known of 19", "unknown", "the same for all"],
)
def test_a_factor_that_nothing_can_be_read_of_is_left_out(one, values):
    assert factor_rows(one, {"age": values}, seed=0) == []
