"""Commands about networks: train them, count them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import repviz
from repviz.cli import options as option
from repviz.cli.output import progress_bars, write_table


def train(
    model: Annotated[str, typer.Argument(help="alexnet, autoencoder, torchvision:NAME, ...")],
    images: option.ImagesName,
    out: Annotated[Path, typer.Option(help="The checkpoint to write (.safetensors).")],
    weights: option.Weights = "random",
    variant: option.Variant = None,
    bottleneck: option.Bottleneck = None,
    epochs: Annotated[int | None, typer.Option(help="How many.")] = None,
    held_out: Annotated[float, typer.Option(help="Share of the images held out.")] = 0.3,
    batch: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    limit: option.Limit = None,
    label: option.Label = None,
    seed: option.Seed = 0,
    as_json: option.Json = False,
) -> None:
    """Train a model on images; keep a checkpoint."""
    options = {"variant": variant, "bottleneck": bottleneck}
    with progress_bars():
        opened = repviz.open_images(images, limit=limit, label=label, seed=seed)
        if model != "autoencoder" and opened.classes:
            options["classes"] = len(opened.classes)
        made = repviz.train(
            repviz.open_model(model, weights=weights, seed=seed, **option.given(options)),
            opened,
            out=out,
            epochs=epochs,
            held_out=held_out,
            batch=batch,
            seed=seed,
        )
    write_table(made.table, as_json, checkpoint=str(made.checkpoint))


def anatomy(
    model: Annotated[str, typer.Argument(help="alexnet, torchvision:NAME, module:attribute, ...")],
    variant: option.Variant = None,
    classes: option.Classes = None,
    bottleneck: option.Bottleneck = None,
    as_json: option.Json = False,
) -> None:
    """Count shapes, parameters, neurons and work by layer."""
    options = {"variant": variant, "classes": classes, "bottleneck": bottleneck}
    table = repviz.anatomy(repviz.open_model(model, **option.given(options)))
    write_table(table, as_json, model=model, total=dict(table.attrs))
