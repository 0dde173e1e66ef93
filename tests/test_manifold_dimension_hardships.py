"""Every estimator on what real sets bring: copies, coarse values, constants, offsets, too few rows.

The answer is right and comes with a warning, or there is one sentence; never 0, NaN or a traceback.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from repviz.errors import InputError
from repviz.manifold.dimension import ESTIMATORS, dimension
from repviz.manifold.neighbors import neighbors

NUMBERS = ("value", "low", "high", "calibrated", "calibrated_low", "calibrated_high")
GRAPH_METHODS = [name for name, entry in ESTIMATORS.items() if entry.reads == "graph"]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(name="X", scope="module")
def rows():
    """600 even rows of a 3-ball, turned into 20 features."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 3))
    X *= rng.random((600, 1)) ** (1 / 3) / np.linalg.norm(X, axis=1, keepdims=True)
    return X @ np.linalg.qr(rng.standard_normal((20, 20)))[0][:3]


@pytest.fixture(name="clean", scope="module")
def estimates(X):
    graph = neighbors(X, k=40)
    return {method: dimension(graph, method=method) for method in ESTIMATORS}


def sound(found):
    numbers = [getattr(found, name) for name in NUMBERS]
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    assert found.low <= found.value <= found.high
    assert found.calibrated_low <= found.calibrated <= found.calibrated_high


def refusal(X, method):
    """The sentence with which the rows are refused; empty where the answer is sound."""
    try:
        sound(dimension(X, method=method))
    except InputError as error:
        return str(error)
    return ""


def near(X, rows, seed=1):
    return X[rows] + 1e-6 * np.random.default_rng(seed).standard_normal((len(X[rows]), X.shape[1]))


# ---- laws


@pytest.mark.parametrize("method", ESTIMATORS)
def test_an_offset_in_float32_costs_its_rounding_and_no_more(method, X, clean):
    offset = (X + 1e3).astype(np.float32)
    found = dimension(offset, method=method)
    centred = dimension(offset.astype(np.float64) - 1e3, method=method)
    for field in NUMBERS:
        assert getattr(found, field) == pytest.approx(getattr(centred, field), rel=1e-6)
        assert getattr(found, field) == pytest.approx(getattr(clean[method], field), rel=0.02)


@pytest.mark.parametrize("method", ESTIMATORS)
def test_constant_columns_change_nothing(method, X, clean):
    found = dimension(np.hstack([X, np.full((600, 3), 7.0)]), method=method)
    assert found.value == pytest.approx(clean[method].value, rel=1e-9)


# ---- copies


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("copies", ["exact", "near", "both"])
def test_a_tenth_of_copies_does_not_mislead_and_is_said(method, copies, X, clean):
    added = {
        "exact": [X[:60]],
        "near": [near(X, slice(60))],
        "both": [X[:60], near(X, slice(60, 120))],
    }[copies]
    found = dimension(np.vstack([X, *added]), method=method)
    sound(found)
    assert found.value == pytest.approx(clean[method].value, rel=0.02)
    said = " ".join(found.warnings)
    assert ("identical copy" in said) == (copies != "near")
    if method in GRAPH_METHODS:
        assert ("near duplicate" in said) == (copies != "exact")
        assert found.n == 600


def test_the_warning_of_near_duplicates(X):
    found = dimension(np.vstack([X, near(X, slice(60))]))
    assert found.warnings == (
        "120 of 660 rows have a near duplicate, 20 times nearer than the next row: each such pair "
        "was counted once.",
    )


def test_a_line_has_no_near_copies():
    """On a line one row in twenty has its nearest 20 times nearer than the next: by chance."""
    found = dimension(np.random.default_rng(2).random((2000, 1)))
    assert found.n == 2000
    assert found.warnings == ()
    assert found.value == pytest.approx(1, rel=0.1)


def test_tight_clusters_are_no_copies(X):
    """A tenth of the rows crowd in a place: each of them is a row."""
    crowd = X[:60] * 1e-3 + X[100]
    assert dimension(np.vstack([X, crowd])).n == 660


# ---- coarse values


@pytest.mark.parametrize("method", GRAPH_METHODS)
def test_sixteen_levels_raise_an_warning(method, X):
    levels = np.round((X - X.min()) / np.ptp(X) * 15)
    found = dimension(levels.astype(np.uint8), method=method)
    sound(found)
    assert any("rounded to steps of 1" in warning for warning in found.warnings)


# ---- what cannot be answered


@pytest.mark.parametrize("method", ESTIMATORS)
def test_a_nan_is_one_sentence(method, X):
    bad = X.copy()
    bad[7, 3] = np.nan
    with pytest.raises(InputError) as caught:
        dimension(bad, method=method)
    assert str(caught.value) == (
        "dimension: every value of X must be finite, got NaN in row 7 (1 of 600 rows). "
        "Leave those rows out: X[np.isfinite(X).all(axis=1)]."
    )


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 11, 12, 20, 21, 22])
def test_few_rows_are_answered_or_refused_in_a_sentence(method, n, X):
    said = refusal(X[:n], method)
    assert said == "" or (said.startswith("dimension: ") and said.endswith("."))
    assert "\n" not in said


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("rows", ["all the same", "two values"])
def test_rows_without_shape_are_refused_or_read_as_a_line(method, rows):
    same, two = np.ones((50, 4)), np.eye(2)[np.arange(50) % 2]
    said = refusal(same if rows == "all the same" else two, method)
    assert said.startswith("dimension: ") or (rows == "two values" and said == "")


def test_too_few_rows_for_the_scale_are_told_what_helps(X):
    with pytest.raises(InputError) as caught:
        dimension(X[:10], method="mle")
    assert str(caught.value) == (
        "dimension: the graph must have at least 10 neighbours per row, got 9. Add rows."
    )


# ---- warnings


def test_the_warnings_of_an_outlier(X):
    rows = np.vstack([X, np.full(20, 1e6)])
    assert dimension(rows).warnings == (
        "1 of 601 rows lie more than 30 times farther from their nearest row than the median row "
        "does: outliers, which affect methods that use angles or variances most.",
    )
    assert dimension(rows, method="pca-90").warnings == (
        "row 600 alone accounts for 99.8 % of the variance: an outlier that dominates the "
        "estimate.",
    )


def test_frames_of_a_video_cause_a_warning_until_declared():
    """A random walk: the nearest row is the one before or after. Shuffled, there is no warning."""
    rng = np.random.default_rng(3)
    X = np.cumsum(rng.standard_normal((900, 12)), axis=0)
    found = dimension(X)
    (declare,) = (warning for warning in found.warnings if "groups=" in warning)
    assert declare.endswith(
        " of the rows have their nearest row within 2 rows before or after them: if these are "
        "frames of one video or augmentations of one image, the interval is too narrow. Declare "
        "the groups: groups=."
    )
    shots = np.arange(900) // 30
    assert not any("groups=" in warning for warning in dimension(X, groups=shots).warnings)
    mixed = dimension(X[rng.permutation(900)])
    assert not any("groups=" in warning for warning in mixed.warnings)
