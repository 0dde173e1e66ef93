"""The autoencoder: where it starts, and what its numpy side promises."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from repviz.errors import InputError
from repviz.models import open_model
from repviz.models.autoencoder import decode, encode, reconstruct


@pytest.fixture(scope="module", name="X")
def pixels():
    return np.random.default_rng(0).random((40, 256), dtype=np.float32)


def started(X, k):
    module = open_model("autoencoder", size=16, bottleneck=k, width=4).module
    fitted = PCA(k).fit(X)
    module.start_at_pca(fitted.mean_, fitted.components_, np.sqrt(fitted.explained_variance_))
    return module, fitted


def test_it_starts_at_the_linear_optimum(X):
    module, fitted = started(X, 6)
    scores = fitted.transform(X)
    np.testing.assert_allclose(encode(module, X), scores, atol=1e-5)
    expected = np.clip(fitted.inverse_transform(scores), 0, 1)
    np.testing.assert_allclose(reconstruct(module, X), expected, atol=1e-5)


def test_fewer_components_than_numbers_leave_the_rest_of_the_code_at_zero(X):
    module = open_model("autoencoder", size=16, bottleneck=6, width=4).module
    fitted = PCA(2).fit(X)
    module.start_at_pca(fitted.mean_, fitted.components_, np.ones(2))
    codes = encode(module, X)
    np.testing.assert_allclose(codes[:, :2], fitted.transform(X), atol=1e-5)
    assert not codes[:, 2:].any()


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_range(linear, channels):
    model = open_model(
        "autoencoder", size=16, channels=channels, bottleneck=5, width=4, linear=linear
    )
    X = np.random.default_rng(1).random((3, channels * 256))  # float64 is taken too
    codes = encode(model.module, X)
    images = decode(model.module, codes * 1e4)
    assert codes.shape == (3, 5)
    assert codes.dtype == images.dtype == np.float32
    assert codes.std() > 0
    assert images.shape == (3, channels * 256)
    assert images.min() >= 0
    assert images.max() <= 1


def test_blocks_give_what_one_piece_gives(X, monkeypatch):
    module, _ = started(X, 3)
    whole = encode(module, X)
    monkeypatch.setattr("repviz.models.autoencoder.BLOCK", 7)
    np.testing.assert_allclose(encode(module, X), whole, atol=1e-6)


def test_messages(X):
    with pytest.raises(InputError) as error:
        open_model("autoencoder", size=60)
    assert str(error.value) == (
        "open_model('autoencoder'): size must be a multiple of 8 pixels, got 60."
    )
    module = open_model("autoencoder", size=16, bottleneck=6, width=4, linear=False).module
    with pytest.raises(InputError) as error:
        encode(module, X[:, :100])
    assert str(error.value) == "encode: X must have 256 columns, got 100."
    with pytest.raises(InputError) as error:
        module.start_at_pca(np.zeros(256), np.zeros((1, 256)), np.ones(1))
    assert str(error.value) == (
        "start_at_pca: the autoencoder must have its linear path, got linear=False. Open it with "
        "linear=True."
    )
