"""The autoencoder's training: never above where it started, and the same twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional

from repviz.errors import InputError, UnknownName
from repviz.images import open_images, split
from repviz.models import open_model
from repviz.models.autoencoder import FORMS, decode, decode_unclipped, encode, reconstruct
from repviz.models.model import seeded, weights_hash
from repviz.training import loop, train
from repviz.training.augmentation import AUGMENTATIONS, Augmenter, shuffled
from repviz.training.autoencoder_recipe import fit_autoencoder
from repviz.training.batches import BatchStream
from repviz.training.data import TrainingData
from repviz.training.schedules import CosineSchedule
from repviz.training.shifts import shift_and_mirror

pytestmark = pytest.mark.usefixtures("one_thread")


SHAPE = (1, 16, 16)


@pytest.fixture(scope="module")
def digits():
    X = open_images("digits", limit=150, size=16).pixels()
    return X[:100], X[100:]


def pca_error(train_pixels, others, k):
    fitted = PCA(k, svd_solver="full").fit(train_pixels)
    return np.mean((fitted.inverse_transform(fitted.transform(others)).clip(0, 1) - others) ** 2)


def training_data(first, second, **options):
    return TrainingData(first, second, **{"shift": 0.0, **options})


def error(module, X):
    return np.mean((reconstruct(module, rows(X)) - rows(X)) ** 2)


def rows(X):
    return X.reshape(len(X), -1).astype(np.float32) / 255


def mirrored(X):
    return np.concatenate([rows(X), rows(X[..., ::-1])])


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 9, 7), (3, 5, 4)])
@pytest.mark.parametrize("n", [15, 90])
def test_the_linear_optimum_is_scikit_learns(mirror, shape, n):
    X = np.random.default_rng(0).integers(0, 255, (n, *shape), dtype=np.uint8)
    linear = TrainingData(X, X, mirror=mirror, max_bottleneck=8, shift=0.0).linear
    truth = PCA(8, svd_solver="full").fit(mirrored(X) if mirror else rows(X))
    np.testing.assert_allclose(linear.mean, truth.mean_, atol=1e-6)
    scale = (len(truth.components_[0]) and (2 * n if mirror else n)) / (
        (2 * n if mirror else n) - 1
    )
    np.testing.assert_allclose(linear.spread[:8] ** 2 * scale, truth.explained_variance_, rtol=1e-4)
    along = np.abs(np.sum(linear.basis[:8] * truth.components_, axis=1))
    np.testing.assert_allclose(along, 1, atol=1e-3)
    turned = linear.basis.reshape(-1, *shape)[..., ::-1].reshape(linear.basis.shape)
    if mirror:
        np.testing.assert_allclose(turned, linear.sign[:, None] * linear.basis, atol=1e-6)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("k", [2, 20])
def test_it_starts_at_pca_of_the_mirrored_images(digits, k, mirror):
    first, second = digits
    model, history = fit_autoencoder(
        training_data(first, second, mirror=mirror), bottleneck=k, effort=0
    )
    fitted_on = mirrored(first) if mirror else rows(first)
    assert error(model.module, second) == pytest.approx(
        pca_error(fitted_on, rows(second), k), rel=1e-4
    )
    assert history["epoch"].tolist() == [0]


@pytest.mark.slow
def test_it_never_ends_above_pca_on_the_validation_images(digits):
    first, _ = digits
    # Nothing that is learned from digits can help an image of noise.
    noise = np.random.default_rng(0).integers(0, 255, (1, 1, 16, 16), dtype=np.uint8)
    model, _ = fit_autoencoder(training_data(first, noise), bottleneck=8, effort=0.1)
    linear = pca_error(mirrored(first), rows(noise), 8)
    assert error(model.module, noise) <= linear * (1 + 1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("effort", [0.02, 0.2])
def test_one_for_all_is_at_no_size_above_pca_on_the_validation_images(digits, effort):
    """Scikit-learn's PCA on the other side; a tenth of the images is noise, which nothing helps."""
    first, second = digits
    second = second.copy()
    second[::10] = np.random.default_rng(0).integers(0, 255, second[::10].shape, dtype=np.uint8)
    most = 40
    model, _ = fit_autoencoder(
        training_data(first, second, max_bottleneck=most),
        bottleneck=most,
        form="prefix",
        effort=effort,
    )
    fitted = PCA(most, svd_solver="full").fit(mirrored(first))
    X, ratios = rows(second), []
    for k in range(1, most + 1):
        scores = fitted.transform(X)[:, :k]
        linear = np.square(scores @ fitted.components_[:k] + fitted.mean_ - X).mean()
        own = np.square(decode_unclipped(model.module, encode(model.module, X, k=k)) - X).mean()
        ratios.append(own / linear)
    assert max(ratios) <= 1 + 1e-5
    assert min(ratios) < 1


