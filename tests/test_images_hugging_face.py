"""A data set of the Hugging Face library becomes images, labels by name, and factors."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hugging_face import AGES, SHADES, ClassLabel, Dataset, Image, Value, stand_in

from repviz.errors import InputError, Unavailable
from repviz.images import images_from, open_images


def real():
    datasets = pytest.importorskip("datasets")
    features = {
        "note": datasets.Value("string"),
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=["cat", "dog"]),
        "age": datasets.Value("float32"),
    }
    return datasets.Dataset.from_dict(stand_in().columns, features=datasets.Features(features))


@pytest.mark.parametrize("dataset", [stand_in, real])
def test_images_labels_and_numbers_are_its_columns(dataset):
    images = images_from(dataset(), name="pets")
    assert [int(image.max()) for image in images] == SHADES.tolist()
    assert images[0].shape == (1, 20, 16)
    assert images.labels.tolist() == ["cat", "dog"] * 3
    np.testing.assert_allclose(images.factors["age"], AGES)
    assert set(images.factors) == {"age"}


def test_own_labels_go_before_its_own():
    assert images_from(stand_in(), labels=list("uvwxyz")).labels.tolist() == list("uvwxyz")


def test_where_every_class_is_unknown_there_are_no_labels():
    assert images_from(stand_in([-1] * 6)).labels is None


def test_of_several_classes_the_label_is_taken():
    coarse = (ClassLabel(["animal"]), [0] * 6)
    assert set(images_from(stand_in(coarse=coarse)).labels) == {"cat", "dog"}


# messages


def test_messages():
    with pytest.raises(InputError) as caught:
        images_from(stand_in(mask=(Image(), [None] * 6)))
    assert str(caught.value) == (
        "images_from: a data set must have one column of images, got 'image' and 'mask'. Keep one: "
        "dataset.select_columns([...]), or cast_column(name, datasets.Image())."
    )
    with pytest.raises(InputError) as caught:
        images_from(Dataset({"age": Value("int64")}, {"age": [1, 2]}))
    assert str(caught.value) == (
        "images_from: a data set must have one column of images, got none among age. Keep one: "
        "dataset.select_columns([...]), or cast_column(name, datasets.Image())."
    )
    with pytest.raises(InputError) as caught:
        images_from({"train": stand_in(), "test": stand_in()})
    assert str(caught.value) == (
        "images_from: images must be a sequence, got a mapping with the keys 'train', 'test'. Take "
        "one of its values."
    )
    with pytest.raises(InputError, match="label"):
        images_from(stand_in([0, 1, -1, 1, 0, 1]))


# by name


@pytest.fixture
def library(monkeypatch):
    """A stand-in for the library: "one" is a data set, every other name two splits of it."""

    def load(path):
        if path.endswith("lost"):
            raise ConnectionError("no\nnetwork")
        return stand_in() if path.endswith("one") else {"train": stand_in(), "test": stand_in()}

    stub = SimpleNamespace(load_from_disk=load, load_dataset=load)
    monkeypatch.setitem(sys.modules, "datasets", stub)


@pytest.mark.parametrize("name", ["one", "two@test", "two@train"])
def test_a_split_opens_by_name(library, name):
    images = open_images(f"huggingface:{name}")
    assert images.name == f"huggingface:{name}"
    assert images.labels.tolist() == ["cat", "dog"] * 3


def test_a_set_that_was_saved_opens_by_its_folder(tmp_path):
    real().save_to_disk(tmp_path / "saved")
    images = open_images(f"huggingface:{tmp_path}/saved")
    assert [int(image.max()) for image in images] == SHADES.tolist()


@pytest.mark.parametrize("argument", ["one@2024/one", "two@2024/two@test"])
def test_the_name_of_a_folder_may_hold_the_sign_of_a_split(
    argument, library, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one@2024" / "one").mkdir(parents=True)
    (tmp_path / "two@2024" / "two").mkdir(parents=True)
    assert open_images(f"huggingface:{argument}").labels.tolist() == ["cat", "dog"] * 3


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        (
            "two",
            InputError,
            "huggingface:two: the split must be one of train, test, got none. For example: "
            "huggingface:two@train.",
        ),
        (
            "two@val",
            InputError,
            "huggingface:two: the split must be one of train, test, got 'val'. For example: "
            "huggingface:two@train.",
        ),
        (
            "one@test",
            InputError,
            "huggingface:one: this folder holds one split, got 'test'. Leave out @test.",
        ),
        (
            "lost",
            Unavailable,
            "huggingface:lost: a folder that save_to_disk wrote, or a data set that can be "
            "downloaded, must be named, got 'no network'. Save it where there is a network, and "
            "name its folder.",
        ),
    ],
)
def test_messages_of_a_name(library, name, error, sentence):
    with pytest.raises(error) as caught:
        open_images(f"huggingface:{name}")
    assert str(caught.value) == sentence


def test_without_the_library_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(Unavailable) as caught:
        open_images("huggingface:one")
    assert str(caught.value) == (
        "huggingface:one: this source needs the package datasets. Install it: pip install datasets."
    )
