"""A matrix that was made elsewhere as a folder of activations, for all that reads those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repviz import array_files, checks, durable, provenance
from repviz.activations import layout, writer
from repviz.activations.store import Activations
from repviz.errors import InputError, StoreError
from repviz.images.labels import group_texts

SHARD_BYTES = 64 * 2**20
NOT_FINITE = "a NaN, an infinity or a masked value"
EXACT = 2**53  # float64 holds every whole number up to this one


def import_matrix(
    X: Any,
    out: str | Path,
    *,
    layer: str = "matrix",
    name: str | None = None,
    ids: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
    factors: Mapping[str, Any] | None = None,
    groups: Sequence[Any] | None = None,
) -> Activations:
    """The matrix ``X``, made elsewhere, as a folder of activations with one layer.

    Parameters
    ----------
    X : array_like or Tensor, shape (n, ...), or the path of a .npy file
        One row per image; further axes are flattened. float16, float32 and float64 stay as they
        are, integers of up to 16 bits become float32 and longer ones float64: no value changes. A
        memory map is read a part at a time. A row with a NaN, an infinity or a masked value is
        marked as not finite, for nothing can be measured of it.
    out : str or Path
        A new folder.
    layer : str
        Name of the layer.
    name : str, optional
        Origin of the matrix; by default the name of the file, or "a matrix".
    ids : sequence of str, optional
        n distinct names; by default "row 0", "row 1", ...
    labels : sequence, optional
        n labels; None or NaN where a row has none.
    factors : mapping of str to array_like, optional
        n numbers per known factor, in its own unit; NaN where it is not known.
    groups : sequence, optional
        n groups: which rows are no independent draws.

    Raises
    ------
    InputError
        ``X`` is no numeric matrix, has no rows, holds integers beyond 2^53, or ``ids``,
        ``labels``, ``groups`` or a factor are not n, or the groups are one, n, or missing.
    StoreError
        The folder holds something, or cannot be written.
    """
    if isinstance(X, str | Path):
        path = checks.path("import_matrix", "X", X)
        name, X = name or path.name, read_matrix("import_matrix", path)
    checks.text("import_matrix", "layer", layer)
    name = "a matrix" if name is None else checks.text("import_matrix", "name", name)
    X = checks.as_array("import_matrix", X)
    if X.ndim < 2 or X.dtype.kind not in "fiub" or not X.size:
        raise InputError(
            "import_matrix: X must be a numeric array of shape (n, ...) with at least one row, "
            f"got shape {X.shape} of {X.dtype}."
        )
    path, n, shape = checks.path("import_matrix", "out", out), len(X), X.shape[1:]
    factors = {} if factors is None else factors
    numbers = {one: _numbers(one, values) for one, values in factors.items()}
    names = _names(
        ids,
        {"labels": labels, "groups": groups} | {f"factor '{one}'": numbers[one] for one in numbers},
        n,
    )
    group_of = None if groups is None else group_texts("import_matrix", groups)
    _check_new(path)
    dtype = _stored_type(X.dtype)
    features = int(np.prod(shape, dtype=np.int64))
    step = max(min(SHARD_BYTES // (np.dtype(dtype).itemsize * features), n), 1)
    manifest = {
        "model": name,
        "weights": "not known: the matrix was made elsewhere",
        "rows_per_shard": step,
        "images": {"name": name, "n": n, "ids": provenance.key(names)},
        "order": [layer],
        "layers": {layer: {"shape": shape, "features": features, "dtype": dtype, "reduce": "none"}},
    }
    with durable.locked(path):
        manifest = writer.begin(path, manifest)
        writer.delete_leftovers(path)
        bad: dict[int, str] = {}
        hashes = []
        for number in range(layout.shards(manifest)):
            first, last = number * step, min((number + 1) * step, n)
            block = _block(X[first:last], dtype)
            wrong = ~np.isfinite(block).all(axis=1)
            if wrong.any():
                block = block.copy()  # a memory map is read-only
                block[wrong] = np.nan
            here = {int(row): NOT_FINITE for row in np.flatnonzero(wrong) + first}
            hashes += [provenance.sha256(row.tobytes()) for row in block]
            with writer.Shard(
                path, number, {layer: features}, rows=last - first, dtype=dtype
            ) as shard:
                shard.append({layer: block})
                shard.commit({"unreadable": {str(row): why for row, why in here.items()}})
            bad |= here
        rows = _rows(names, labels, name, hashes, bad)
        if group_of is not None:
            rows["group"] = [_encodable(one) for one in group_of]
        for factor, column in numbers.items():
            rows[f"factor_{factor}"] = column
        writer.finish(path, rows)
    return Activations(path, manifest)


def _names(ids: Sequence[str] | None, others: Mapping[str, Any], n: int) -> list[str]:
    """The id of each of n rows, once ids and all others (labels, factors) are known to be n."""
    names = (
        [f"row {row}" for row in range(n)]
        if ids is None
        else [str(one) for one in checks.as_list(ids)]
    )
    for what, values in {"ids": names, **others}.items():
        if values is not None and len(checks.as_list(values)) != n:
            raise InputError(
                f"import_matrix: {what} must have {n} entries, one per row, got "
                f"{len(checks.as_list(values))}."
            )
    if len(set(names)) < n:
        raise InputError(
            f"import_matrix: the ids must be distinct, got {len(set(names))} different ones for "
            f"{n} rows."
        )
    return names


def _check_new(path: Path) -> None:
    """Refuse what exists, but not what a full disk or a kill left of an import."""
    unfinished = (path / "manifest.json").is_file() and not (path / "rows.parquet").exists()
    if path.exists() and not (path.is_dir() and (unfinished or not durable.foreign_files(path))):
        raise StoreError(
            f"{path}: an import needs a new folder, and this one already exists. Choose another."
        )


def _numbers(factor: str, values: Any) -> np.ndarray:
    """A factor as float64, (n,)."""
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"import_matrix: factor '{factor}' must hold numbers, got '{error}'. Pass texts as "
            "labels, or one factor of 0 and 1 per category."
        ) from error
    if column.ndim != 1:
        raise InputError(
            f"import_matrix: factor '{factor}' must hold one number per row, got shape "
            f"{column.shape}."
        )
    return column


def _stored_type(dtype: np.dtype) -> str:
    """The type that holds every value of ``dtype``."""
    if dtype.kind == "f":
        return dtype.name if dtype.itemsize <= 8 else "float64"
    return "float32" if dtype.itemsize <= 2 else "float64"


def _block(rows: np.ndarray, dtype: str) -> np.ndarray:
    """Some rows as stored, (m, d); masked values are NaN."""
    if rows.dtype.kind in "iu" and rows.dtype.itemsize == 8 and rows.size:
        largest = max(int(rows.max()), -int(rows.min()))
        if largest > EXACT:
            raise InputError(
                f"import_matrix: integers must be at most 2^53, got {largest:,}: float64 cannot "
                "represent it exactly. Scale them first."
            )
    if isinstance(rows, np.ma.MaskedArray):
        rows = np.ma.filled(rows.astype(dtype), np.nan)
    return np.ascontiguousarray(rows, dtype=dtype).reshape(len(rows), -1)


def read_matrix(who: str, path: Path) -> np.ndarray:
    """The array in a .npy file, as a read-only memory map.

    Raises
    ------
    InputError
        It is no regular file, or no whole .npy file of one plain array.
    """
    try:
        with durable.open_regular(path):
            return np.asarray(array_files.mapped(path))
    except durable.UNREADABLE as error:
        raise InputError(
            f"{who}: {path} must be a complete, numeric .npy file, got '{error}'. Write "
            "it with numpy.save."
        ) from error


def _rows(
    names: list[str],
    labels: Sequence[Any] | None,
    name: str,
    hashes: list[str],
    bad: dict[int, str],
) -> Any:
    import pandas as pd

    n = len(names)
    return pd.DataFrame(
        {
            "row": np.arange(n),
            "id": [_encodable(one) for one in names],
            "path": [f"{_encodable(name)}, row {row}" for row in range(n)],
            "content_hash": hashes,
            "label": [None] * n if labels is None else [_label(label) for label in labels],
            "status": ["not finite" if row in bad else "ok" for row in range(n)],
            "reason": [bad.get(row, "") for row in range(n)],
        }
    )


def _label(value: Any) -> str | None:
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return None if missing else _encodable(str(value))


def _encodable(text: str) -> str:
    """``text`` with codes for what no UTF-8 file holds: bytes of a file name that are none."""
    return text.encode("utf-8", "backslashreplace").decode()
