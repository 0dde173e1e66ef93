"""The classifier's training: it learns, honestly, and the same twice."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from repviz import intervals
from repviz.errors import InputError
from repviz.images import images_from, open_images, split
from repviz.models import open_model
from repviz.models.model import weights_hash
from repviz.training import train
from repviz.training.alexnet_recipe import _parameter_groups, _validation, data_dependent_init
from repviz.training.recipes import recipe_settings
from repviz.training.schedules import CosineSchedule, StepSchedule

pytestmark = pytest.mark.usefixtures("one_thread")

NETS = """
from torch import nn
def small(classes):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(392, classes)
    )
"""
COLUMNS = [
    "epoch",
    "train_loss",
    "train_accuracy",
    "running_train_accuracy",
    "held_out_accuracy",
    "held_out_low",
    "held_out_high",
    "chance",
    "n_train",
    "n_held_out",
    "learning_rate",
]


@pytest.mark.parametrize(("n_groups", "shared"), [(9, True), (20, False)])
def test_validation_images_are_of_groups_of_their_own_where_there_are_ten(n_groups, shared):
    groups = np.array([f"g{row % n_groups}" for row in range(180)])
    labels = np.where(np.arange(180) // n_groups % 2, "x", "y")
    images = images_from(np.zeros((180, 4, 4), np.uint8), labels=labels, groups=groups)
    fitted, validating = _validation(images, np.arange(180), recipe_settings("paper"), 0)
    assert len(validating) == 18
    assert bool(set(groups[fitted]) & set(groups[validating])) == shared


@pytest.fixture
def small(tmp_path, monkeypatch):
    (tmp_path / "small_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda classes=10: open_model("small_nets:small", classes=classes, size=16, channels=1)
    sys.modules.pop("small_nets", None)


@pytest.mark.slow
def test_it_learns_digits_and_says_how_sure_it_is(small):
    images = open_images("digits", limit=600, size=16)
    made = train(small(), images, epochs=12, batch=4)
    table = made.table
    assert table.columns.tolist() == COLUMNS
    last = table.iloc[-1]
    assert last["held_out_accuracy"] > 0.7 > 5 * last["chance"]
    assert table["train_loss"].iloc[-1] < table["train_loss"].iloc[0] / 2
    assert (last["n_train"], last["n_held_out"]) == (420, 180)
    right = round(last["held_out_accuracy"] * 180)
    assert (last["held_out_low"], last["held_out_high"]) == intervals.share(right, 180)
    assert made.model.classes == tuple("0123456789")
    # The figure of the last epoch is that of the model that is handed over.
    _, held_out = split(images, (0.7, 0.3), by="image", seed=0)
    with torch.no_grad():
        x = made.model.preprocessing(torch.from_numpy(images.pixels(held_out)))
        found = made.model.module(x).argmax(1).numpy()
    assert (found == images.label_indices[held_out]).mean() == last["held_out_accuracy"]


@pytest.mark.slow
def test_training_accuracy_is_scored_as_held_out_accuracy_is(small):
    """In evaluation mode on the images as they are: the gap of the two says what was overfitted."""
    images = open_images("digits", limit=60, size=16)
    rows = np.arange(40), np.arange(40, 60)
    made = train(small(), images, epochs=30, batch=4, held_out=rows)
    with torch.no_grad():
        x = made.model.preprocessing(torch.from_numpy(images.pixels(rows[0])))
        predicted = made.model.module(x).argmax(1).numpy()
    last = made.table.iloc[-1]
    assert last["train_accuracy"] == (predicted == images.label_indices[rows[0]]).mean()
    same = train(small(), images, epochs=2, batch=4, held_out=rows)
    half = train(small(), images, epochs=2, batch=4, held_out=(rows[0], rows[1][:10]))
    assert same.table["train_accuracy"].tolist() == half.table["train_accuracy"].tolist()


@pytest.mark.slow
def test_held_out_images_choose_nothing(small):
    images = open_images("digits", limit=100, size=16)
    rows = np.arange(60), np.arange(60, 100)
    fewer = np.arange(60), np.arange(60, 70)
    hashes = {
        weights_hash(train(small(), images, epochs=2, held_out=parts).model.module)
        for parts in (rows, fewer)
    }
    assert len(hashes) == 1


@pytest.mark.slow
def test_one_seed_gives_one_net_bit_by_bit_and_leaves_the_given_one(small):
    images = open_images("digits", limit=80, size=16)
    model, before = small(), torch.random.get_rng_state()
    untouched = weights_hash(model.module)
    hashes = [
        weights_hash(train(model, images, epochs=2, seed=seed).model.module) for seed in (0, 0, 1)
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    assert weights_hash(model.module) == untouched
    assert torch.equal(before, torch.random.get_rng_state())


def test_data_dependent_init_gives_units_mean_0_and_variance_1():
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(216, 9, bias=False),
        nn.ReLU(),
        nn.Linear(9, 4),
    )
    x = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 5 + 3
    last = net[5].weight.clone()
    data_dependent_init(net, x)
    with torch.no_grad():
        maps = net[0](x)
        torch.testing.assert_close(maps.mean((0, 2, 3)), torch.zeros(6), atol=1e-4, rtol=0)
        torch.testing.assert_close(maps.std((0, 2, 3)), torch.ones(6), atol=1e-3, rtol=0)
        units = net[3](net[:3](x))  # without a bias only the scale can be set
        torch.testing.assert_close(units.std(0), torch.ones(9), atol=1e-3, rtol=0)
    assert torch.equal(net[5].weight, last)
    assert not net[0]._forward_hooks


def test_the_interval_of_an_accuracy_is_over_people_where_labels_are_identities(small):
    images = open_images("digits", limit=600, size=16)
    people = np.array([f"p{row % 25}" for row in range(600)])
    images = replace(images, labels=people)
    made = train(small(25), images, epochs=1, batch=60)
    _, held_out = split(images, (0.7, 0.3), by="image", seed=0)
    with torch.no_grad():
        x = made.model.preprocessing(torch.from_numpy(images.pixels(held_out)))
        found = made.model.module(x).argmax(1).numpy()
    hits = found == images.label_indices[held_out]
    expected = intervals.share_of_groups(hits, people[held_out])
    last = made.table.iloc[-1]
    assert (last["held_out_low"], last["held_out_high"]) == pytest.approx(expected)
    assert expected != pytest.approx(intervals.share(int(hits.sum()), len(hits)))


def test_the_rate_rises_and_falls():
    schedule = CosineSchedule(epochs=2, steps=10, warm_up=0.2)
    factors = [schedule.factor(step) for step in range(20)]
    assert all(0 < factor <= 1 for factor in factors)
    assert int(np.argmax(factors)) == 4
    assert factors[0] == pytest.approx(0.2)
    assert factors[12] == pytest.approx(0.5)


def test_the_rate_falls_after_the_epochs_of_2012():
    schedule = StepSchedule(epochs=91, steps=10)
    factors = [schedule.factor(10 * epoch) for epoch in (0, 24, 25, 50, 51, 78, 79, 90)]
    assert factors == [1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    assert StepSchedule(epochs=4, steps=1).factor(1) == 0.1


def test_the_code_of_2012_moves_biases_twice_as_fast_and_decays_weights_alone():
    settings = recipe_settings("code2012", weight_decay=0.5, momentum=0.0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2))
    before = [value.detach().clone() for value in net.parameters()]
    groups = _parameter_groups(net, settings)
    assert [len(group["params"]) for group in groups] == [2, 2]
    optimizer = torch.optim.SGD(groups, momentum=settings.momentum)
    for value in net.parameters():
        value.grad = torch.ones_like(value)
    optimizer.step()
    for old, new in zip(before, net.parameters(), strict=True):
        step = 0.01 * (1 + 0.5 * old) if old.ndim > 1 else torch.full_like(old, 0.02)
        torch.testing.assert_close(new.detach(), old - step)


@pytest.mark.slow
def test_alexnet_learns_who_is_who():
    images = open_images("orl")
    images = images.take([row for row in range(400) if images.labels[row] in {"s1", "s2", "s3"}])
    made = train(open_model("alexnet", classes=3), images, epochs=6, batch=8)
    last = made.table.iloc[-1]
    assert last["held_out_low"] > last["chance"] == pytest.approx(1 / 3)
    assert made.model.module.conv1.weight.isfinite().all()


@pytest.mark.parametrize(
    ("classes", "options", "sentence"),
    [
        pytest.param(
            9,
            {},
            "train: the model must have one output per label (10), got 9. Open it with classes=10.",
            id="too few outputs",
        ),
        pytest.param(
            10,
            {"held_out": (np.arange(5), np.arange(4, 9))},
            "train: held_out must be two non-empty arrays without a repeated row, got 5 and 5 "
            "rows, 9 distinct.",
            id="row in both parts",
        ),
        pytest.param(
            10,
            {"held_out": (np.arange(5), np.arange(78, 85))},
            "train: the rows of held_out must be from 0 to 79, got 0 to 84.",
            id="row past the end",
        ),
        pytest.param(
            10,
            {"epochs": 0},
            "train: epochs must be a whole number from 1 to 100000, got 0.",
            id="no epoch",
        ),
        pytest.param(
            10,
            {"held_out": 1.5},
            "train: held_out must be a number from 0.001 to 0.999, got 1.5.",
            id="share above 1",
        ),
    ],
)
def test_messages(small, classes, options, sentence):
    with pytest.raises(InputError) as caught:
        train(small(classes), open_images("digits", limit=80, size=16), **options)
    assert str(caught.value) == sentence


def test_images_without_labels_are_refused(small, tmp_path):
    np.save(tmp_path / "plain.npy", open_images("digits", limit=80, size=16).pixels())
    with pytest.raises(InputError) as caught:
        train(small(), open_images(f"array:{tmp_path / 'plain.npy'}"))
    assert str(caught.value) == (
        f"train: images 'array:{tmp_path / 'plain.npy'}' must have labels, got none. Sort them "
        "into one folder per label."
    )
