"""Trainings that find a size: known subspaces, the linear case, and what does not change it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import orthogonal

from repviz.errors import InputError
from repviz.images import open_images
from repviz.models.autoencoder import decode_unclipped, encode
from repviz.models.latent import GAIN, LipschitzLinear
from repviz.models.model import seeded, weights_hash
from repviz.training.autoencoder_recipe import fit_autoencoder
from repviz.training.data import TrainingData
from repviz.training.found_size import TOLERANCE, smallest_size
from repviz.training.least_volume import volume
from repviz.training.rank_reduction import truncated

pytestmark = pytest.mark.usefixtures("one_thread")

FORMS = ("least-volume", "rank-reduction")
LONGEST = 24


def subspace(k: int, *, n: int = 300, d: int = 40, noise: float = 0.02) -> np.ndarray:
    """Rows of a ``k``-dimensional linear subspace with equal variances, plus noise."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(d, k)))[0]
    X = rng.normal(size=(n, k)) @ basis.T + noise * rng.normal(size=(n, d))
    return X.astype(np.float32).reshape(n, 1, 1, d)


def curved() -> np.ndarray:
    """Rows of a curved set with three parameters, plus noise."""
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, size=(1000, 3))
    waves = np.sin(t @ rng.normal(size=(3, 12)) + rng.uniform(0, 6, 12))
    X = np.concatenate([t, waves], axis=1) @ rng.normal(size=(15, 64)) / 4
    X += 0.01 * X.std() * rng.normal(size=X.shape)
    return X.astype(np.float32).reshape(len(X), 1, 1, -1)


def training_data(X: np.ndarray) -> TrainingData:
    n = len(X) * 3 // 4
    return TrainingData(X[:n], X[n:], mirror=False, max_bottleneck=LONGEST)


def fitted(form: str, X: np.ndarray, *, effort: float = 0.1, seed: int = 0):
    data = training_data(X)
    return fit_autoencoder(data, bottleneck=LONGEST, form=form, effort=effort, seed=seed)[0].module


def errors(module, X: np.ndarray) -> np.ndarray:
    """The squared error of rows by the length of the code, as a share of their variance."""
    rows = X.reshape(len(X), -1)
    variance = np.square(rows - rows.mean(axis=0)).mean()
    outputs = (decode_unclipped(module, encode(module, rows, k=k)) for k in range(1, LONGEST + 1))
    return np.array([np.square(output - rows).mean() for output in outputs]) / variance


# ---- truth --------------------------------------------------------------------------------------


def test_the_volume_is_the_geometric_mean_of_the_deviations():
    z = np.random.default_rng(0).normal(size=(50, 4)) * [1, 2, 3, 4]
    expected = np.prod(z.std(axis=0) + 0.1) ** 0.25
    assert float(volume(torch.from_numpy(z), 0.1)) == pytest.approx(expected)


