"""pca: scikit-learn's, in float64, on either side of n = d."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import decomposition

from repviz.errors import InputError
from repviz.principal import pca, record
from repviz.principal.parallel import parallel_analysis
from repviz.principal.spectrum import spectrum

SHAPES = [(200, 30), (30, 200), (60, 60)]


def data(shape, dtype=np.float64):
    rng = np.random.default_rng(0)
    spread = np.linspace(1, 5, shape[1])
    return (7 + spread * rng.standard_normal(shape)).astype(dtype)


# ---- truth


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_scikit_learn(shape, dtype):
    X = data(shape, dtype)
    ours, peer = pca(X), decomposition.PCA(svd_solver="full").fit(X.astype(np.float64))
    k = min(shape[0] - 1, shape[1])
    assert ours.components.shape == (k, shape[1])
    assert np.allclose(ours.components, peer.components_[:k], atol=1e-5)
    assert np.allclose(ours.scores, peer.transform(X.astype(np.float64))[:, :k], atol=1e-5)
    assert np.allclose(ours.explained_variance, peer.explained_variance_[:k], rtol=1e-5)
    assert np.allclose(ours.explained_variance_ratio, peer.explained_variance_ratio_[:k], atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_some_components_are_the_first_of_all(shape):
    X = data(shape)
    some, every = pca(X, components=4), pca(X)
    assert np.allclose(some.components, every.components[:4], atol=1e-9)
    assert np.allclose(some.explained_variance_ratio, every.explained_variance_ratio[:4])
    assert some.participation_ratio == pytest.approx(every.participation_ratio)


def test_participation_ratio_counts_equal_directions():
    X = np.vstack([np.eye(8), -np.eye(8)])
    assert pca(X).participation_ratio == pytest.approx(8)
    assert pca(np.arange(12.0)[:, None] * np.ones(5)).participation_ratio == pytest.approx(1)


# ---- laws


@pytest.mark.parametrize("shape", SHAPES)
def test_transform_and_inverse_undo_each_other(shape):
    X = data(shape)
    fit = pca(X)
    assert np.allclose(fit.transform(X), fit.scores)
    assert np.allclose(fit.inverse(fit.scores), X)


@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_give_what_the_whole_gives(shape, monkeypatch):
    X = data(shape, np.float32)
    whole = pca(X)
    monkeypatch.setattr(record, "BLOCK_BYTES", 8 * 7 * max(shape))
    blocks = pca(X)
    assert np.allclose(blocks.components, whole.components, atol=1e-9)
    assert np.allclose(blocks.scores, whole.scores, atol=1e-9)


def test_an_offset_changes_nothing():
    X = data((200, 30))
    assert np.allclose(pca(X + 1e3).explained_variance, pca(X).explained_variance, rtol=1e-8)


# ---- edges


@pytest.mark.parametrize("shape", [(40, 12), (12, 40)])
def test_missing_rank_gives_zeros_and_no_nan(shape):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((shape[0], 3)) @ rng.standard_normal((3, shape[1]))
    fit = pca(X)
    assert (fit.explained_variance[:3] > 0).all()
    assert (fit.explained_variance[3:] == 0).all()
    assert (fit.components[3:] == 0).all()
    assert np.allclose(fit.inverse(fit.scores), X)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_rows_that_are_all_the_same(shape):
    fit = pca(np.full(shape, 3.0))
    assert fit.participation_ratio == 0
    assert (fit.explained_variance_ratio == 0).all()
    assert np.array_equal(fit.inverse(fit.scores), np.full(shape, 3.0))


# ---- messages


def test_says_what_is_wrong():
    with pytest.raises(InputError) as caught:
        pca(np.eye(5), components=5)
    assert str(caught.value) == (
        "pca: components must be at most min(n - 1, d) = 4, got 5. Use fewer components or more "
        "images."
    )
    fit = pca(np.eye(5))
    with pytest.raises(InputError) as caught:
        fit.transform(np.ones((2, 4)))
    assert str(caught.value) == ("PCA.transform: X must have 5 columns, as in fitting, got 4.")


# ---- streaming and the null


def spiked(n=1200, d=250, seed=0):
    rng = np.random.default_rng(seed)
    strong = rng.standard_normal((n, 30)) * (10 / np.sqrt(np.arange(1, 31)))
    X = strong @ np.linalg.qr(rng.standard_normal((d, 30)))[0].T
    return (X + 0.3 * rng.standard_normal((n, d)) + 50).astype(np.float32)


def test_streaming_finds_what_the_exact_finds():
    X = spiked()
    exact, found = pca(X, components=20), pca(X, components=20, solver="streaming")
    assert np.allclose(found.explained_variance, exact.explained_variance, rtol=1e-3)
    assert np.allclose(found.explained_variance_ratio, exact.explained_variance_ratio, rtol=1e-3)
    assert np.allclose(found.mean, exact.mean, atol=1e-4)
    assert found.participation_ratio == pytest.approx(exact.participation_ratio, rel=0.02)
    cosines = np.abs(np.einsum("ij,ij->i", found.components[:10], exact.components[:10]))
    assert (cosines > 0.999).all()
    assert np.allclose(np.abs(found.scores[:, 0]), np.abs(exact.scores[:, 0]), atol=0.05)


def test_streaming_of_noise_alone_whose_spectrum_is_flat():
    X = np.random.default_rng(1).standard_normal((900, 150)).astype(np.float32)
    exact, found = pca(X, components=10), pca(X, components=10, solver="streaming")
    assert np.allclose(found.explained_variance, exact.explained_variance, rtol=5e-3)


def test_streaming_reads_slices_only_and_says_which_row_is_bad(monkeypatch):
    monkeypatch.setattr(record, "BLOCK_BYTES", 4 * 250 * 100)

    class Stored:
        shape, dtype = (1200, 250), np.dtype(np.float16)

        def __init__(self, X):
            self.X = X

        def __len__(self):
            return 1200

        def __getitem__(self, rows):
            assert isinstance(rows, slice)
            assert rows.stop - rows.start <= 100
            return self.X[rows].astype(np.float16)

    X = spiked()
    found = pca(Stored(X), components=5, solver="streaming", seed=3)
    again = pca(Stored(X), components=5, solver="streaming", seed=3)
    assert np.array_equal(found.components, again.components)
    X[1034, 7] = np.nan
    with pytest.raises(InputError) as caught:
        pca(Stored(X), components=5, solver="streaming")
    assert str(caught.value) == (
        "pca: every value of X must be finite, got NaN or an infinity in row 1034. Leave out the "
        "rows of unreadable images."
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X[:, :1] @ X[:1],  # one direction
        lambda X: X[:, :2] @ X[:2],
        lambda X: np.full_like(X, 2.0),
        lambda X: X * 1e30,
        lambda X: X * 1e-30,
        lambda X: (X * 1e15).astype(np.float32),
        lambda X: X + 1e9,
    ],
)
def test_streaming_of_few_directions_and_of_extreme_values(change):
    """What the exact solver finds, zeros included."""
    X = change(np.random.default_rng(5).normal(size=(100, 30)) * np.r_[5, 3, 2, np.ones(27)])
    exact, found = pca(X, components=3), pca(X, components=3, solver="streaming")
    assert np.allclose(found.explained_variance, exact.explained_variance, rtol=1e-4, atol=0)
    assert np.allclose(found.mean, exact.mean, rtol=1e-6, atol=1e-6 * np.abs(X).max())
    reach = np.abs(exact.scores).max()
    assert np.allclose(np.abs(found.scores), np.abs(exact.scores), atol=1e-5 * reach)
    assert found.participation_ratio == pytest.approx(exact.participation_ratio, rel=0.02)


def test_streaming_refuses_what_is_no_real_number():
    for X in (np.ones((5, 4), complex), np.ones((5, 4), object)):
        with pytest.raises(InputError, match="pca: X must hold real numbers, got"):
            pca(X, components=2, solver="streaming")


def test_the_null_counts_the_directions_that_columns_share():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((300, 20))
    shared = X + 2 * rng.standard_normal((300, 3)) @ rng.standard_normal((3, 20))
    found = parallel_analysis(shared, seed=1)
    assert found.n_components == 3
    assert (found.null[1:] <= found.null[:-1]).all()
    noise = [rng.standard_normal((80, 6)) for _ in range(60)]
    kept = [parallel_analysis(rows, seed=seed).n_components > 0 for seed, rows in enumerate(noise)]
    assert np.mean(kept) <= 0.13  # at 0.05 each, with a standard error of 0.03
    assert parallel_analysis(shared, components=2, seed=1).n_components == 2


@pytest.mark.parametrize(("n", "d"), [(60, 300), (300, 60), (80, 80)])
def test_the_spectrum_is_that_of_all_components_without_their_directions(n, d):
    X = np.random.default_rng(0).normal(size=(n, d)).astype(np.float32) * np.linspace(1, 3, d)
    all_components, found = pca(X), spectrum(X)
    for name in ("explained_variance", "explained_variance_ratio", "participation_ratio"):
        np.testing.assert_allclose(getattr(found, name), getattr(all_components, name), rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.scores), np.abs(all_components.scores), atol=1e-6)


def test_the_scores_of_a_spectrum_keep_every_distance():
    X = np.random.default_rng(0).normal(size=(30, 200))
    scores = spectrum(X).scores
    assert scores.shape == (30, 29)
    np.testing.assert_allclose(
        np.linalg.norm(scores[:, None] - scores, axis=2),
        np.linalg.norm(X[:, None] - X, axis=2),
        atol=1e-9,
    )
