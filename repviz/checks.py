"""Checks of arguments, with one wording: ``who: what must hold, what was got. What to do.``

Each function returns the checked value, so that a check reads as an assignment.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repviz.errors import Degenerate, InputError, UnknownName
from repviz.streams import SEED_LIMIT

if TYPE_CHECKING:
    import numpy as np


LONGEST_NAME = 255  # bytes of a file's name, on every usual file system
MOST_EPOCHS = 100_000  # passes over the data
LONGEST_SHOWN = 100  # characters of a value that an error shows
PLAIN = (str, bytes, int, float, complex, type(None), list, tuple, dict)
MOST_LISTED = 150  # names in a message; timm alone knows over a thousand
LARGEST, SMALLEST = 1e70, 1e-70  # magnitudes whose fourth powers float64 holds, and their sums


def one_of(
    who: str, kind: str, name: str, names: Iterable[str], *, also: Iterable[str] = ()
) -> str:
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
    also : iterable of str
        Further names that may have been meant, which the message does not list; ``"resnet18"``
        for ``"torchvision:resnet18"``.

    Raises
    ------
    UnknownName
        ``name`` is not among ``names``.
    """
    names = list(names)
    if isinstance(name, str) and name in names:
        return name
    written = _cut(str(name))
    near = _near(written, [*names, *also])
    meant = [one for one in near if one.split(":")[-1] == written] or near[:1]
    hint = f" Did you mean {' or '.join(map(repr, meant))}?" if meant else ""
    listed = f"Known: {', '.join(names)}."
    if len(names) > MOST_LISTED:
        listed = f"Known: {len(names)} names, such as {', '.join((near or names)[:5])}."
    raise UnknownName(f"{who}: no {kind} is called '{written}'.{hint} {listed}")


def _near(written: str, names: list[str]) -> list[str]:
    """Up to five of ``names`` that are spelt alike, whatever their case, dashes and prefix."""
    spelt = {_spelling(name.split(":")[-1]): name for name in reversed(names)}
    spelt |= {_spelling(name): name for name in reversed(names)}
    exact = [name for name in names if name.split(":")[-1] == written]
    found = [spelt[spelling] for spelling in get_close_matches(_spelling(written), spelt, n=5)]
    return list(dict.fromkeys([*exact, *found]))[:5]