def test_least_volume_with_a_linear_decoder_of_orthonormal_columns_is_pca():
    """Chen & Fuge 2024: each latent dimension is a principal component."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    spread = np.array([2.0, 1.5, 1.1, 0.8, 0.5, 0.3, 0.1, 0.1, 0.1, 0.1])
    X = rng.normal(size=(400, 10)) * spread @ axes.T
    X -= X.mean(axis=0)
    components = np.linalg.svd(X, full_matrices=False)[2][:4]
    x = torch.from_numpy(X).float()
    with seeded(0):
        encoder, decoder = nn.Linear(10, 4, bias=False), orthogonal(nn.Linear(4, 10, bias=False))
        parameters = [*encoder.parameters(), *decoder.parameters()]
        optimizer = torch.optim.Adam(parameters, lr=0.05)
        for step in range(800):
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 800)
            z = encoder(x)
            loss = (decoder(z) - x).square().sum(dim=1).mean() + volume(z, 0.0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    order = encoder(x).std(dim=0).argsort(descending=True)
    columns = decoder.weight.detach().numpy()[:, order]
    assert np.abs(np.diag(components @ columns)).min() > 0.9999


@pytest.mark.parametrize("rank", [0, 2, 5])
def test_a_batch_is_truncated_to_its_largest_singular_values(rank):
    z = np.random.default_rng(0).normal(size=(9, 6))
    U, S, V = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    expected = z.mean(axis=0) + (U[:, :rank] * S[:rank]) @ V[:rank]
    np.testing.assert_allclose(truncated(torch.from_numpy(z), rank).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("allowed", "size"), [(9.0, 0), (4.0, 1), (1.5, 3), (1.0, 3), (0.4, 4), (0.1, None)]
)
def test_the_smallest_size_within_what_is_allowed(allowed, size):
    assert smallest_size([9.0, 4.0, 2.0, 1.0, 0.4].__getitem__, 4, allowed) == size


def test_the_exact_spectral_norm_is_at_most_one():
    with seeded(0):
        layer = LipschitzLinear(30, 20)
    layer.weight.data.mul_(10)
    layer.tighten()
    assert np.linalg.norm(layer.weight.detach().numpy(), 2) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 6])
@pytest.mark.parametrize("form", FORMS)
def test_a_linear_subspace_has_the_size_of_its_dimension(form, k):
    assert fitted(form, subspace(k)).found_size == k


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_curved_set_of_three_parameters_needs_fewer_numbers_than_pca(form):
    """It leaves 1 % of the variance with 7 principal components."""
    X = curved()
    assert fitted(form, X, effort=0).found_size == 7  # PCA itself
    assert 3 <= fitted(form, X, effort=0.5).found_size <= 5


@pytest.mark.slow
def test_the_decoder_stretches_no_distance_beyond_its_lipschitz_constant():
    module = fitted("least-volume", subspace(3))
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(2, 200, LONGEST)).astype(np.float32)
    Z[1] = Z[0] + 1e-2 * Z[1]
    first, second = (decode_unclipped(module, z) for z in Z)
    stretch = np.linalg.norm(first - second, axis=1) / np.linalg.norm(Z[0] - Z[1], axis=1)
    assert 0.1 < stretch.max() < 1 + GAIN


# ---- laws ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_longer_code_has_no_larger_error(form):
    X = subspace(6)
    by_size = errors(fitted(form, X), X)
    assert (np.diff(by_size) < 1e-4).all()
    assert by_size[5] < 0.01 < by_size[4]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_size_found_does_not_depend_on_the_scale(form):
    X = subspace(3)
    assert fitted(form, 1000 * X).found_size == fitted(form, X).found_size == 3


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_one_seed_gives_one_network(form):
    X = subspace(3, n=60)
    hashes = [weights_hash(fitted(form, X, seed=seed)) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_size_found_keeps_the_rule(form):
    """Of least-volume beside all numbers, of rank-reduction beside PCA of the longest code."""
    X = subspace(6)
    n = len(X) * 3 // 4
    module = fitted(form, X)
    by_size = errors(module, X[n:])
    complete = by_size[-1] if form == "least-volume" else errors(fitted(form, X, effort=0), X)[-1]
    assert by_size[module.found_size - 1] <= complete + 1.05 * TOLERANCE
    assert by_size[module.found_size - 2] > complete + TOLERANCE


# ---- edges --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_fewer_images_than_numbers_in_the_code(form):
    X = subspace(3, n=12)
    module = fitted(form, X, effort=0.01)
    assert 1 <= module.found_size <= LONGEST
    assert np.isfinite(errors(module, X)).all()


def test_a_code_has_no_more_numbers_than_the_rank():
    X = subspace(3)
    module = fitted("rank-reduction", X, effort=0)
    rows = X.reshape(len(X), -1)
    assert module.found_size == 3
    assert encode(module, rows).shape == encode(module, rows, k=10).shape == (len(X), 3)
    assert encode(module, rows, k=2).shape == (len(X), 2)


@pytest.mark.parametrize("form", FORMS)
def test_identical_images(form):
    with pytest.raises(InputError) as caught:
        fitted(form, np.ones((20, 1, 1, 40), np.float32))
    assert str(caught.value) == (
        "train: the training images must differ, got identical images. Use other images."
    )


@pytest.mark.parametrize("form", FORMS)
def test_images_of_one_factor_need_few_numbers(form):
    """Their whole variance is in one direction: one number is enough from the start."""
    X = open_images("digits", limit=40, size=8).pixels()[:1].astype(np.float32)
    X = np.linspace(0, 1, 40, dtype=np.float32)[:, None, None, None] * X
    assert fitted(form, X, effort=0).found_size == 1
