"""Commands about the activations of a network's layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import repviz
from repviz.cli import options as option
from repviz.cli.output import progress_bars, write, write_table


def extract(
    model: Annotated[str, typer.Argument(help="alexnet, torchvision:NAME, module:attribute, ...")],
    images: option.ImagesName,
    out: Annotated[Path, typer.Option(help="Folder of the activations.")],
    layers: Annotated[
        str | None, typer.Option(help="Names, globs or type:Conv2d, with commas.")
    ] = None,
    weights: option.Weights = "random",
    variant: option.Variant = None,
    classes: option.Classes = None,
    reduce: Annotated[
        str, typer.Option(help="mean, max, cls, grid:3, ...; or conv*=mean,fc*=none.")
    ] = "none",
    dtype: Annotated[str, typer.Option(help="float32, or float16.")] = "float32",
    batch: Annotated[int | None, typer.Option(help="Images at a time.")] = None,
    strict: Annotated[bool, typer.Option(help="Stop at an unreadable image.")] = False,
    cache: Annotated[
        bool, typer.Option(help="Decode once for all passes; needs --size and --grey/--colour.")
    ] = False,
    size: option.Size = None,
    grey: option.Grey = None,
    limit: option.Limit = None,
    label: option.Label = None,
    metadata: option.Metadata = None,
    key: option.Key = None,
    seed: option.Seed = 0,
    as_json: option.Json = False,
) -> None:
    """Store the activations of a model's layers."""
    with progress_bars():
        opened = repviz.open_images(
            images,
            size=option.side(size),
            grey=grey,
            limit=limit,
            label=label,
            metadata=metadata,
            key=key,
            seed=seed,
        )
        acts = repviz.extract(
            repviz.open_model(
                model,
                weights=weights,
                seed=seed,
                **option.given({"variant": variant, "classes": classes}),
            ),
            repviz.cache_images(opened) if cache else opened,
            layers=layers.split(",") if layers else None,
            out=out,
            reduce=option.by_layer(reduce),
            dtype=dtype,
            batch=batch,
            strict=strict,
            seed=seed,
        )
    shapes = {name: list(acts[name].shape) for name in acts.layers}
    bad = acts.rows[~acts.readable]
    lines = [f"{name}: {n} x {d}" for name, (n, d) in shapes.items()]
    if len(bad):
        lines.append(
            f"{len(bad)} images could not be read; their rows are NaN, and the row index gives "
            "the reasons."
        )
    write(
        {
            "activations": str(out),
            "layers": shapes,
            "unreadable": dict(zip(bad["id"], bad["reason"], strict=True)),
            "overflow": acts.overflow,
        },
        as_json,
        [*lines, f"Activations: {out}"],
    )


def layers(
    model: Annotated[str, typer.Argument(help="alexnet, torchvision:NAME, module:attribute, ...")],
    variant: option.Variant = None,
    classes: option.Classes = None,
    as_json: option.Json = False,
) -> None:
    """List a model's layers with the shape of their outputs."""
    options = option.given({"variant": variant, "classes": classes})
    found = repviz.layers(repviz.open_model(model, **options))
    write_table(found, as_json, layers=len(found))


def export(
    folder: Annotated[Path, typer.Argument(help="A folder of activations.")],
    out: Annotated[Path, typer.Option(help="The file or folder to make.")],
    to: Annotated[str, typer.Option(help="npy, parquet, zarr, anndata or projector.")],
    layer: Annotated[str | None, typer.Option(help="Which layer (default: the last).")] = None,
    images: Annotated[
        str | None, typer.Option(help="projector: the images that were extracted, as thumbnails.")
    ] = None,
    as_json: option.Json = False,
) -> None:
    """Write one layer in a format of other programs."""
    acts = repviz.open_activations(folder)
    made = repviz.export(
        acts,
        layer or acts.layers[-1],
        out,
        to=to,
        images=None if images is None else repviz.open_images(images),
    )
    write({"export": str(made), "format": to}, as_json, [f"Export: {made}"])


def import_matrix(
    matrix: Annotated[Path, typer.Argument(help="A .npy file of shape (n, ...).")],
    out: Annotated[Path, typer.Option(help="Folder of the activations.")],
    layer: Annotated[str, typer.Option(help="What to call the layer.")] = "matrix",
    name: Annotated[str | None, typer.Option(help="What to call the data.")] = None,
    as_json: option.Json = False,
) -> None:
    """Store a matrix that was made elsewhere."""
    acts = repviz.import_matrix(matrix, out, layer=layer, **option.given({"name": name}))
    n, d = acts[layer].shape
    bad = n - int(acts.readable.sum())
    lines = [f"{layer}: {n} x {d}", f"Activations: {out}"]
    if bad:
        lines.insert(1, f"{bad} rows hold a NaN or an infinity and are marked as unreadable.")
    write({"activations": str(out), "layers": {layer: [n, d]}, "unreadable": bad}, as_json, lines)
