"""Each change of an image: what it does, by how much at most, and that a part is changed alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from repviz.errors import InputError, UnknownName
from repviz.images import open_images
from repviz.models import open_model
from repviz.training import RECIPES
from repviz.training.augmentation import AUGMENTATIONS, Augmenter, principal_colours
from repviz.training.batches import torch_stream
from repviz.training.contact_sheet import contact_sheet
from repviz.training.recipes import recipe_settings
from repviz.training.settings import parse_augmentations


def pictures(b=6, side=24, channels=3):
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (b, channels, side // 4, side // 4), dtype=np.uint8)
    return torch.from_numpy(small.repeat(4, 2).repeat(4, 3))


def change(name, amount, images, size=None):
    augmenter = Augmenter({name: amount}, size or tuple(images.shape[-2:]))
    if images.shape[1] == 3:
        augmenter = Augmenter(augmenter.amounts, augmenter.size, principal_colours(images.numpy()))
    drawn = augmenter.draw(len(images), torch_stream(3, name))
    return augmenter.change(images, drawn), drawn[0]


def test_a_window_is_cut_out_and_every_place_comes_up():
    image = torch.arange(25, dtype=torch.uint8).view(1, 1, 5, 5).expand(400, 1, 5, 5)
    windows, _ = change("crop", 0.25, image, size=(4, 4))
    corners = {int(window[0, 0, 0]) for window in windows}
    assert corners == {0, 1, 5, 6}
    assert all((window[0, 1:] - window[0, :-1] == 5).all() for window in windows)


def test_mirrors_are_mirrors():
    images = pictures(64)
    flipped, drawn = change("flip", 0.5, images)
    for before, after, number in zip(images, flipped, drawn[:, 0], strict=True):
        assert torch.equal(after, before.flip(-1) if number < 0.5 else before)
    assert 20 < int((drawn < 0.5).sum()) < 44


def test_a_quarter_turn_is_one():
    images = pictures(1, side=16)
    augmenter = Augmenter({"rotation": 90.0}, (16, 16))
    turned = augmenter.change(images, [torch.ones(1, 1)])
    assert torch.equal(turned, images.rot90(1, (2, 3))) or torch.equal(
        turned, images.rot90(-1, (2, 3))
    )


def test_shear_leaves_the_middle_row_and_moves_the_others_in_proportion():
    image = torch.zeros(1, 1, 65, 65, dtype=torch.uint8)
    image[..., 32] = 255  # an upright line
    sheared = Augmenter({"shear": 45.0}, (65, 65)).change(image, [torch.full((1, 1), 0.75)])
    where = sheared[0, 0].float().argmax(1)
    assert where[32] == 32
    slope = (where[48] - where[16]).abs().item() / 32
    assert slope == pytest.approx(np.tan(np.radians(22.5)), abs=0.05)


def test_colour_moves_along_the_axes_of_the_set_by_their_standard_deviations():
    random = np.random.default_rng(1)
    grey = random.normal(128, 30, (50, 1, 32, 32)).repeat(3, 1)  # all variance along (1, 1, 1)
    axes = principal_colours(grey.clip(0, 255).round().astype(np.uint8))
    longest = axes[:, axes.norm(dim=0).argmax()]
    torch.testing.assert_close(longest.abs() / longest.norm(), torch.full((3,), 3**-0.5))
    assert longest.norm().item() == pytest.approx(30 * 3**0.5, rel=0.05)
    flat = torch.full((200, 3, 4, 4), 128, dtype=torch.uint8)
    augmenter = Augmenter({"colour": 0.5}, (4, 4), axes)
    moved = augmenter.change(flat, augmenter.draw(200, torch_stream(0)))
    assert torch.equal(moved.amin((1, 2, 3)), moved.amax((1, 2, 3)))
    assert moved[:, 0, 0, 0].float().std().item() == pytest.approx(15, rel=0.2)


def test_noise_has_its_standard_deviation_and_no_mean():
    flat = torch.full((4, 1, 64, 64), 128, dtype=torch.uint8)
    noisy, _ = change("noise", 7.0, flat)
    left = noisy.float() - 128
    assert left.std().item() == pytest.approx(7, rel=0.05)
    assert abs(left.mean().item()) < 0.3


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_changes_a_part_as_the_whole_keeps_the_kind_and_does_nothing_by_nothing(name):
    entry, images = AUGMENTATIONS[name], pictures(7)
    augmenter = Augmenter({name: entry.default}, (20, 20) if name == "crop" else (24, 24))
    augmenter = Augmenter(augmenter.amounts, augmenter.size, principal_colours(images.numpy()))
    drawn = augmenter.draw(7, torch_stream(0))
    whole = augmenter.change(images, drawn)
    assert whole.dtype == torch.uint8
    assert whole.shape[-2:] == augmenter.size
    part = slice(2, 5)
    assert torch.equal(augmenter.change(images[part], [d[part] for d in drawn]), whole[part])
    assert not torch.equal(whole, images)
    if name != "crop":
        still = Augmenter({name: 0.0}, (24, 24), principal_colours(images.numpy()))
        assert torch.equal(still.change(images, still.draw(7, torch_stream(0))), images)


def test_the_contact_sheet_shows_each_change_alone_and_all_together():
    images = open_images("digits", limit=30)
    model = open_model("autoencoder", bottleneck=2, size=16, channels=3)
    names, sheet = contact_sheet(model, images, recipe_settings("labels", augment="flip,noise=9"))
    assert names == ["unchanged", "flip=0.5", "noise=9", "all together"]
    assert sheet.shape == (4, 8, 3, 16, 16)
    assert len({row.tobytes() for row in sheet}) == 4


def test_amounts_are_parsed_from_text():
    assert parse_augmentations("crop, flip=0.25") == {
        "crop": pytest.approx(256 / 227 - 1),
        "flip": 0.25,
    }
    assert parse_augmentations("none") == {}
    assert RECIPES["paper"].settings.batch == 128


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda: parse_augmentations("crop,spin"),
            UnknownName,
            "train: no augmentation is called 'spin'. Known: rotation, shear, shift, crop, flip, "
            "colour, noise.",
            id="unknown augmentation",
        ),
        pytest.param(
            lambda: parse_augmentations("rotation=lots"),
            InputError,
            "train: the amount of 'rotation' must be a number, got 'lots'. For example: "
            "rotation=10.",
            id="amount in words",
        ),
        pytest.param(
            lambda: Augmenter({"rotation": 400}, (8, 8)),
            InputError,
            "train: augmentation 'rotation' must be a number from 0 to 180, got 400.",
            id="amount too large",
        ),
        pytest.param(
            lambda: recipe_settings("labels", speed=3),
            UnknownName,
            "train: no setting is called 'speed'. Known: epochs, batch, learning_rate, momentum, "
            "weight_decay, schedule, init, augment, precision, compile, bias_rate, "
            "bias_decay, save_every, tensorboard.",
            id="unknown setting",
        ),
    ],
)
def test_messages(call, error, sentence):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == sentence
