"""Values beyond the powers that float64 holds, masks and missing labels: refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

import repviz
from repviz import checks
from repviz.errors import InputError
from repviz.manifold.dimension import ESTIMATORS
from repviz.manifold.neighbors import neighbors_between

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).standard_normal((120, 6))
SHIFTED = np.hstack([1e-200 * X, np.ones((120, 1))])


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("scale", [1e-323, 1e-310, 1e-200, 1e-71, 1e71, 1e150, 1e307])
def test_extreme_values_are_refused(method, scale):
    with pytest.raises(InputError, match="dimension: the values of X must be at "):
        repviz.dimension(X * scale, method=method)


@pytest.mark.parametrize("method", ESTIMATORS)
@pytest.mark.parametrize("scale", [2.0**-200, 2.0**200])
def test_large_and_small_values_give_the_same_dimension(method, scale):
    assert repviz.dimension(X * scale, method=method).value == pytest.approx(
        repviz.dimension(X, method=method).value, rel=1e-6
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda rows: repviz.neighbors(rows, k=5),
        lambda rows: repviz.umap(rows),
        lambda rows: repviz.pca(rows),
        lambda rows: repviz.scale_curve(rows),
        lambda rows: repviz.similarity(rows, rows),
    ],
)
@pytest.mark.parametrize("rows", [1e-310 * X, 1e200 * X, SHIFTED], ids=["tiny", "huge", "shifted"])
def test_every_function_refuses_them(call, rows):
    with pytest.raises(InputError, match=r"the values of X must be at .* X by a constant\.$"):
        call(rows)


@pytest.mark.parametrize("ratio", [1e-130, 1e-60, 1e-20, 1, 1e20, 1e60, 1e130])
def test_neighbours_among_rows_of_another_size_are_those_of_float64(ratio):
    # float32 holds no such ratio: it once proposed nothing, and a kernel read what was not there.
    small, large = X * min(1.0, 1 / ratio) ** 0.5, X * min(1.0, ratio) ** 0.5
    queries, rows = (large, small) if ratio >= 1 else (small, large)
    queries, rows = queries[:40] * 1e3, rows * 1e3
    indices, distances = neighbors_between(queries, rows, k=3)
    squared = ((queries[:, None] - rows[None]) ** 2).sum(axis=2)
    true = np.sqrt(np.sort(squared, axis=1)[:, :3])
    np.testing.assert_allclose(distances, true, rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(np.take_along_axis(squared, indices, 1)), true, rtol=1e-12)


def test_the_sentences():
    with pytest.raises(InputError) as caught:
        repviz.neighbors(np.full((3, 2), 1e80), k=1)
    assert str(caught.value) == (
        "neighbors: the values of X must be at most 1e+70 in magnitude, got 1e+80: their powers "
        "would overflow. Divide X by a constant."
    )
    with pytest.raises(InputError) as caught:
        repviz.neighbors(np.array([[1, 0], [1, 1e-80], [1, 2e-80]]), k=1)
    assert str(caught.value) == (
        "neighbors: the values of X must be at least 1e-70 in magnitude and differ by as much in "
        "some column, got 1 and 2e-80: their powers would underflow. Subtract the mean of each "
        "column and multiply X by a constant."
    )


def test_masked_values_are_refused():
    hidden = np.ma.masked_greater(np.vstack([X, np.full((1, 6), 1e6)]), 1e5)
    with pytest.raises(InputError) as caught:
        repviz.dimension(hidden)
    assert str(caught.value) == (
        "dimension: X must not have masked values, got one in row 120 (1 of 121 rows). Leave those "
        "rows out, or fill them with .filled(value)."
    )
    unmasked = np.ma.masked_array(X, mask=False)
    assert repviz.dimension(unmasked).value == repviz.dimension(X).value


@pytest.mark.parametrize("missing", [None, np.nan])
@pytest.mark.parametrize(
    ("call", "start"),
    [
        (lambda labels: repviz.dimension(X, groups=labels), "dimension: groups"),
        (lambda labels: repviz.probe(X, labels), "probe: target"),
        (lambda labels: repviz.probe(X, X[:, 0], method="factor", groups=labels), "probe: groups"),
        (lambda labels: repviz.umap(X, labels=labels), "umap: labels"),
        (lambda labels: repviz.invariance(X, X, groups=labels), "invariance: groups"),
    ],
)
def test_missing_labels_are_refused(call, start, missing):
    labels = np.array([*(i % 7 for i in range(119)), missing], dtype=object)
    with pytest.raises(InputError) as caught:
        call(labels)
    assert str(caught.value) == (
        f"{start} must not be missing, got None or NaN in row 119 (1 of 120 rows). Leave those "
        "rows out."
    )


def test_masked_labels_are_refused():
    labels = np.ma.masked_array(np.arange(120) % 4, mask=np.arange(120) == 7)
    with pytest.raises(InputError, match="target must not have masked values, got one in row 7 "):
        repviz.probe(X, labels)
    assert checks.labels("f", "labels", ["a", "b"], 2).tolist() == ["a", "b"]


@pytest.mark.parametrize(
    "call",
    [
        lambda: repviz.probe(X, np.arange(120) % 4, k=10**9),
        lambda: repviz.similarity(X, X, method="mutual-knn", k=10**9),
        lambda: repviz.neighbors(X, k=10**9),
    ],
)
def test_more_neighbours_than_rows_are_refused(call):
    with pytest.raises(InputError, match=r": k must be .*(96|118|119)"):
        call()
