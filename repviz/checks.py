"""The only wording of input errors: ``who: what must hold, what was got. What to do.``

Each function hands back the value that it has checked, so that a check reads as an assignment.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from repviz.errors import InputError, UnknownName

if TYPE_CHECKING:
    import numpy as np


MOST_LISTED = 150  # names in a message; timm alone knows over a thousand


def one_of(who: str, kind: str, name: str, names: Iterable[str]) -> str:
    """``name``, which must be one of ``names``.

    Parameters
    ----------
    who : str
        The function that the user called.
    kind : str
        What the name names, in the singular ("model", "layer").
    name : str
        What the user wrote.
    names : iterable of str
        Every name that is known; the message lists them all, up to 150.

    Raises
    ------
    UnknownName
        ``name`` is not among ``names``.
    """
    names = list(names)
    if name in names:
        return name
    near = get_close_matches(str(name), names, n=5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    listed = f"Known: {', '.join(names)}."
    if len(names) > MOST_LISTED:
        listed = f"Known: {len(names)} names, such as {', '.join((near or names)[:5])}."
    raise UnknownName(f"{who}: no {kind} is called '{name}'.{hint} {listed}")


def as_list(values: Any) -> list[Any]:
    """``values`` as a list; a single text or number is a list of one."""
    return [values] if isinstance(values, str) or not hasattr(values, "__iter__") else list(values)


def integer(who: str, what: str, value: Any, *, low: int, high: int | None = None) -> int:
    """``value`` as an int, which must be a whole number in [low, high]."""
    span = f"at least {low}" if high is None else f"from {low} to {high}"
    is_whole = hasattr(value, "__index__") or (isinstance(value, float) and value.is_integer())
    if (
        isinstance(value, bool)
        or not is_whole
        or value < low
        or (high is not None and value > high)
    ):
        raise InputError(f"{who}: {what} must be a whole number {span}, got {value!r}.")
    return int(value)


def real(who: str, what: str, value: Any, *, low: float, high: float) -> float:
    """``value`` as a float, which must be finite and in [low, high]."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high:
        raise InputError(f"{who}: {what} must be a number from {low:g} to {high:g}, got {value!r}.")
    return number


def matrix(who: str, X: Any, *, rows: int = 2, columns: int = 1) -> np.ndarray:
    """``X`` as a finite (n, d) floating-point array.

    Parameters
    ----------
    who : str
        The function that the user called.
    X : array_like, shape (n, d)
        Anything that numpy reads as numbers. float32 and float64 pass as they are, without a copy;
        other numbers become float64 (float16 float32). A stored layer is read block by block, into
        one array.
    rows, columns : int
        The least n and d that will do.

    Raises
    ------
    InputError
        ``X`` is not two-dimensional, not numeric, too small, or holds a NaN or an infinity; the
        message names the first such row.
    """
    import numpy as np

    X = _gathered(X) if hasattr(X, "blocks") else np.asarray(X)
    if X.ndim != 2:
        raise InputError(
            f"{who}: X must be a matrix of shape (n, d), got shape {X.shape}. "
            "Give one row an image: X.reshape(len(X), -1)."
        )
    numeric(who, X)
    if X.dtype not in (np.float32, np.float64):
        X = X.astype(np.float32 if X.dtype == np.float16 else np.float64)
    n, d = X.shape
    if n < rows:
        raise InputError(f"{who}: X must have at least {rows} rows, got {n}. Give it more images.")
    if d < columns:
        raise InputError(f"{who}: X must have at least {columns} columns, got {d}.")
    bad = _unfinite(X)
    if len(bad):
        got = "NaN" if np.isnan(X[bad[0]]).any() else "an infinity"
        raise InputError(
            f"{who}: every value of X must be finite, got {got} in row {bad[0]} ({len(bad)} of {n} "
            "rows). Leave those rows out: X[np.isfinite(X).all(axis=1)]."
        )
    return X


def numeric(who: str, X: np.ndarray) -> None:
    """Refuse rows that are no real numbers: text, objects, complex numbers."""
    if X.dtype.kind not in "fiub":
        raise InputError(f"{who}: X must hold real numbers, got {X.dtype}. Convert it first.")


def _gathered(layer: Any) -> np.ndarray:
    """A stored layer as one array, float32 where it is stored as float16."""
    import numpy as np

    X = np.empty(layer.shape, np.promote_types(layer.dtype, np.float32))
    for start, block in layer.blocks():
        X[start : start + len(block)] = block
    return X


def _unfinite(X: np.ndarray) -> np.ndarray:
    """The numbers of the rows that hold a NaN or an infinity."""
    import numpy as np

    step = max(1, (1 << 22) // X.shape[1])
    bad = [
        start + np.flatnonzero(~np.isfinite(X[start : start + step]).all(axis=1))
        for start in range(0, len(X), step)
    ]
    return np.concatenate(bad)