def test_one_for_all_at_one_size_is_an_autoencoder_by_itself(digits):
    model, _ = fit_autoencoder(
        training_data(*digits, max_bottleneck=9), bottleneck=9, form="prefix", effort=0.05
    )
    X = rows(digits[1])
    for k in (1, 4, 9):
        alone = model.module.at_size(k)
        np.testing.assert_allclose(
            reconstruct(alone, X), decode(model.module, encode(model.module, X, k=k)), atol=2e-6
        )


def test_a_random_start_is_the_mean_image(digits):
    first, second = digits
    _, history = fit_autoencoder(training_data(first, second), bottleneck=5, form="conv", effort=0)
    mean = mirrored(first).mean(axis=0)
    truth = np.mean((mean - rows(second)) ** 2)
    assert history["validation_mse"][0] == pytest.approx(truth, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_it_learns_and_keeps_the_best_epoch(digits, form):
    first, second = digits
    model, history = fit_autoencoder(
        training_data(first, second), bottleneck=4, form=form, effort=0.1
    )
    assert history["epoch"].tolist() == list(range(len(history)))
    kept = history[history["selected"]]
    assert len(kept) == 1
    # The size shrinks as they are trained: no single epoch is selected.
    if form in ("prefix", "least-volume", "rank-reduction"):
        assert kept["epoch"].item() == history["epoch"].max()
        return
    assert history["validation_mse"].min() < history["validation_mse"][0]
    assert kept["validation_mse"].item() == history["validation_mse"].min()
    if form == "conv":
        assert error(model.module, second) <= kept["validation_mse"].item() * (1 + 1e-5)
    assert not model.module.training


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"noise": 0.1}, {"variational": True}])
def test_denoising_and_variational_forms_learn(digits, more):
    _, history = fit_autoencoder(
        training_data(*digits), bottleneck=4, form="conv", effort=2, **more
    )
    assert history["validation_mse"].min() < 0.8 * history["validation_mse"][0]


