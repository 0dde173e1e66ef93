"""Data sets of the Hugging Face library ``datasets`` as a sequence of images, labels and factors.

The library itself is not imported: a data set that exists brings it along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from repviz.errors import InputError

NUMBERS = ("bool", "int", "uint", "float")


@dataclass(frozen=True)
class ImageColumn:
    """One column of a data set as a sequence of images, each decoded when it is asked for."""

    dataset: Any
    column: str

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> Any:
        return self.dataset[row][self.column]


def is_dataset(items: Any) -> bool:
    """Whether ``items`` is a ``datasets.Dataset``, or has its columns and features."""
    return isinstance(getattr(items, "features", None), Mapping) and hasattr(items, "column_names")


def columns_of(dataset: Any) -> tuple[ImageColumn, list[Any] | None, dict[str, np.ndarray]]:
    """The images of a data set, its labels by name, and its numeric columns as factors.

    Labels are the column of type ``ClassLabel``; of several the one called "label". A class of -1,
    which stands for "unknown" there, is a missing label, unless no image has another.

    Raises
    ------
    InputError
        It has no column of images, or several.
    """
    kinds = {name: type(feature).__name__ for name, feature in dataset.features.items()}
    images = [name for name, kind in kinds.items() if kind == "Image"]
    if len(images) != 1:
        got = " and ".join(f"'{name}'" for name in images) or f"none among {', '.join(kinds)}"
        raise InputError(
            f"images_from: a data set must have one column of images, got {got}. Keep one: "
            "dataset.select_columns([...]), or cast_column(name, datasets.Image())."
        )
    classes = [name for name, kind in kinds.items() if kind == "ClassLabel"]
    chosen = "label" if "label" in classes else classes[0] if len(classes) == 1 else None
    numbers = [
        name
        for name, kind in kinds.items()
        if kind == "Value" and dataset.features[name].dtype.startswith(NUMBERS)
    ]
    wanted = [*numbers, *([chosen] if chosen else [])]
    values = dataset.select_columns(wanted).to_dict() if wanted else {}
    factors = {name: np.asarray(values[name], dtype=np.float64) for name in numbers}
    return ImageColumn(dataset, images[0]), _named(dataset, chosen, values), factors


def _named(dataset: Any, column: str | None, values: dict[str, Any]) -> list[Any] | None:
    if column is None or all(index is None or index < 0 for index in values[column]):
        return None
    names = dataset.features[column].names
    return [None if index is None or index < 0 else names[index] for index in values[column]]
