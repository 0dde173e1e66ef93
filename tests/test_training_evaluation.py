"""Right answers, counted: by hand, on images new to every model, alone and together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from repviz import intervals
from repviz.errors import InputError, UnknownName
from repviz.images import open_images
from repviz.models.model import Model, Preprocessing
from repviz.training.evaluation import (
    RESIZE_FACTOR,
    at_training_size,
    crops,
    evaluate,
    saw_crops,
    unseen,
)
from repviz.training.machine import Machine

CLASSES = tuple("0123456789")
PREPROCESSING = Preprocessing((8, 8), 1, (0.0,), (1.0,))


class Fixed(nn.Module):
    """Answers by the brightness of an image, as a table says."""

    def __init__(self, answers):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.answers = answers  # mean grey level of an image, rounded -> scores

    def forward(self, x):
        levels = (x.mean((1, 2, 3)) * 255).round().long()
        return torch.stack([self.answers[int(level)] for level in levels])


@pytest.fixture
def images(tmp_path):
    """40 flat images: their grey level says which one each is."""
    pixels = np.repeat(np.arange(40, dtype=np.uint8) * 4, 64).reshape(40, 8, 8)
    labels = np.array([CLASSES[i % 10] for i in range(40)])
    np.savez(tmp_path / "flat.npz", images=pixels, labels=labels)
    return open_images(f"array:{tmp_path / 'flat.npz'}")


def model(right, images, sure=5.0, **recipe):
    """A classifier that is right on the rows ``right`` and holds the next class otherwise."""
    answers = {}
    for row in range(40):
        said = (row % 10 + (row not in right)) % 10
        answers[row * 4] = torch.nn.functional.one_hot(torch.tensor(said), 10) * sure
    weights = f"right on {len(right)}"
    return Model("fixed", Fixed(answers), PREPROCESSING, (), weights, {}, CLASSES, recipe=recipe)


def test_right_answers_are_counted_with_their_interval(images):
    table = evaluate(model(range(10, 40), images), images).table
    row = table.iloc[0]
    assert (row["n_correct"], row["n"], row["accuracy"], row["chance"]) == (30, 40, 0.75, 0.1)
    assert (row["low"], row["high"]) == intervals.share(30, 40)


def test_an_ensemble_averages_probabilities(images):
    # Where two unsure models are right, one sure model that is wrong outvotes them.
    two = [model(range(40), images, sure=1.0), model(range(40), images, sure=1.0)]
    table = evaluate([*two, model(range(20), images, sure=9.0)], images).table
    assert table["model"].iloc[-1] == "ensemble of 3"
    assert table["n_correct"].tolist() == [40, 40, 20, 20]
    table = evaluate([*two, model(range(20), images, sure=0.5)], images).table
    assert table["n_correct"].tolist() == [40, 40, 20, 40]


def test_images_that_a_model_was_trained_on_are_left_out(images):
    hashes = [value[:16] for value in images.hashes()]
    first = model(range(40), images, trained_on=hashes[:10])
    second = model(range(40), images, trained_on=hashes[5:20])
    assert unseen([first, second], images).tolist() == [*range(20, 40)]
    assert evaluate([first, second], images).table["n"].tolist() == [20, 20, 20]
    assert evaluate(first, images, seen=True).table["n"].tolist() == [40]
    with pytest.raises(InputError) as error:
        evaluate(first, images, rows=np.arange(8, 12))
    assert str(error.value) == (
        "evaluate: the images must be new to every model, got 2 of 4 that one was trained on. "
        "Leave them out, or pass seen=True."
    )


def test_ten_crops_are_the_corners_the_middle_and_their_mirror_images():
    image = torch.arange(81.0).view(1, 1, 9, 9)
    ten = crops(image, (7, 7), "ten")
    assert [int(crop[0, 0, 0, 0]) for crop in ten] == [0, 2, 18, 20, 10, 6, 8, 24, 26, 16]
    assert all(torch.equal(a.flip(-1), b) for a, b in zip(ten[:5], ten[5:], strict=True))
    assert torch.equal(crops(image, (7, 7), "centre")[0], ten[4])


@pytest.mark.parametrize(
    ("recipe", "saw"),
    [({}, True), ({"augment": {"crop": 0.1}}, True), ({"augment": {"shift": 0.03}}, False)],
)
def test_ten_crops_suit_a_training_on_crops_or_an_unknown_one(images, recipe, saw):
    assert saw_crops(model(range(5), images, **recipe)) is saw


def test_images_are_seen_at_the_size_of_training(images):
    plain = model(range(40), images)
    resize_factor = replace(plain, recipe={"resize_factor": 1.5})
    assert at_training_size(images, plain).size == (8, 8)
    assert at_training_size(images, resize_factor).size == (12, 12)
    assert at_training_size(images, plain, "ten").size == (round(8 * RESIZE_FACTOR),) * 2
    assert at_training_size(images, resize_factor, "ten").size == (12, 12)


def test_processes_share_the_images_and_add_up(images, monkeypatch):
    classifier, counts = model(range(10, 40), images), []
    monkeypatch.setattr(Machine, "processes", 3)
    monkeypatch.setattr(Machine, "summed", lambda self, value: counts.append(value) or value)
    rows = []
    for process in range(3):
        monkeypatch.setattr(Machine, "process", process)
        rows += evaluate(classifier, images).rows.tolist()
    assert sorted(rows) == [*range(40)]
    assert sum(float(hits.sum()) for hits in counts) == 30


def trained_on_all(classifier, images):
    hashes = [value[:16] for value in images.hashes()]
    return replace(classifier, recipe={"trained_on": hashes})


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        pytest.param(
            lambda classifier, images: evaluate(classifier, images, views="all"),
            UnknownName,
            "evaluate: no set of views is called 'all'. Known: centre, ten.",
            id="unknown views",
        ),
        pytest.param(
            lambda classifier, images: evaluate(
                [classifier, replace(classifier, classes=("a", "b"))], images
            ),
            InputError,
            "evaluate: every model must have been trained on the same labels, got 10 (0, 1, 2, "
            "...) and 2 (a, b, ...). Train them on the same images.",
            id="models of different labels",
        ),
        pytest.param(
            lambda classifier, images: evaluate(
                replace(classifier, classes=tuple("012345678")), images
            ),
            InputError,
            "evaluate: every label of the images must be a class of the models, got '9' (1 "
            "unknown). Known: 0, 1, 2, 3, 4, 5, 6, 7, 8.",
            id="label that is no class",
        ),
        pytest.param(
            lambda classifier, images: evaluate([], images),
            InputError,
            "evaluate: at least one model and labelled images must be given, got no model.",
            id="no model",
        ),
        pytest.param(
            lambda classifier, images: evaluate(trained_on_all(classifier, images), images),
            InputError,
            "evaluate: at least one image must be new to every model, got 0. Train all models on "
            "the same split (split_seed), or pass seen=True.",
            id="no new image",
        ),
    ],
)
def test_messages(images, call, error, sentence):
    with pytest.raises(error) as caught:
        call(model(range(40), images), images)
    assert str(caught.value) == sentence
