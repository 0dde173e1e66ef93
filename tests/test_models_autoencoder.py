"""The autoencoders: where they start, and what their numpy side promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from repviz.errors import InputError, UnknownName
from repviz.models import open_model
from repviz.models.autoencoder import FORMS, decode, encode, reconstruct
from repviz.models.decoder_arrays import quantised


@pytest.fixture(scope="module", name="X")
def pixels():
    return np.random.default_rng(0).random((40, 256), dtype=np.float32)


def started(X, k, form="linear-start"):
    module = open_model("autoencoder", form=form, size=16, bottleneck=k, width=8).module
    fitted = PCA(20).fit(X)
    module.start_at(fitted.mean_, fitted.components_, np.sqrt(fitted.explained_variance_))
    return module, fitted


@pytest.mark.parametrize("form", ["linear-start", "prefix", "least-volume", "rank-reduction"])
def test_it_starts_at_the_linear_optimum(X, form):
    module, fitted = started(X, 6, form)
    scores = fitted.transform(X)[:, :6]
    np.testing.assert_allclose(encode(module, X), scores, atol=1e-5)
    expected = np.clip(fitted.mean_ + scores @ fitted.components_[:6], 0, 1)
    np.testing.assert_allclose(reconstruct(module, X), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["prefix", "least-volume", "rank-reduction"])
def test_an_ordered_code_may_be_cut(X, form):
    module, fitted = started(X, 6, form)
    codes = encode(module, X, k=2)
    expected = np.clip(fitted.mean_ + codes[:, :2] @ fitted.components_[:2], 0, 1)
    np.testing.assert_allclose(decode(module, codes[:, :2]), expected, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, [12, 17])])
def test_shapes_and_range(form, channels, size):
    model = open_model(
        "autoencoder", form=form, size=size, channels=channels, bottleneck=5, width=4
    )
    d = int(np.prod(model.module.shape))
    X = np.random.default_rng(1).random((3, d))  # float64 is taken too
    codes = encode(model.module, X)
    images = decode(model.module, codes * 1e4)
    assert codes.shape == (3, 5)
    assert codes.dtype == images.dtype == np.float32
    assert codes.std() > 0
    assert images.shape == (3, d)
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.parametrize("form", FORMS)
def test_without_its_decoder_it_gives_the_code(form):
    whole = open_model("autoencoder", form=form, size=16, bottleneck=5, width=4, components=None)
    half = open_model("autoencoder", form=form, size=16, bottleneck=5, width=4, decoder=False)
    names = set(half.module.state_dict())
    weights = {name: v for name, v in whole.module.state_dict().items() if name in names}
    half.module.load_state_dict(weights)
    x = torch.rand(2, 1, 16, 16)
    with torch.no_grad():
        assert torch.equal(half.module(x), whole.module.encode(x))


def test_blocks_give_what_one_piece_gives(X, monkeypatch):
    module, _ = started(X, 3)
    whole = encode(module, X)
    monkeypatch.setattr("repviz.models.autoencoder.BLOCK", 7)
    np.testing.assert_allclose(encode(module, X), whole, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda X: open_model("autoencoder", form="linear"),
            UnknownName,
            "open_model('autoencoder'): no form is called 'linear'. Did you mean 'linear-start'? "
            "Known: linear-start, prefix, least-volume, rank-reduction, conv, nested.",
            id="unknown form",
        ),
        pytest.param(
            lambda X: open_model("autoencoder", form="prefix", variational=True),
            UnknownName,
            "open_model('autoencoder'), form 'prefix': no option is called 'variational'. Known: "
            "components, width, depth.",
            id="unknown option",
        ),
        pytest.param(
            lambda X: open_model("autoencoder", size=np.float32(2.5)),
            InputError,
            "open_model('autoencoder'): size must be a whole number from 1 to 16777216, got 2.5.",
            id="a size that is no whole number",
        ),
        pytest.param(
            lambda X: encode(started(X, 6)[0], X[:, :100]),
            InputError,
            "encode: X must have 256 columns, got 100.",
            id="too few columns to encode",
        ),
        pytest.param(
            lambda X: decode(started(X, 6)[0], X[:, :5]),
            InputError,
            "decode: Z must have 6 columns, got 5.",
            id="too few columns to decode",
        ),
    ],
)
def test_messages(X, call, error, sentence):
    with pytest.raises(error) as caught:
        call(X)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("form", "k"), [("linear-start", 6), ("prefix", 6), ("prefix", 3)])
def test_the_decoder_as_arrays_decodes_as_the_network(X, form, k):
    module, _ = started(X, 6, form)
    with torch.no_grad():
        for name, weights in module.named_parameters():
            if "last" in name:
                weights.normal_(generator=torch.Generator().manual_seed(len(name)))
    codes = 3 * np.random.default_rng(2).standard_normal((5, k)).astype(np.float32)
    arrays = module.decoder_arrays(k)
    np.testing.assert_allclose(arrays.decode(codes), decode(module, codes), atol=1e-5)
    assert np.abs(arrays.rounded().decode(codes) - arrays.decode(codes)).max() < 0.02


def test_eight_bits_a_weight_err_by_half_a_step_at_most():
    matrix = np.random.default_rng(3).standard_normal((4, 50)).astype(np.float32)
    matrix[2] = 0
    integers, scale = quantised(matrix)
    assert integers.dtype == np.int8
    step = np.abs(matrix).max(axis=1) / 127
    np.testing.assert_allclose(scale, step, rtol=1e-6)
    assert (np.abs(integers * scale[:, None] - matrix) <= 0.5001 * step[:, None]).all()