def _spelling(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def as_list(values: Any) -> list[Any]:
    """``values`` as a list; a single text or number is a list of one."""
    return [values] if isinstance(values, str) or not hasattr(values, "__iter__") else list(values)


def integer(who: str, what: str, value: Any, *, low: int, high: int | None = None) -> int:
    """``value`` as an int, which must be a whole number in [low, high]."""
    span = f"at least {low}" if high is None else f"from {low} to {high}"
    try:
        is_float = isinstance(value, float) and value.is_integer()
        number = int(value) if is_float else operator.index(value)
    except TypeError:
        number = None
    if (
        isinstance(value, bool)
        or number is None
        or number < low
        or (high is not None and number > high)
    ):
        raise InputError(f"{who}: {what} must be a whole number {span}, got {shown(value)}.")
    return number


def size(who: str, value: Any, *, low: int, high: int) -> tuple[int, int]:
    """``value`` as (height, width) in pixels, each in [low, high]; one number is a square."""
    sides = value if isinstance(value, (tuple, list)) else (value, value)
    if len(sides) != 2:
        raise InputError(f"{who}: size must be one number or (height, width), got {shown(value)}.")
    height, width = (integer(who, "size", side, low=low, high=high) for side in sides)
    return height, width


def plain(value: Any) -> Any:
    """``value`` with NumPy's types as Python's, which JSON can hold, and 2.0 as 2."""
    value = value.tolist() if type(value).__module__ == "numpy" else value
    if isinstance(value, list | tuple):
        parts = [plain(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def seed(who: str, value: Any) -> int:
    """``value`` as a seed, which must be a whole number from 0 to :data:`SEED_LIMIT`."""
    return integer(who, "seed", value, low=0, high=SEED_LIMIT)


def real(who: str, what: str, value: Any, *, low: float, high: float) -> float:
    """``value`` as a float, which must be finite and in [low, high]."""
    try:
        number = float("nan") if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not low <= number <= high:
        raise InputError(
            f"{who}: {what} must be a number from {low:g} to {high:g}, got {shown(value)}."
        )
    return number


def flag(who: str, what: str, value: Any) -> bool:
    """``value`` as a bool, which must be True or False; NumPy's are taken too."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool_", "bool"):
        raise InputError(f"{who}: {what} must be True or False, got {shown(value)}.")
    return bool(value)


def text(who: str, what: str, value: Any) -> str:
    """``value``, which must be a text that is not empty, and that UTF-8 can encode."""
    good = isinstance(value, str) and value != ""
    if not good or value.encode("utf-8", "ignore").decode() != value:
        raise InputError(f"{who}: {what} must be a text, got {shown(value)}.")
    return value


def path(who: str, what: str, value: Any) -> Path:
    """``value`` as a path, ``~`` expanded; the file need not exist."""
    try:
        text = os.fspath(value)
        good = isinstance(text, str) and text != "" and "\0" not in text
        found = Path(text).expanduser() if good else Path()
        good = good and all(len(os.fsencode(part)) <= LONGEST_NAME for part in found.parts)
    except (TypeError, ValueError, RuntimeError):  # of another type, no UTF-8, no such home
        good = False
    if not good:
        raise InputError(
            f"{who}: {what} must be the path of a file or a folder, each name at most "
            f"{LONGEST_NAME} bytes, got {shown(value)}."
        )
    return found


def instance(who: str, what: str, value: Any, kind: type, *, hint: str) -> Any:
    """``value``, which must be a ``kind``; ``hint`` says how to make one."""
    if not isinstance(value, kind):
        raise InputError(f"{who}: {what} must be {_a(kind)}, got {shown(value)}. {hint}")
    return value


def shown(value: Any) -> str:
    """``value`` as an error shows it: in one line, cut where it is long."""
    if isinstance(value, PLAIN):
        return _cut(repr(value))
    return f"{_cut(repr(value))} ({type(value).__name__})"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _a(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"


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
        ``X`` is not two-dimensional, not numeric, too small, holds a NaN, an infinity or a masked
        value (the message names the first such row), or its magnitude or that of its
        differences is beyond 1e70 or below 1e-70.
    """
    import numpy as np

    unmasked(who, "X", X)
    X = _gathered(X) if hasattr(X, "blocks") else as_array(who, X)
    if isinstance(X, np.ma.MaskedArray):  # none of its values is masked
        X = X.data
    if X.ndim != 2:
        raise InputError(
            f"{who}: X must be a matrix of shape (n, d), got shape {X.shape}. "
            "Give one row per image: X.reshape(len(X), -1)."
        )
    numeric(who, X)
    if X.dtype not in (np.float32, np.float64):
        X = X.astype(np.float32 if X.dtype == np.float16 else np.float64)
    n, d = X.shape
    if n < rows:
        raise Degenerate(f"{who}: X must have at least {rows} rows, got {n}. Use more images.")
    if d < columns:
        raise InputError(f"{who}: X must have at least {columns} columns, got {d}.")
    bad = _unfinite(X)
    if len(bad):
        got = "NaN" if np.isnan(X[bad[0]]).any() else "an infinity"
        raise Degenerate(
            f"{who}: every value of X must be finite, got {got} in row {bad[0]} ({len(bad)} of {n} "
            "rows). Leave those rows out: X[np.isfinite(X).all(axis=1)]."
        )
    magnitude(who, X)
    return X


def sliceable(who: str, X: Any) -> Any:
    """``X`` itself where its slices are arrays (a stored layer, a mapped file), else as an array.

    Raises
    ------
    InputError
        As :func:`as_array`.
    """
    import numpy as np

    return X if isinstance(getattr(X, "dtype", None), np.dtype) else as_array(who, X)


def as_array(who: str, X: Any) -> np.ndarray:
    """``X`` as a NumPy array; a tensor is detached and copied, bfloat16 becomes float32.

    Raises
    ------
    InputError
        ``X`` is sparse, is a tensor without values, or its rows are of several lengths.
    """
    import numpy as np

    _refuse_containers(who, X)
    if hasattr(X, "detach"):
        if X.layout.__repr__() != "torch.strided" or X.is_meta:
            kind = "a tensor without values" if X.is_meta else "a sparse tensor"
            raise InputError(f"{who}: X must be dense, got {kind}. Call to_dense().")
        X = X.detach().cpu()
        X = (X.float() if str(X.dtype) == "torch.bfloat16" else X).numpy()
    if hasattr(X, "toarray"):
        raise InputError(f"{who}: X must be dense, got {type(X).__name__}. Call toarray().")
    try:
        return np.asanyarray(X)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{who}: X must be numbers of shape (n, ...), got '{error}'. Give rows of one length."
        ) from error


def _refuse_containers(who: str, X: Any) -> None:
    """Refuse a file name, activations of several layers, or images in place of one matrix."""
    if isinstance(X, str | os.PathLike):
        raise InputError(
            f"{who}: X must be a matrix, got the name {shown(os.fspath(X))}. Open it first: "
            "repviz.open_activations(folder)[layer], or numpy.load(file)."
        )
    if hasattr(X, "layers") and hasattr(X, "rows"):
        names = ", ".join(X.layers)
        raise InputError(
            f"{who}: X must be one layer, got activations with the layers {_cut(names)}. Choose "
            f"one: acts['{X.layers[-1]}']."
        )
    if hasattr(X, "pixels") and hasattr(X, "matrix"):
        raise InputError(
            f"{who}: X must be a matrix, got images. Take their pixels: images.matrix()."
        )


def labels(who: str, what: str, values: Any, n: int) -> np.ndarray:
    """``values`` as an array of shape (n,), in which no label is missing.

    Raises
    ------
    InputError
        There is not one entry for each of ``n`` rows, or one is masked, None or NaN.
    """
    import numpy as np

    unmasked(who, what, values)
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{who}: {what} must hold one entry for each row, got '{error}'."
        ) from error
    if array.shape != (n,):
        raise InputError(
            f"{who}: {what} must have one entry for each of {n} rows, got shape {array.shape}."
        )
    missing = [row for row, label in enumerate(array.tolist()) if label is None or label != label]
    if missing:
        raise InputError(
            f"{who}: {what} must not be missing, got None or NaN in row {missing[0]} "
            f"({len(missing)} of {n} rows). Leave those rows out."
        )
    return array


def unmasked(who: str, what: str, values: Any) -> None:
    """Refuse a masked array with masked values, which ``np.asarray`` would expose."""
    import numpy as np

    if not isinstance(values, np.ma.MaskedArray) or not np.ma.getmaskarray(values).any():
        return
    masked = np.ma.getmaskarray(values)
    rows = np.flatnonzero(masked.reshape(len(masked), -1).any(axis=1)) if masked.ndim else [0]
    raise InputError(
        f"{who}: {what} must not have masked values, got one in row {rows[0]} ({len(rows)} of "
        f"{masked.shape[0] if masked.ndim else 1} rows). Leave those rows out, or fill them with "
        ".filled(value)."
    )


def magnitude(who: str, X: np.ndarray) -> None:
    """Refuse finite rows with values or differences whose fourth powers float64 does not hold."""
    import numpy as np

    if X.dtype != np.float64:  # float32 spans less than that
        return
    highest, lowest = X.max(axis=0), X.min(axis=0)
    largest = float(max(highest.max(), -lowest.min()))
    if largest > LARGEST:
        raise Degenerate(
            f"{who}: the values of X must be at most {LARGEST:g} in magnitude, got {largest:.3g}: "
            "their powers would overflow. Divide X by a constant."
        )
    spread = float((highest - lowest).max())
    if 0 < largest < SMALLEST or 0 < spread < SMALLEST:
        raise Degenerate(
            f"{who}: the values of X must be at least {SMALLEST:g} in magnitude and differ by as "
            f"much in some column, got {largest:.3g} and {spread:.3g}: their powers would "
            "underflow. Subtract the mean of each column and multiply X by a constant."
        )


def numeric(who: str, X: np.ndarray) -> None:
    """Refuse arrays that are not of real numbers: text, objects, complex numbers."""
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
    """The indices of the rows that hold a NaN or an infinity."""
    import numpy as np

    step = max(1, (1 << 22) // X.shape[1])
    bad = [
        start + np.flatnonzero(~np.isfinite(X[start : start + step]).all(axis=1))
        for start in range(0, len(X), step)
    ]
    return np.concatenate(bad)
