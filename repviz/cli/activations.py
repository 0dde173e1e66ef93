"""Commands about what the layers of a network answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import repviz
from repviz.cli import options as option
from repviz.cli.output import progress_bars, write


def extract(
    model: Annotated[str, typer.Argument(help="alexnet, torchvision:NAME, module:attribute, ...")],
    images: option.ImagesName,
    out: Annotated[Path, typer.Option(help="Folder of the activations.")],
    layers: Annotated[str | None, typer.Option(help="Names or globs, with commas.")] = None,
    weights: option.Weights = "random",
    variant: option.Variant = None,
    classes: option.Classes = None,
    reduce: Annotated[str, typer.Option(help="none, or mean over space.")] = "none",
    batch: Annotated[int, typer.Option(help="Images at a time.")] = 64,
    strict: Annotated[bool, typer.Option(help="Stop at an unreadable image.")] = False,
    size: option.Size = None,
    grey: option.Grey = None,
    limit: option.Limit = None,
    label: option.Label = None,
    seed: option.Seed = 0,
    as_json: option.Json = False,
) -> None:
    """Keep what a model's layers answer to images."""
    with progress_bars():
        acts = repviz.extract(
            repviz.open_model(
                model,
                weights=weights,
                seed=seed,
                **option.given({"variant": variant, "classes": classes}),
            ),
            repviz.open_images(images, size=size, grey=grey, limit=limit, label=label, seed=seed),
            layers=layers.split(",") if layers else None,
            out=out,
            reduce=reduce,
            batch=batch,
            strict=strict,
        )
    shapes = {name: list(acts[name].shape) for name in acts.layers}
    bad = int((acts.rows["status"] != "ok").sum())
    lines = [f"{name}: {n} x {d}" for name, (n, d) in shapes.items()]
    if bad:
        lines.append(
            f"{bad} images could not be read: their rows are NaN, the reasons are in rows."
        )
    write(
        {"activations": str(out), "layers": shapes, "unreadable": bad},
        as_json,
        [*lines, f"Activations: {out}"],
    )
