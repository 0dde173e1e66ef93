"""A data set of the Hugging Face library becomes images, labels by name, and factors."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Picture

from repviz.errors import InputError
from repviz.images import images_from

SHADES = np.arange(0, 60, 10, dtype=np.uint8)
AGES = [31.5, 4.0, 77.0, 20.0, 1.0, 50.0]


class Image:
    """The type of a column of images, by its name."""


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Value:
    def __init__(self, dtype):
        self.dtype = dtype


class Dataset:
    """As much of ``datasets.Dataset`` as is read."""

    def __init__(self, features, columns):
        self.features, self.columns = features, columns
        self.column_names = list(features)

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, row):
        return {name: column[row] for name, column in self.columns.items()}

    def select_columns(self, names):
        kept = {name: self.columns[name] for name in names}
        return Dataset({name: self.features[name] for name in names}, kept)

    def to_dict(self):
        return self.columns


def stand_in(labels=(0, 1, 0, 1, 0, 1), **more):
    features = {
        "note": Value("string"),
        "image": Image(),
        "label": ClassLabel(["cat", "dog"]),
        "age": Value("float32"),
    }
    columns = {
        "note": list("abcdef"),
        "image": [Picture.fromarray(np.full((20, 16), shade)) for shade in SHADES],
        "label": list(labels),
        "age": AGES,
    }
    for name, (feature, values) in more.items():
        features[name], columns[name] = feature, values
    return Dataset(features, columns)


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
