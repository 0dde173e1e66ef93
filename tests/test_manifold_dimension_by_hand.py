"""dimension: the estimators against their formulas written out, and against scikit-dimension."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_manifold_dimension import ball

from repviz.manifold.dimension import dimension
from repviz.manifold.neighbors import neighbors


def test_twonn_by_hand():
    """Ten rows in a line at 0, 1, 3, 7, ...: every ratio can be read off."""
    X = (2.0 ** np.arange(10) - 1)[:, None]
    gaps = np.abs(X - X.T)
    gaps = np.sort(gaps, axis=1)[:, 1:3]
    assert dimension(X).value == pytest.approx(10 / np.log(gaps[:, 1] / gaps[:, 0]).sum())


def test_linear_twonn_is_scikit_dimensions():
    skdim = pytest.importorskip("skdim")
    X = ball(3, 500, 4)
    peer = skdim.id.TwoNN(discard_fraction=0.1).fit_transform(X)
    assert dimension(X, fit="linear").value == pytest.approx(peer, rel=0.01)


def test_mle_is_the_inverse_of_the_mean_inverse():
    X = ball(4, 300, 3)
    distances = np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)[:, 1:11]
    inverse = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    assert dimension(X, method="mle").value == pytest.approx(1 / inverse.mean())


def test_by_hand_from_distances():
    """Each from its own formula, written out, on one graph."""
    X = ball(31, 200, 3)
    gaps = np.sort(np.linalg.norm(X[:, None] - X[None], axis=2), axis=1)[:, 1:]
    graph = neighbors(X, k=40)
    mean = gaps[:, :10].mean(axis=1)
    local = mean / (gaps[:, 9] - mean)
    assert dimension(graph, method="moments", average="mean").value == pytest.approx(local.mean())
    loglog = np.log(np.log(gaps[:, 1] / gaps[:, 0])).mean()
    assert dimension(graph, method="l2n2").value == (
        pytest.approx(math.exp(-np.euler_gamma - loglog))
    )
    near, far = np.median(gaps[:, 9]), np.median(gaps[:, 19])
    rise = np.log((gaps < far).sum() / (gaps < near).sum())
    assert dimension(graph, method="correlation").value == (
        pytest.approx(rise / np.log(far / near))
    )
    assert dimension(graph, method="gride", m=1).value == pytest.approx(dimension(graph).value)
    pope = np.log(gaps[:, 19:20] / gaps[:, :19]).sum(axis=1) / 18
    assert dimension(graph, method="mle", k=20, pope2021=True).value == (
        pytest.approx(1 / pope.mean())
    )
    assert dimension(graph, method="mle", k=20, pope2021=True).calibrated == (
        pytest.approx(dimension(graph, method="mle", k=20).calibrated)
    )


def test_by_hand_from_angles():
    """ABID and local PCA from the rows themselves, for one row."""
    X = ball(32, 120, 4)
    graph = neighbors(X, k=20)
    apart = X[graph.indices[7]] - X[7]
    unit = apart / np.linalg.norm(apart, axis=1, keepdims=True)
    cosines = (unit @ unit.T)[~np.eye(20, dtype=bool)]
    assert dimension(graph, method="abid").local[7] == pytest.approx(1 / np.mean(cosines**2))
    spectrum = np.linalg.eigvalsh(np.cov(np.vstack([np.zeros(4), apart]).T))
    ratio = spectrum.sum() ** 2 / np.square(spectrum).sum()
    assert dimension(graph, method="local-pca").local[7] == pytest.approx(ratio)


@pytest.mark.parametrize("method", ["mle", "moments", "tle", "fishers"])
def test_scikit_dimension_agrees(method):
    skdim = pytest.importorskip("skdim")
    X = ball(33, 300, 4)
    peer, options, mine = {
        "mle": (skdim.id.MLE(), {"n_neighbors": 10}, {}),
        "moments": (skdim.id.MOM(), {"n_neighbors": 10}, {"average": "mean"}),
        "tle": (skdim.id.TLE(), {"n_neighbors": 20}, {"average": "mean"}),
        "fishers": (skdim.id.FisherS(), {}, {}),
    }[method]
    theirs = peer.fit(X, **options).dimension_
    assert dimension(X, method=method, **mine).value == pytest.approx(theirs, rel=1e-5)
