"""Commands about the activations of a network's layers."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

import repviz
from repviz.activations.layout import unfinished_sentence
from repviz.cli import options as option
from repviz.cli.output import progress_bars, write, write_table
from repviz.number_format import counted

_Network = Annotated[
    str, typer.Argument(help="Network: alexnet, torchvision:NAME, module:attribute, ...")
]
_Activations = Annotated[str, typer.Option(help="Folder for the activations, or an address.")]
_Layers = Annotated[
    str | None,
    typer.Option(
        help="Layers: names, globs or type:Conv2d, comma-separated (default: the model's)."
    ),
]
_Reduce = Annotated[
    str,
    typer.Option(help="Kept of a layer: mean, max, cls+mean, grid:3, ...; or conv*=mean,fc*=none."),
]
_Ablate = Annotated[
    list[str] | None,
    typer.Option(help="Replace a layer's output: LAYER=mean or LAYER=zero; repeatable."),
]
_Dtype = Annotated[str, typer.Option(help="Type of the stored numbers: float32 or float16.")]
_Batch = Annotated[int | None, typer.Option(help="Batch size.")]
_Strict = Annotated[bool, typer.Option(help="Stop at the first unreadable image.")]
_Rank = Annotated[str | None, typer.Option(help="Compute one part: its number from 0, or auto.")]
_Of = Annotated[int | None, typer.Option(help="Number of parts.")]
_Append = Annotated[
    bool, typer.Option("--append", help="Add images that the folder does not hold yet.")
]
_Estimate = Annotated[
    bool,
    typer.Option("--estimate", help="Print bytes, memory and time, and extract nothing."),
]
_Cache = Annotated[
    bool,
    typer.Option(help="Decode images once for all passes; needs --size and --grey or --colour."),
]


def extract(
    model: _Network,
    images: option.ImagesName,
    out: _Activations,
    layers: _Layers = None,
    weights: option.Weights = "random",
    variant: option.Variant = None,
    classes: option.Classes = None,
    reduce: _Reduce = "none",
    ablate: _Ablate = None,
    dtype: _Dtype = "float32",
    batch: _Batch = None,
    strict: _Strict = False,
    rank: _Rank = None,
    of: _Of = None,
    append: _Append = False,
    device: option.Device = "auto",
    cluster: option.Cluster = None,
    cpus: option.Cpus = None,
    gpus: option.Gpus = None,
    estimate: _Estimate = False,
    cache: _Cache = False,
    size: option.Size = None,
    grey: option.Grey = None,
    limit: option.Limit = None,
    label: option.Label = None,
    metadata: option.Metadata = None,
    key: option.Key = None,
    group: option.Group = None,
    seed: option.Seed = 0,
    as_json: option.Json = False,
) -> None:
    """Extract and store the activations of layers."""
    tasks = option.tasks(cluster, cpus, gpus, device=device)
    with progress_bars(), repviz.on_device(device):
        table = option.table(metadata, group)
        pictures = repviz.open_images(
            images, size=option.side(size), grey=grey, limit=limit, label=label, metadata=table,
            key=key, seed=seed,
        )  # fmt: skip
        pictures = repviz.cache_images(pictures) if cache else pictures
        options = option.given({"variant": variant, "classes": classes})
        network = repviz.open_model(model, weights=weights, seed=seed, **options)
        same: dict[str, Any] = {
            "layers": layers.split(",") if layers else None,
            "reduce": option.by_layer(reduce),
            "ablate": option.ablations(ablate or []),
            "dtype": dtype,
            "batch": batch,
            "seed": seed,
        }
        if estimate:
            from repviz.activations.estimate import estimate_extraction

            needed = estimate_extraction(network, pictures, **same)
            write(asdict(needed), as_json, [str(needed)])
            return
        call = partial(repviz.extract, network, pictures, out, strict=strict, append=append, **same)
        if cluster:
            from repviz.cluster import run_parts

            run_parts(call, of, **tasks)
        acts = call(part=None if cluster else option.part(rank, of))
    _write_extracted(acts, out, as_json)


def _write_extracted(acts: Any, out: str, as_json: bool) -> None:
    if not acts.finished:
        state = unfinished_sentence(acts.path, acts.manifest)
        write({"activations": out, "finished": False}, as_json, [f"Not finished yet: {state}"])
        return
    shapes = {name: list(acts[name].shape) for name in acts.layers}
    bad = acts.rows[~acts.readable]
    lines = [f"{name}: {n} x {d}" for name, (n, d) in shapes.items()]
    unreadable = int((bad["status"] == "unreadable").sum())
    if unreadable:
        lines.append(
            f"{counted(unreadable, 'image')} could not be read; their rows are NaN, and the row "
            "index gives the reasons."
        )
    if strange := len(bad) - unreadable:
        lines.append(
            f"The network's output is not finite for {counted(strange, 'image')}, and the row "
            "index names the layers."
        )
    write(
        {
            "activations": out,
            "layers": shapes,
            "unreadable": dict(zip(bad["id"], bad["reason"], strict=True)),
            "overflow": acts.overflow,
        },
        as_json,
        [*lines, f"Activations: {out}"],
    )


def layers(
    model: Annotated[
        str, typer.Argument(help="Network: alexnet, torchvision:NAME, module:attribute, ...")
    ],
    variant: option.Variant = None,
    weights: option.Weights = "random",
    classes: option.Classes = None,
    as_json: option.Json = False,
) -> None:
    """List a model's layers and their output shapes."""
    options = option.given({"variant": variant, "classes": classes})
    found = repviz.layers(repviz.open_model(model, weights=weights, **options))
    write_table(found, as_json, layers=len(found))


