"""Labels and groups as text: one per image, none of them missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from repviz.errors import InputError


def label_texts(who: str, labels: Iterable[Any], *, what: str = "label") -> np.ndarray:
    """The labels as an array of str, (n,).

    Raises
    ------
    InputError
        A label is missing: None, NaN, or masked.
    """
    values = list(labels)
    missing = [row for row, label in enumerate(values) if _is_missing(label)]
    if missing:
        row = missing[0]
        raise InputError(
            f"{who}: either every image or no image must have a {what}, got {values[row]} for "
            f"image {row} ({len(missing)} of {len(values)} images). Leave those images out, or "
            f"{what} them."
        )
    return np.array([_text(label) for label in values])


def group_texts(who: str, groups: Iterable[Any]) -> np.ndarray:
    """The groups as an array of str, (n,).

    Raises
    ------
    InputError
        A group is missing, all images are of one group, or each is of its own.
    """
    texts = label_texts(who, groups, what="group")
    n_groups = len(np.unique(texts))
    if not 1 < n_groups < len(texts):
        raise InputError(
            f"{who}: groups must be fewer than the images and at least 2, got {n_groups} of "
            f"{len(texts)} images. Leave the groups out, or choose others."
        )
    return texts


def _is_missing(label: Any) -> bool:
    if label is None or label is np.ma.masked:
        return True
    return isinstance(label, float | np.floating | np.datetime64) and bool(label != label)


def _text(label: Any) -> str:
    return label.decode("utf-8", "backslashreplace") if isinstance(label, bytes) else str(label)