@pytest.mark.slow
def test_one_seed_gives_one_net_bit_by_bit_and_leaves_the_global_generator(digits):
    before = torch.random.get_rng_state()
    hashes = [
        weights_hash(
            fit_autoencoder(training_data(*digits), bottleneck=3, effort=0.1, seed=seed)[0].module
        )
        for seed in (0, 0, 1)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.slow
@pytest.mark.parametrize("k", [8, 32])
def test_on_strangers_it_is_below_pca(k):
    images = open_images("orl", size=64, grey=True)
    X = images.pixels()
    first, second, test = split(images, (0.7, 0.15, 0.15), by="label", seed=0)
    model, _ = fit_autoencoder(TrainingData(X[first], X[second], max_bottleneck=k), bottleneck=k)
    linear = pca_error(mirrored(X[first]), rows(X[test]), k)
    assert error(model.module, X[test]) < linear


class LinearAutoencoder(nn.Module):
    """Two matrices and nothing else."""

    def __init__(self, d, k):
        super().__init__()
        self.down, self.up = nn.Linear(d, k), nn.Linear(k, d)

    def forward(self, x):
        return self.up(self.down(x))


def drawn_rows():
    random = np.random.default_rng(0)
    turned, _ = np.linalg.qr(random.normal(size=(30, 30)))
    return (random.normal(size=(200, 30)) * 0.7 ** np.arange(30) @ turned).astype(np.float32)


def real_faces():
    return rows(open_images("orl", size=16, grey=True).pixels())


@pytest.mark.slow
@pytest.mark.parametrize(("data", "k", "steps"), [(drawn_rows, 4, 1500), (real_faces, 8, 1500)])
def test_a_linear_autoencoder_of_the_same_loop_reaches_pca(data, k, steps):
    """Baldi & Hornik 1989: its error has no local minima, and the least of it is PCA's."""
    X = data()
    X = X - X.mean(axis=0)
    x = torch.from_numpy(X)
    with seeded(0):
        module = LinearAutoencoder(X.shape[1], k)
    loop.run(
        module,
        BatchStream(len(X), len(X), 0, lambda rows, part, random: (x[rows], x[rows]), "linear"),
        loss=functional.mse_loss,
        optimizer=torch.optim.Adam(module.parameters(), lr=2e-2),
        schedule=CosineSchedule(steps, 1),
        after_epoch=lambda epoch: {},
    )
    fitted = PCA(k, svd_solver="full").fit(X)
    linear = np.mean((fitted.inverse_transform(fitted.transform(X)) - X) ** 2)
    with torch.no_grad():
        own = float((module(x) - x).square().mean())
    assert linear <= own * (1 + 1e-5)
    assert own <= 1.01 * linear


def test_images_are_moved_and_mirrored_by_the_seed():
    images = np.arange(2 * 1 * 6 * 5, dtype=np.uint8).reshape(2, 1, 6, 5)
    rows = torch.arange(100) % 2
    out = shift_and_mirror(images, rows, shift=1 / 6, generator=torch.Generator().manual_seed(0))
    again = shift_and_mirror(images, rows, shift=1 / 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(out, again)
    found = set()
    for image, row in zip(out.numpy(), rows, strict=True):
        moves = []
        for flip in (False, True):
            original = images[row, 0, :, ::-1] if flip else images[row, 0]
            edges = np.pad(original.astype(np.float32) / np.float32(255), 1, mode="edge")
            moves += [
                (down, across, flip)
                for down in range(3)
                for across in range(3)
                if np.array_equal(image[0], edges[down : down + 6, across : across + 5])
            ]
        assert len(moves) == 1
        found.update(moves)
    assert len(found) == 18  # all moves and both sides occur
    still = shift_and_mirror(images, rows, shift=0, mirror=False, generator=torch.Generator())
    assert torch.equal(still, torch.from_numpy(images)[rows] / 255)


@pytest.mark.parametrize("shape", [(9, 1, 64, 64), (7, 3, 21, 13), (3, 1, 1, 5), (4, 2, 8, 1)])
@pytest.mark.parametrize("shift", [0, 1 / 32, 0.3, 1])
def test_one_pass_moves_as_the_changes_of_a_recipe_do(shape, shift):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    rows, random = torch.randperm(len(images)), torch.Generator().manual_seed(1)
    own = shift_and_mirror(images, rows, slice(1, None), shift=shift, generator=random)
    random.manual_seed(1)
    recipe = Augmenter({}, images.shape[2:])
    x = torch.from_numpy(images)[rows]
    for name, amount in (("flip", 0.5), ("shift", shift)):
        entry = AUGMENTATIONS[name]
        x = entry.change(x, entry.draw(len(x), random), amount, recipe)
    assert torch.equal(own, x[1:] / 255)


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
        *("epoch", "step", "train_mse", "validation_mse", "learning_rate"),
        *("is_relative", "selected"),
    ]


@pytest.mark.parametrize(
    ("brightness", "options", "error", "sentence"),
    [
        pytest.param(
            1,
            {"bottleneck": 2, "form": "zero"},
            UnknownName,
            "open_model('autoencoder'): no form is called 'zero'. Known: linear-start, prefix, "
            "least-volume, rank-reduction, conv, nested.",
            id="unknown form",
        ),
        pytest.param(
            1,
            {"bottleneck": 0},
            InputError,
            "open_model('autoencoder'): bottleneck must be a whole number from 1 to 1048576, got "
            "0.",
            id="empty bottleneck",
        ),
        pytest.param(
            0,
            {"bottleneck": 2},
            InputError,
            "train: the training images must differ, got identical images. Use other images.",
            id="one image throughout",
        ),
    ],
)
def test_messages(digits, brightness, options, error, sentence):
    first, second = digits
    with pytest.raises(error) as caught:
        fit_autoencoder(training_data(first * brightness, second), **options)
    assert str(caught.value) == sentence
