"""Activations for other programs: one matrix in the format that they read.

To add a format, write a function that fills a temporary path, and one line in :data:`EXPORTS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repviz import checks, durable, seals, spreadsheets
from repviz.activations.shard_files import npy_header
from repviz.activations.store import Activations, open_activations
from repviz.errors import InputError, Unavailable
from repviz.locking import reserved
from repviz.references import resolve

if TYPE_CHECKING:
    import pandas as pd

    from repviz.images.collection import Images

FACTOR = "factor_"  # with which the names of factors begin in the index of rows
SPRITE_SIDE, SPRITE_WIDTH = 48, 8192  # pixels of a thumbnail; at most, of the sheet (WebGL's limit)


@dataclass(frozen=True)
class Export:
    """One entry of :data:`EXPORTS`.

    Attributes
    ----------
    summary : str
        What it writes, in one line.
    function : str
        ``"module:function"``, of which ``(acts, layer, path, images)`` makes the file or the
        folder ``path``.
    """

    summary: str
    function: str

    @property
    def write(self) -> Callable[[Activations, str, Path, Images | None], None]:
        """The function, its module imported on first use."""
        found: Callable[[Activations, str, Path, Images | None], None] = resolve(self.function)
        return found


def export(
    acts: Activations | str | Path,
    layer: str,
    out: str | Path,
    *,
    format: str,  # noqa: A002
    images: Images | None = None,
    overwrite: bool = False,
) -> Path:
    """The path of one layer of ``acts``, written for other programs, all or nothing.

    Rows keep their order and number: a row whose image could not be read is NaN there too. Beside
    ``out`` stands a card, ``out`` with ``.json`` added: model, weights, layer, and the hash of each
    file, which :func:`repviz.verify` checks.

    Parameters
    ----------
    acts : Activations or path
        From :func:`repviz.extract`, or their folder.
    layer : str
        Name of the layer.
    out : str or Path
        The file or folder to write.
    format : str
        A key of :data:`EXPORTS`.
    images : Images, optional
        For ``projector`` and ``atlas``: the images that were extracted, as thumbnails.
    overwrite : bool
        Whether files at ``out`` and its card may be replaced. A folder never is.

    Raises
    ------
    UnknownName
        No such layer or format.
    InputError
        ``images`` are others than those that were extracted.
    Unavailable
        The package that writes the format is not installed.
    StoreError
        ``out`` or its card already exists, or cannot be written.
    """
    if isinstance(acts, str | Path):
        acts = open_activations(acts)
    hint = "Open them: repviz.open_activations."
    checks.instance("export", "acts", acts, Activations, hint=hint)
    checks.one_of("export", "format", format, EXPORTS)
    checks.one_of("export", "layer", layer, acts.layers)
    if images is not None and list(images.ids) != acts.rows["id"].tolist():
        raise InputError(
            f"export: the images must be those that were extracted ({len(acts)} of "
            f"{acts.manifest['images']['name']}), got {len(images)} of {images.name}."
        )
    path = checks.path("export", "out", out)
    overwrite = checks.flag("export", "overwrite", overwrite)
    with reserved(path, seals.card_path(path), overwrite=overwrite):
        try:
            with durable.replacing(path) as temporary:
                EXPORTS[format].write(acts, layer, temporary, images)
        except ImportError as error:
            raise Unavailable(
                f"export: '{format}' needs the package {error.name}, which is not installed. Run: "
                "pip install 'repviz-toolkit[exports]'."
            ) from error
        facts = ("model", "weights", "weights_hash", "preprocessing", "key")
        about = {name: acts.manifest[name] for name in facts if name in acts.manifest}
        seals.write_card(path, {"layer": layer, "kind": format, **about})
    return path


def write_npy(acts: Activations, layer: str, path: Path, images: Images | None) -> None:
    """The features alone, block by block."""
    matrix = acts[layer]
    with path.open("wb") as file:
        file.write(npy_header(matrix.shape, matrix.dtype))
        for _, block in matrix.blocks():
            file.write(np.ascontiguousarray(block).data)


def write_parquet(acts: Activations, layer: str, path: Path, images: Images | None) -> None:
    """The index of rows, and the features of each row as one list, in a column of the layer's name.

    A layer that is called as a column of the index (``label``) has ``.features`` added.
    """
    import pyarrow
    from pyarrow import parquet

    matrix, index = acts[layer], pyarrow.Table.from_pandas(acts.rows, preserve_index=False)
    kind = pyarrow.list_(pyarrow.from_numpy_dtype(matrix.dtype), matrix.shape[1])
    column = f"{layer}.features" if layer in index.column_names else layer
    schema = index.schema.append(pyarrow.field(column, kind))
    with parquet.ParquetWriter(path, schema) as writer:
        for start, block in matrix.blocks():
            flat = pyarrow.array(np.ascontiguousarray(block).reshape(-1))
            lists = pyarrow.FixedSizeListArray.from_arrays(flat, matrix.shape[1])
            part = index.slice(start, len(block)).append_column(schema.field(column), lists)
            writer.write_table(part)


def write_zarr(acts: Activations, layer: str, path: Path, images: Images | None) -> None:
    """The matrix, and what is known of its rows as attributes; None where it is not known."""
    import zarr

    matrix = acts[layer]
    rows = max(min(len(matrix), (16 << 20) // max(matrix.dtype.itemsize * matrix.shape[1], 1)), 1)
    array = zarr.create_array(
        store=str(path),
        shape=matrix.shape,
        chunks=(rows, matrix.shape[1]),
        dtype=matrix.dtype,
        attributes={
            "layer": layer,
            "shape": list(matrix.feature_shape),
            "ids": [str(name) for name in acts.rows["id"]],
            "labels": _as_json(acts.rows["label"]),
            "status": _as_json(acts.rows["status"]),
            "factors": {
                name.removeprefix(FACTOR): _as_json(acts.rows[name]) for name in _factors(acts)
            },
        },
    )
    for start, block in matrix.blocks(rows):
        array[start : start + len(block)] = block


def write_anndata(acts: Activations, layer: str, path: Path, images: Images | None) -> None:
    """The features as ``X``, the index of rows as ``obs``, the manifest as ``uns["made_of"]``."""
    from anndata import AnnData

    obs = acts.rows.set_index("id")
    obs.index = obs.index.astype(str)
    obs["label"] = obs["label"].astype("category")
    data = AnnData(np.asarray(acts[layer]), obs=obs)
    data.uns["layer"] = layer
    data.uns["made_of"] = json.dumps(acts.manifest)
    data.write_h5ad(path)


def write_projector(acts: Activations, layer: str, path: Path, images: Images | None) -> None:
    """TensorFlow's Embedding Projector: vectors, labels and factors as TSV, thumbnails as a sheet.

    The program colours by a column of numbers, so a factor is written as plain numbers.
    """
    path.mkdir()
    with (path / "vectors.tsv").open("w", encoding="utf-8") as file:
        for _, block in acts[layer].blocks():
            np.savetxt(file, block, fmt="%.7g", delimiter="\t")
    factors = acts.rows[_factors(acts)].map(lambda value: f"{value:.8g}").replace("nan", "")
    tables: pd.DataFrame = acts.rows[["id", "label", "status"]].fillna("").astype(str)
    tables = tables.join(factors)
    # A tab or a line end within a name would shift every row behind it.
    tables = tables.replace(r"[\t\r\n]+", " ", regex=True)
    tables = spreadsheets.without_formulas(tables)
    tables.columns = [re.sub(r"\s+", " ", str(name)) for name in tables]
    tables.to_csv(path / "metadata.tsv", sep="\t", index=False)
    embedding: dict[str, Any] = {
        "tensorName": f"{acts.manifest['model']} {layer}",
        "tensorShape": list(acts[layer].shape),
        "tensorPath": "vectors.tsv",
        "metadataPath": "metadata.tsv",
    }
    if images is not None:
        from repviz.images.sprite import sprite

        side = min(SPRITE_SIDE, SPRITE_WIDTH // int(np.ceil(np.sqrt(len(images)))))
        (path / "sprite.png").write_bytes(sprite(images, side))
        embedding["sprite"] = {"imagePath": "sprite.png", "singleImageDim": [side, side]}
    config = json.dumps({"embeddings": [embedding]}, indent=1)
    (path / "projector_config.json").write_text(config, encoding="utf-8")


def _factors(acts: Activations) -> list[str]:
    """The columns of the index that hold known factors."""
    return [name for name in acts.rows.columns.tolist() if name.startswith(FACTOR)]


def _as_json(column: pd.Series) -> list[Any]:
    """The values of a column; None where there is none that JSON can hold."""
    values = column.replace([np.inf, -np.inf], np.nan)
    pairs = zip(values.isna(), values.tolist(), strict=True)
    return [None if missing else value for missing, value in pairs]


_HERE = "repviz.activations.exports"

EXPORTS: dict[str, Export] = {
    "npy": Export("a NumPy file, (n, d), of the features alone", f"{_HERE}:write_npy"),
    "parquet": Export(
        "a Parquet file: the index of rows, and one list of features per row",
        f"{_HERE}:write_parquet",
    ),
    "zarr": Export(
        "a zarr array, (n, d); ids, labels, factors as attributes", f"{_HERE}:write_zarr"
    ),
    "anndata": Export(
        "an .h5ad file: features as X, the index of rows as obs", f"{_HERE}:write_anndata"
    ),
    "projector": Export(
        "the Embedding Projector's TSV files and thumbnails", f"{_HERE}:write_projector"
    ),
    "atlas": Export(
        "a Parquet file for Embedding Atlas: UMAP map, neighbours, index of rows, thumbnails",
        "repviz.manifold.embedding.atlas_file:write_atlas",
    ),
}
