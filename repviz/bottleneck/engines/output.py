"""Checks of the arrays that an engine's encoder and decoder return."""

from __future__ import annotations

from typing import Any

import numpy as np

from repviz.bottleneck.engines import Engine
from repviz.errors import InputError


def checked(
    engine: Engine, what: str, output: Any, n: int, d: int | None = None, *, max_columns: int = 0
) -> np.ndarray:
    """``output`` of a user's engine, which must be (n, d) or, without d, (n, at most k)."""
    try:
        array = np.asarray(output)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"engine '{engine.name}': {what} must return a matrix of numbers, got {error}."
        ) from error
    if array.dtype.kind not in "fiub":
        raise InputError(
            f"engine '{engine.name}': {what} must return real numbers, got {array.dtype}."
        )
    shape = f"({n}, {f'k), k at most {max_columns}' if d is None else f'{d})'}"
    fits = array.ndim == 2 and (array.shape[1] <= max_columns if d is None else array.shape[1] == d)
    if not fits or len(array) != n:
        raise InputError(
            f"engine '{engine.name}': {what} must return a matrix of shape {shape}, got shape "
            f"{array.shape}."
        )
    if not np.isfinite(array).all():
        value = "NaN" if np.isnan(array).any() else "an infinity"
        raise InputError(f"engine '{engine.name}': {what} must return finite numbers, got {value}.")
    return array
