"""The autoencoder's training: never above where it started, and the same twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.nn.functional import pad

from repviz.errors import InputError, UnknownName
from repviz.images import open_images, split
from repviz.models import open_model
from repviz.models.autoencoder import reconstruct
from repviz.models.model import weights_hash
from repviz.training import train
from repviz.training.augmenting import jittered, shuffled
from repviz.training.autoencoder_recipe import fit_autoencoder, mirrored


@pytest.fixture(autouse=True)
def one_thread():
    """So small a net gains nothing from more, and loses much where others use the machine too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


SHAPE = (1, 16, 16)


@pytest.fixture(scope="module")
def digits():
    X = open_images("digits", limit=150, size=16).matrix()
    return X[:100], X[100:]


def pca_error(train_pixels, others, k):
    fitted = PCA(k, svd_solver="full").fit(train_pixels)
    return np.mean((fitted.inverse_transform(fitted.transform(others)).clip(0, 1) - others) ** 2)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("k", [2, 20])
def test_it_starts_at_pca_of_the_mirrored_images(digits, k, mirror):
    first, second = digits
    model, history = fit_autoencoder(
        first, second, shape=SHAPE, bottleneck=k, epochs=0, mirror=mirror
    )
    fitted_on = mirrored(first, SHAPE) if mirror else first
    error = np.mean((reconstruct(model.module, second) - second) ** 2)
    assert error == pytest.approx(pca_error(fitted_on, second, k), rel=1e-4)
    assert history["validation_mse"].tolist() == pytest.approx([error], rel=1e-6)


def test_it_never_ends_above_pca_on_the_validation_images(digits):
    first, _ = digits
    # Nothing that is learned from digits can help an image of noise.
    noise = np.random.default_rng(0).random((1, 256), dtype=np.float32)
    model, history = fit_autoencoder(first, noise, shape=SHAPE, bottleneck=8, epochs=2)
    linear = pca_error(mirrored(first, SHAPE), noise, 8)
    assert np.mean((reconstruct(model.module, noise) - noise) ** 2) <= linear * (1 + 1e-5)
    assert history["validation_mse"][0] == pytest.approx(linear, rel=1e-4)


def test_a_random_start_is_the_mean_image(digits):
    first, second = digits
    _, history = fit_autoencoder(first, second, shape=SHAPE, bottleneck=5, start="random", epochs=0)
    mean = mirrored(first, SHAPE).mean(axis=0)
    assert history["validation_mse"][0] == pytest.approx(np.mean((mean - second) ** 2), rel=1e-4)


@pytest.mark.parametrize("start", ["pca", "random"])
def test_it_learns_and_keeps_the_best_epoch(digits, start):
    first, second = digits
    model, history = fit_autoencoder(
        first, second, shape=SHAPE, bottleneck=4, start=start, epochs=12
    )
    assert history["epoch"].tolist() == list(range(13))
    assert history["validation_mse"].min() < history["validation_mse"][0]
    kept = history[history["kept"]]
    assert len(kept) == 1
    assert kept["validation_mse"].item() == history["validation_mse"].min()
    error = np.mean((reconstruct(model.module, second) - second) ** 2)
    assert error == pytest.approx(kept["validation_mse"].item(), rel=1e-6)
    assert not model.module.training


def test_one_seed_gives_one_net_bit_by_bit_and_leaves_the_global_generator(digits):
    before = torch.random.get_rng_state()
    hashes = [
        weights_hash(
            fit_autoencoder(*digits, shape=SHAPE, bottleneck=3, epochs=2, seed=seed)[0].module
        )
        for seed in (0, 0, 1)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.slow
@pytest.mark.parametrize("k", [8, 32])
def test_on_strangers_it_is_below_pca(k):
    images = open_images("orl", size=64, grey=True)
    X = images.matrix()
    first, second, test = split(images, (0.7, 0.15, 0.15), by="label", seed=0)
    model, history = fit_autoencoder(X[first], X[second], shape=(1, 64, 64), bottleneck=k)
    linear = pca_error(mirrored(X[first], (1, 64, 64)), X[test], k)
    assert np.mean((reconstruct(model.module, X[test]) - X[test]) ** 2) < linear
    assert history["validation_mse"].min() < history["validation_mse"][0]


def test_mirrored_is_left_to_right_and_undoes_itself():
    X = np.random.default_rng(0).random((3, 2 * 8 * 8), dtype=np.float32)
    both = mirrored(X, (2, 8, 8))
    np.testing.assert_array_equal(both[:3], X)
    np.testing.assert_array_equal(both[3:].reshape(3, 2, 8, 8), X.reshape(3, 2, 8, 8)[..., ::-1])
    np.testing.assert_array_equal(mirrored(both[3:], (2, 8, 8))[3:], X)


def test_jitter_moves_and_mirrors_by_the_seed():
    images = torch.arange(2 * 1 * 6 * 5, dtype=torch.float32).view(2, 1, 6, 5).repeat(50, 1, 1, 1)
    out = jittered(images, shift=1 / 6, generator=torch.Generator().manual_seed(0))
    again = jittered(images, shift=1 / 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(out, again)
    found = set()
    for image, original in zip(out, images, strict=True):
        moves = []
        for flip in (False, True):
            edges = pad((original.flip(-1) if flip else original)[None], (1,) * 4, mode="replicate")
            moves += [
                (down, across, flip)
                for down in range(3)
                for across in range(3)
                if torch.equal(image, edges[0][:, down : down + 6, across : across + 5])
            ]
        assert len(moves) == 1
        found.update(moves)
    assert len(found) == 18  # all moves and both sides occur
    still = jittered(images, shift=0, mirror=False, generator=torch.Generator())
    assert torch.equal(still, images)


def test_an_order_holds_each_row_once():
    parts = shuffled(10, 4, torch.Generator().manual_seed(0))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert sorted(torch.cat(parts).tolist()) == list(range(10))


def test_train_on_images_gives_a_copy_and_a_checkpoint(tmp_path):
    images = open_images("digits", limit=60)
    model = open_model("autoencoder", size=16, bottleneck=4, width=4)
    before = weights_hash(model.module)
    made = train(model, images, epochs=1, out=tmp_path / "net.safetensors")
    assert weights_hash(model.module) == before
    assert made.checkpoint == tmp_path / "net.safetensors"
    again = open_model("autoencoder", weights=str(made.checkpoint))
    assert again.key == weights_hash(made.model.module) != before
    assert made.table.columns.tolist() == [
        *("epoch", "train_mse", "validation_mse", "learning_rate", "kept"),
    ]


def test_messages(digits):
    first, second = digits
    with pytest.raises(UnknownName) as error:
        fit_autoencoder(first, second, shape=SHAPE, bottleneck=2, start="zero")
    assert str(error.value) == ("fit_autoencoder: no start is called 'zero'. Known: pca, random.")
    with pytest.raises(InputError) as error:
        fit_autoencoder(first, second, shape=(1, 8, 32), bottleneck=2)
    assert str(error.value) == (
        "fit_autoencoder: shape must be (channels, side, side) of rows with channels * side * "
        "side numbers, got (1, 8, 32) for rows of 256 and 256. Resize the images to squares."
    )
    with pytest.raises(InputError) as error:
        fit_autoencoder(first, second, shape=SHAPE, bottleneck=0)
    assert str(error.value) == (
        "open_model('autoencoder'): bottleneck must be a whole number at least 1, got 0."
    )