def export(
    folder: Annotated[str, typer.Argument(help="A folder of activations.")],
    out: Annotated[Path, typer.Option(help="File or folder to write.")],
    format: Annotated[  # noqa: A002
        str,
        typer.Option("--format", help="Format: npy, parquet, zarr, anndata, projector or atlas."),
    ],
    layer: Annotated[str | None, typer.Option(help="Layer to export (default: last).")] = None,
    images: Annotated[
        str | None, typer.Option(help="projector, atlas: the extracted images, for thumbnails.")
    ] = None,
    overwrite: option.Overwrite = False,
    as_json: option.Json = False,
) -> None:
    """Export one layer to another file format."""
    acts = repviz.open_activations(folder)
    made = repviz.export(
        acts,
        layer or acts.layers[-1],
        out,
        format=format,
        images=None if images is None else repviz.open_images(images),
        overwrite=overwrite,
    )
    write({"export": str(made), "format": format}, as_json, [f"Export: {made}"])


def import_matrix(
    matrix: Annotated[Path, typer.Argument(help="A .npy file of shape (n, ...).")],
    out: Annotated[Path, typer.Option(help="Folder for the activations.")],
    layer: Annotated[str, typer.Option(help="Name of the layer.")] = "matrix",
    name: Annotated[str | None, typer.Option(help="Name of the data set.")] = None,
    metadata: Annotated[
        str | None, typer.Option(help="CSV of ids, labels and factors, in the order of the rows.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Metadata column with the ids (default: first).")
    ] = None,
    label: Annotated[str | None, typer.Option(help="Metadata column with the labels.")] = None,
    group: option.Group = None,
    as_json: option.Json = False,
) -> None:
    """Import a matrix as a folder of activations."""
    from repviz.images.metadata import read_metadata

    known: dict[str, Any] = {"name": name}
    if (table := option.table(metadata, group)) is not None:
        known |= vars(read_metadata(table, key=key, label=label))
    acts = repviz.import_matrix(matrix, out, layer=layer, **option.given(known))
    n, d = acts[layer].shape
    bad = n - int(acts.readable.sum())
    lines = [f"{layer}: {n} x {d}", f"Activations: {out}"]
    if bad:
        lines.insert(1, f"{bad} rows hold a NaN or an infinity and are marked as unreadable.")
    write({"activations": str(out), "layers": {layer: [n, d]}, "unreadable": bad}, as_json, lines)
