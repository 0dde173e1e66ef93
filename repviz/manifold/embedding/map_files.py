"""Saving and opening a landmark map: one file with everything that placing new rows needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from repviz import checks, durable, provenance
from repviz.errors import Damaged
from repviz.locking import reserved
from repviz.manifold.embedding.landmarks import LandmarkMap

ARRAYS = ("embedding", "landmarks", "rows", "options")


def save_map(found: LandmarkMap, path: str | Path, *, overwrite: bool = False) -> Path:
    """The path of the file that :func:`open_map` reads: the map with the landmarks' rows.

    Parameters
    ----------
    found : LandmarkMap
        A map that :func:`repviz.umap_by_landmarks` drew.
    path : path
        The file to write, an .npz archive.
    overwrite : bool
        Whether a file that exists may be replaced.

    Raises
    ------
    InputError
        ``found`` is no landmark map.
    StoreError
        The file exists or cannot be written.
    """
    hint = "repviz.umap_by_landmarks makes one."
    found = checks.instance("save_map", "found", found, LandmarkMap, hint=hint)
    path = checks.path("save_map", "path", path)
    overwrite = checks.flag("save_map", "overwrite", overwrite)
    arrays = {
        "embedding": found.embedding,
        "landmarks": found.landmarks,
        "rows": found._rows,
        "options": np.array([found._neighbors, found._min_dist, found._seed], np.float64),
    }
    with (
        reserved(path, overwrite=overwrite),
        durable.replacing(path) as temporary,
        temporary.open("wb") as file,
    ):
        np.savez(file, allow_pickle=False, checksum=_checksum(arrays), **arrays)
    return path


def open_map(path: str | Path) -> LandmarkMap:
    """The map in a file of :func:`save_map`; it places new rows as the one that was saved.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    LandmarkMap

    Raises
    ------
    Damaged
        The file is none of these, or was changed.
    """
    path = checks.path("open_map", "path", path)
    try:
        with durable.open_regular(path) as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in ARRAYS}
            if str(file["checksum"]) != _checksum(arrays):
                raise ValueError("another content than was written")
        near, min_dist, seed = arrays["options"].tolist()
    except durable.UNREADABLE as error:
        raise Damaged(
            f"{path}: this file must hold a landmark map as it was saved, got '{error}'. Save the "
            "map again."
        ) from error
    drawn = arrays["embedding"], arrays["landmarks"], arrays["rows"]
    return LandmarkMap(*drawn, int(near), float(min_dist), int(seed))


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    content = [
        f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode() + arrays[name].tobytes()
        for name in ARRAYS
    ]
    return provenance.checksum(b"".join(content)).hexdigest()
