"""Export of one layer to Embedding Atlas (Ren et al. 2025): map, neighbours and metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from repviz.activations.store import Activations
from repviz.errors import InputError
from repviz.images.sprite import thumbnails
from repviz.manifold.embedding.umap_map import umap
from repviz.manifold.neighbors import neighbors
from repviz.manifold.stored_rows import readable_rows

if TYPE_CHECKING:
    from repviz.images.collection import Images

K = 15  # neighbours of a row, as many as the map is drawn from
SIDE = 96  # pixels of a thumbnail
FEWEST = 3  # readable rows of which a map can be drawn


def write_atlas(acts: Activations, layer: str, path: Path, images: Images | None) -> None:
    """A Parquet file with one row per row of ``acts``, as the command ``embedding-atlas`` reads it.

    Its options are ``--x x --y y --neighbors neighbors``, and with thumbnails ``--image image``.
    Columns: the index of rows; ``x`` and ``y``, a UMAP map with seed 0; ``neighbors``, the nearest
    rows in the layer itself as ``{ids, distances}``, nearest first; with ``images`` a PNG of each
    in ``image``, as ``{bytes, path}``. Where a row holds no activations its place is null.

    Raises
    ------
    InputError
        Fewer than 3 rows hold activations.
    """
    import pyarrow
    from pyarrow import parquet

    where = np.flatnonzero(acts.readable)
    if len(where) < FEWEST:
        raise InputError(
            f"export: 'atlas' draws a map of at least {FEWEST} readable rows, got {len(where)}. "
            "Extract more images, or choose another format."
        )
    X, _, _ = readable_rows(acts[layer])
    graph = neighbors(X, k=min(K, len(where) - 1))
    table = pyarrow.Table.from_pandas(acts.rows, preserve_index=False)
    xy = np.full((len(acts), 2), np.nan, np.float32)
    xy[where] = umap(graph, seed=0)
    for name, values in zip("xy", xy.T, strict=True):
        table = table.append_column(name, pyarrow.array(values, from_pandas=True))
    near: list[dict[str, list[float]] | None] = [None] * len(acts)
    for row, ids, distances in zip(where, graph.indices, graph.distances, strict=True):
        near[row] = {"ids": where[ids].tolist(), "distances": distances.tolist()}
    kinds = [
        ("ids", pyarrow.list_(pyarrow.int64())),
        ("distances", pyarrow.list_(pyarrow.float32())),
    ]
    table = table.append_column("neighbors", pyarrow.array(near, pyarrow.struct(kinds)))
    if images is not None:
        files = thumbnails(images, SIDE)
        pictures = [
            None if file is None else {"bytes": file, "path": str(name)}
            for file, name in zip(files, images.ids, strict=True)
        ]
        kinds = [("bytes", pyarrow.binary()), ("path", pyarrow.string())]
        table = table.append_column("image", pyarrow.array(pictures, pyarrow.struct(kinds)))
    parquet.write_table(table, path)
