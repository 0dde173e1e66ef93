"""dimension: what is wrong with a call, in one sentence."""

from __future__ import annotations

import numpy as np
import pytest
from test_manifold_dimension import ball

from repviz.errors import Degenerate, InputError, UnknownName
from repviz.manifold.dimension import ESTIMATORS, dimension, dimension_by_label
from repviz.manifold.dimension.curve import scale_curve
from repviz.manifold.neighbors import neighbors


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda X: dimension(X, method="twon"),
            UnknownName,
            "dimension: no method is called 'twon'. Did you mean 'twonn'? "
            f"Known: {', '.join(ESTIMATORS)}.",
        ),
        (
            lambda X: dimension(X, discord=0.2),
            UnknownName,
            "dimension: no option of 'twonn' is called 'discord'. Did you mean 'discard'? "
            "Known: fit, discard.",
        ),
        (
            lambda X: dimension(X, fit="lines"),
            UnknownName,
            "dimension: no fit is called 'lines'. Did you mean 'linear'? "
            "Known: likelihood, linear.",
        ),
        (
            lambda X: dimension(X, fit="linear", discard=1),
            InputError,
            "dimension: discard must be a number from 0.01 to 0.9, got 1.",
        ),
        (
            lambda X: dimension(X, method="mle", k=7),
            InputError,
            "dimension: k must be one of (5, 10, 20) for 'mle', got 7.",
        ),
        (
            lambda X: dimension(neighbors(X, k=5), method="mle"),
            InputError,
            "dimension: the graph must have at least 10 neighbours per row, got 5. Build it with "
            "neighbors(X, k=20).",
        ),
        (
            lambda X: dimension(X, groups=[1, 2]),
            InputError,
            "dimension: groups must have one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: dimension(X, groups=np.zeros(40)),
            InputError,
            "dimension: groups must contain at least two groups, got one.",
        ),
        (
            lambda X: scale_curve(X, groups=[1, 2]),
            InputError,
            "scale_curve: groups must have one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: neighbors(X, k=5).with_groups([1, 2]),
            InputError,
            "with_groups: groups must have one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: dimension(X, method="gride", m=3),
            InputError,
            "dimension: m must be one of (1, 2, 4, 8, 16, 32) for 'gride', got 3.",
        ),
        (
            lambda X: dimension(X, method="tle", average="median"),
            UnknownName,
            "dimension: no average is called 'median'. Did you mean 'mean'? Known: inverse, mean.",
        ),
        (
            lambda X: scale_curve(neighbors(X, k=2)),
            InputError,
            "scale_curve: the graph must have at least 4 neighbours per row and more than 8 rows, "
            "got 2 and 40. Build it with neighbors(X, k=64).",
        ),
        (
            lambda X: dimension_by_label(X, [0, 1]),
            InputError,
            "dimension_by_label: labels must have one entry for each of 40 rows, got shape (2,).",
        ),
        (
            lambda X: dimension_by_label(X, [0, 1] * 20, method="mle", k=7),
            InputError,
            "dimension: k must be one of (5, 10, 20) for 'mle', got 7.",
        ),
        (
            lambda X: dimension_by_label(X, ["a"] * 38 + ["b", "b"], method="mle", k=20)["b"],
            KeyError,
            "'b'",
        ),
        (
            lambda X: dimension_by_label(neighbors(X, k=5, metric="cosine"), range(40)),
            Degenerate,
            "dimension_by_label: at least one label must have enough images, got none. For '0': "
            "dimension_by_label: X must have at least 3 rows, got 1. Use more images.",
        ),
        (
            lambda X: dimension(X[:8]),
            Degenerate,
            "dimension: at least 10 distinct rows with 2 distinct neighbours each are needed, got "
            "8 of 8 rows. Use more images, or remove duplicates: np.unique(X, axis=0).",
        ),
    ],
)
def test_says_what_is_wrong(call, error, sentence):
    with pytest.raises(error) as caught:
        call(ball(22, 40, 2))
    assert str(caught.value) == sentence
