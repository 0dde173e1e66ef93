"""What the methods of the manifold say of input that has no answer, in one sentence each."""

from __future__ import annotations

import numpy as np
import pytest

import repviz
from repviz.errors import InputError
from repviz.manifold.invariance import invariance
from repviz.manifold.quality import quality, trustworthiness
from repviz.manifold.similarity import minibatch_cka
from repviz.principal.parallel import parallel_analysis

X = np.random.default_rng(0).normal(size=(80, 5))
ONE_UNIT = np.zeros((80, 2))
ONE_UNIT[7] = 1  # fires for one image


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: repviz.similarity(ONE_UNIT, X),
            "similarity: the rows of X must not be identical except one, nor all equally far "
            "apart: debiased CKA would be 0 / 0. Use method='procrustes'.",
        ),
        (
            lambda: repviz.similarity(X, np.eye(80)),
            "similarity: the rows of Y must not be identical except one, nor all equally far "
            "apart: debiased CKA would be 0 / 0. Use method='procrustes'.",
        ),
        (
            lambda: quality(X, X[:, :2]),
            "quality: the graph must come from neighbors(X, k=50), got ndarray. Pass the graph "
            "that the map was made from.",
        ),
        (
            lambda: trustworthiness(X, X[:, :2]),
            "trustworthiness: the graph must come from neighbors(X, k=50), got ndarray. Pass the "
            "graph that the map was made from.",
        ),
        (
            lambda: invariance(X, X + 0.1, groups=np.zeros(80)),
            "invariance: groups must contain at least two groups, got one.",
        ),
        (
            lambda: repviz.dimension(X, method="mle", k=10.0),
            "dimension: k must be one of (5, 10, 20) for 'mle', got 10.0.",
        ),
        (
            lambda: repviz.dimension(X, method="gride", m=4.0),
            "dimension: m must be one of (1, 2, 4, 8, 16, 32) for 'gride', got 4.0.",
        ),
    ],
)
def test_one_sentence(call, sentence):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "call",
    [
        lambda seed: repviz.similarity(X, X, seed=seed),
        lambda seed: minibatch_cka(X, X, batch=20, seed=seed),
        lambda seed: repviz.probe(X, np.arange(80) % 2, seed=seed),
        lambda seed: quality(repviz.neighbors(X, k=20), X[:, :2], seed=seed),
        lambda seed: parallel_analysis(X, components=2, seed=seed),
    ],
)
def test_a_seed_below_zero(call):
    with pytest.raises(InputError, match="seed must be a whole number"):
        call(-1)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_a_map_has_no_unit(scale):
    scale = 2.0 ** round(np.log2(scale))
    found, known = repviz.umap(X * scale, seed=1), repviz.umap(X, seed=1)
    assert np.isfinite(found).all()
    judged = [trustworthiness(repviz.neighbors(X, k=20), xy) for xy in (found, known)]
    assert judged[0] == pytest.approx(judged[1], abs=0.03)


@pytest.mark.slow
def test_a_map_of_rows_without_any_spread_is_no_nan():
    assert np.isfinite(repviz.umap(np.ones((30, 3)), init="pca")).all()


@pytest.mark.parametrize("edge", [0.0, 15.0])
def test_an_even_edge_hides_no_rounding(edge):
    """Every 64th value is the left edge of a picture; the others lie on a grid all the same."""
    rng = np.random.default_rng(1)
    pixels = rng.random((1024, 3)) @ rng.random((3, 4096))
    pixels = np.round((pixels - pixels.min()) / np.ptp(pixels) * 15).reshape(1024, 64, 64)
    pixels[:, :, 0] = edge
    warnings = repviz.dimension(pixels.reshape(1024, -1)).warnings
    assert any("rounded to steps of 1" in warning for warning in warnings)
