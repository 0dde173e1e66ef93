"""Which images the judges of a study know."""

from __future__ import annotations

import numpy as np
import pytest
from study_folder import build

from repviz.images.partition import Partition
from repviz.studies.random_images import KNOWN, known_rows, ladder_findings
from repviz.study_folder import open_study


def parts(n: int, clusters: np.ndarray | None = None) -> Partition:
    """Of ``n`` images the last tenth is tested, the rest is known."""
    train, validation, test = np.split(np.arange(n), [n // 2, n - n // 10])
    by = "image" if clusters is None else "label"
    groups = np.arange(n) if clusters is None else clusters
    return Partition(train, validation, test, groups, by)


@pytest.mark.parametrize("n", [40, KNOWN])
def test_few_images_are_all_known_but_those_tested(n):
    assert np.array_equal(known_rows(parts(n), seed=0), np.arange(n - n // 10))


def test_of_many_so_many_are_drawn_by_cluster_and_none_that_is_tested():
    n = 3 * KNOWN
    clusters = np.arange(n) % 5
    rows = known_rows(parts(n, clusters), seed=0)
    assert len(rows) == len(set(rows)) == KNOWN
    assert rows.max() < n - n // 10
    assert np.bincount(clusters[rows]).tolist() == [KNOWN // 5] * 5
    assert np.array_equal(rows, known_rows(parts(n, clusters), seed=0))
    assert not np.array_equal(rows, known_rows(parts(n, clusters), seed=1))


def test_the_findings_give_the_interval_of_the_real_images_and_name_the_judges(tmp_path):
    sentences = ladder_findings(open_study(build(tmp_path / "study")))
    assert sentences[0].endswith("real faces of 20 people were (95 % CI 88.7 % to 98.4 %).")
    assert sentences[1] == "All judges must accept: nearest-face; face-space."
