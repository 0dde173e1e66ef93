"""As much of the library ``datasets`` as repviz reads, for machines without it."""

from __future__ import annotations

import numpy as np
from PIL import Image as Picture

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
