"""A plain matrix as activations, so that everything that reads those reads it too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repviz import durable, provenance
from repviz.activations import layout, writer
from repviz.activations.store import Activations
from repviz.errors import InputError, StoreError

SHARD_BYTES = 64 * 2**20


def import_matrix(
    X: Any,
    out: str | Path,
    *,
    layer: str = "matrix",
    name: str | None = None,
    ids: Sequence[str] | None = None,
    labels: Sequence[Any] | None = None,
) -> Activations:
    """The matrix ``X``, made elsewhere, as a folder of activations with one layer.

    Parameters
    ----------
    X : array_like, shape (n, ...), or the path of a .npy file
        A row an image; what follows is flattened. float16 stays, other numbers become float32. A
        memory map is read a part at a time. A row with a NaN or an infinity in it is marked as
        unreadable, for nothing can be measured of it.
    out : str or Path
        A new folder.
    layer : str
        What to call it.
    name : str, optional
        Where it is from; the name of the file, or "a matrix".
    ids : sequence of str, optional
        n distinct names; "row 0", "row 1", ... if left out.
    labels : sequence, optional
        Who or what each row shows.

    Raises
    ------
    InputError
        ``X`` is no numeric matrix, has no rows, or ``ids`` or ``labels`` are not n.
    StoreError
        The folder holds something, or cannot be written.
    """
    if isinstance(X, str | Path):
        name, X = name or Path(X).name, _read(Path(X))
    name, X = name or "a matrix", np.asanyarray(X)
    if X.ndim < 2 or X.dtype.kind not in "fiub" or not X.size:
        raise InputError(
            f"import_matrix: X must be numbers of shape (n, ...), at least one row, got shape "
            f"{X.shape} of {X.dtype}."
        )
    path, n, shape = Path(out), len(X), X.shape[1:]
    names = [f"row {row}" for row in range(n)] if ids is None else [str(one) for one in ids]
    for what, values in (("ids", names), ("labels", labels)):
        if values is not None and len(values) != n:
            raise InputError(f"import_matrix: {what} must be {n}, one a row, got {len(values)}.")
    if len(set(names)) < n:
        raise InputError(f"import_matrix: the ids must be distinct, got {len(set(names))} of {n}.")
    if path.is_dir() and any(path.iterdir()):
        raise StoreError(f"{path}: an import needs a new folder. Choose another one.")
    dtype = "float16" if X.dtype == np.float16 else "float32"
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
        bad: dict[int, str] = {}
        hashes = []
        for number in range(layout.shards(manifest)):
            first, last = number * step, min((number + 1) * step, n)
            block = np.ascontiguousarray(X[first:last], dtype=dtype).reshape(last - first, -1)
            wrong = ~np.isfinite(block).all(axis=1)
            if wrong.any():
                block = block.copy()  # a memory map is read-only
                block[wrong] = np.nan
            here = {int(row): "a NaN or an infinity" for row in np.flatnonzero(wrong) + first}
            hashes += [provenance.sha256(row.tobytes()) for row in block]
            with writer.Shard(
                path, number, {layer: features}, rows=last - first, dtype=dtype
            ) as shard:
                shard.append({layer: block})
                shard.commit({"unreadable": {str(row): why for row, why in here.items()}})
            bad |= here
        writer.finish(path, _rows(names, labels, name, hashes, bad))
    return Activations(path, manifest)


def _read(path: Path) -> np.ndarray:
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            raise ValueError("several arrays in one file")
        return np.asarray(found)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"import_matrix: {path} must be a whole .npy file of numbers, got '{error}'. Write it "
            "with numpy.save."
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
            "id": names,
            "path": [f"{name}, row {row}" for row in range(n)],
            "content_hash": hashes,
            "label": [None] * n if labels is None else [str(label) for label in labels],
            "status": ["unreadable" if row in bad else "ok" for row in range(n)],
            "reason": [bad.get(row, "") for row in range(n)],
        }
    )
