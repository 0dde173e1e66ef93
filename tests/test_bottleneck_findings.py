"""What a sweep's sentences say: the verdict follows from the interval, also where it is no."""

from __future__ import annotations

from math import inf, nan
from types import SimpleNamespace

import pandas as pd
import pytest

from repviz.bottleneck.findings import choice_sentence, sweep_findings
from repviz.nouns import FACES

PCA = {"engine": "pca", "engine_title": "PCA", "is_baseline": True, "ratio": 1.0}
OWN = {"engine": "own", "engine_title": "my autoencoder", "is_baseline": False}


def sentence(*ratios: tuple[float, float, float]) -> str:
    """The finding at the first of the sizes 8, 16, ... for these (ratio, low, high)."""
    found = [dict(zip(("ratio", "ratio_low", "ratio_high"), one, strict=True)) for one in ratios]
    sizes = [8 * 2**place for place in range(len(ratios))]
    rows = [{**PCA, "bottleneck": k} for k in sizes]
    rows += [{**OWN, **one, "bottleneck": k} for k, one in zip(sizes, found, strict=True)]
    table = pd.DataFrame(rows).assign(
        n_test=60,
        groups_test=6,
        split_by="label",
        baseline_title="PCA",
        n_splits=1,
        n_seeds=1,
        left_out="",
        warnings="",
    )
    return sweep_findings(SimpleNamespace(result=lambda _: table, nouns=FACES), 8)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ((0.95, 0.92, 0.99), "5 % less squared error than PCA (95 % CI 1 % to 8 %)"),
        ((1.15, 1.10, 1.20), "15 % more squared error than PCA (95 % CI 10 % to 20 %)"),
        (
            (0.98, 0.90, 1.07),
            "0.98 times the squared error of PCA (95 % CI 0.90 to 1.07): no difference is shown",
        ),
        ((0.98, nan, nan), "0.98 times the squared error of PCA, with no interval"),
    ],
)
def test_the_verdict_on_pca_follows_from_the_interval(ratio, words):
    covers = "; the interval is over new people, not over other trainings or splits"
    assert sentence(ratio) == (
        f"With 8 numbers per image my autoencoder leaves {words}; "
        f"60 test images of 6 people not trained on{'' if 'no interval' in words else covers}."
    )


def test_the_range_over_all_sizes_stands_beside_the_one_that_was_fixed():
    found = sentence((0.95, 0.92, 0.99), (1.2, 1.1, 1.3))
    assert found.endswith(
        ". From 8 to 16 numbers per image the ratio of the two errors lies between 0.95 and 1.20."
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {"observed": 16, "size": 32, "low": 4, "high": 64},
            "16 numbers per image (95 % interval 4 to 64) are enough by the criterion “same”, "
            "a loss below 5.0 % allowed; the test confirms 32",
        ),
        (
            {"observed": 16, "low": 4, "high": inf, "undecided": "59 people are needed, 6 are"},
            "16 numbers per image (95 % interval 4 to beyond the sweep) are enough by the "
            "criterion “same”, a loss below 5.0 % allowed; not confirmed: 59 people are needed, "
            "6 are",
        ),
        ({}, "No size of the sweep is enough by the criterion “same”, a loss below 5.0 % allowed"),
    ],
)
def test_a_choice_says_what_was_seen_and_what_the_test_confirms(found, words):
    blank = dict.fromkeys(("observed", "size", "low", "high"), nan)
    assert (
        choice_sentence({"title": "same", "margin": 0.05, "undecided": "", **blank, **found})
        == words
    )
