"""Nearest-neighbour identity: right counts, chance, and intervals that take groups."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from repviz import intervals
from repviz.errors import InputError
from repviz.manifold.identity import nearest_identity


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    labels = np.repeat(list("abcdefgh"), 6)
    centres = rng.normal(size=(8, 5))
    return centres.repeat(6, axis=0) + 0.9 * rng.normal(size=(48, 5)), labels


def test_held_out_rows_are_looked_up_among_known_ones_as_scikit_learn_does(rows):
    X, labels = rows
    known, queries = np.arange(0, 48, 2), np.arange(1, 48, 2)
    found = nearest_identity(X, labels, known=known, queries=queries)
    one = KNeighborsClassifier(1).fit(X[known], labels[known])
    assert found.share == pytest.approx(one.score(X[queries], labels[queries]))
    assert found.hits.tolist() == (one.predict(X[queries]) == labels[queries]).tolist()
    assert (found.low, found.high) == intervals.share(int(found.hits.sum()), 24)
    assert found.chance == pytest.approx(1 / 8)
    assert found.n == 24


def test_a_row_is_never_its_own_neighbour(rows):
    X, labels = rows
    squared = np.square(X[:, None] - X[None]).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    found = nearest_identity(X, labels, groups=labels)
    assert found.hits.tolist() == (labels[squared.argmin(axis=1)] == labels).tolist()
    assert found.chance == pytest.approx(5 / 47)
    assert (found.low, found.high) == intervals.share_of_groups(found.hits, labels)


def test_identical_rows_find_each_other(rows):
    X, _ = rows
    twice = np.repeat(X[:4], 2, axis=0)
    assert nearest_identity(twice, np.repeat(list("abcd"), 2)).share == 1
    assert nearest_identity(twice, np.tile(list("ab"), 4)).share == 0


def test_labels_must_fit_the_rows(rows):
    X, labels = rows
    with pytest.raises(InputError) as caught:
        nearest_identity(X, labels[:7])
    assert str(caught.value) == (
        "nearest_identity: labels must have one entry for each of 48 rows, got shape (7,)."
    )
