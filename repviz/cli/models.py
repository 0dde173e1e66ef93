"""Commands about networks: train, evaluate and describe them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import repviz
from repviz import checks, durable
from repviz.cli import options as option
from repviz.cli.output import progress_bars, save_figure, write, write_table
from repviz.locking import reserved

_Network = Annotated[
    str, typer.Argument(help="Network: alexnet, autoencoder, torchvision:NAME, ...")
]
_Checkpoint = Annotated[Path, typer.Option(help="Checkpoint to write (.safetensors).")]
_Init = Annotated[
    str | None,
    typer.Option(help="alexnet: how the first weights are drawn: robust, paper or code2012."),
]
_MapDropout = Annotated[
    float | None,
    typer.Option(
        help="alexnet: fraction of complete feature maps dropped out after each convolution."
    ),
]
_Recipe = Annotated[
    str | None,
    typer.Option(help="Recipe: labels, paper, code2012 or pixels; see repviz list recipes."),
]
_Epochs = Annotated[int | None, typer.Option(help="Number of epochs.")]
_Batch = Annotated[int | None, typer.Option(help="Batch size, over all processes.")]
_Rate = Annotated[float | None, typer.Option(help="Peak learning rate.")]
_Augment = Annotated[
    str | None, typer.Option(help="Augmentation: crop,flip,rotation=15, for example; or none.")
]
_TrainingPrecision = Annotated[
    str | None, typer.Option(help="Precision of training: fp32, tf32, bf16 or auto.")
]
_Compile = Annotated[
    bool | None, typer.Option("--compile", help="Compile the network with torch.compile.")
]
_Validation = Annotated[str | None, typer.Option(help="Separate source of held-out images.")]
_HeldOut = Annotated[float, typer.Option(help="Fraction of the images held out.")]
_SplitSeed = Annotated[int | None, typer.Option(help="Seed of the split (default: --seed).")]
_ShowAugmentation = Annotated[
    bool,
    typer.Option("--show-augmentation", help="Draw examples of the augmentation and stop."),
]
_Tensorboard = Annotated[
    bool | None, typer.Option("--tensorboard", help="Also write TensorBoard logs.")
]


def train(
    model: _Network,
    images: option.ImagesName,
    out: _Checkpoint,
    weights: option.Weights = "random",
    variant: option.Variant = None,
    init: _Init = None,
    map_dropout: _MapDropout = None,
    bottleneck: option.Bottleneck = None,
    recipe: _Recipe = None,
    epochs: _Epochs = None,
    batch: _Batch = None,
    rate: _Rate = None,
    augment: _Augment = None,
    precision: _TrainingPrecision = None,
    compile_: _Compile = None,
    validation: _Validation = None,
    held_out: _HeldOut = 0.3,
    split_seed: _SplitSeed = None,
    show_augmentation: _ShowAugmentation = False,
    tensorboard: _Tensorboard = None,
    limit: option.Limit = None,
    label: option.Label = None,
    metadata: option.Metadata = None,
    key: option.Key = None,
    group: option.Group = None,
    seed: option.Seed = 0,
    overwrite: option.Overwrite = False,
    as_json: option.Json = False,
) -> None:
    """Train a model, or continue from its checkpoint."""
    from repviz.training.recipes import recipe_settings

    network = {
        "variant": variant,
        "init": init,
        "map_dropout": map_dropout,
        "bottleneck": bottleneck,
    }
    decided = {
        "learning_rate": rate,
        "augment": augment,
        "precision": precision,
        "compile": compile_,
        "tensorboard": tensorboard,
    }
    with progress_bars():
        table = option.table(metadata, group)
        joined: dict[str, Any] = {"label": label, "metadata": table, "key": key}
        opened = repviz.open_images(images, limit=limit, seed=seed, **joined)
        parts: Any = held_out
        if validation is not None:
            opened, parts = repviz.concatenate(opened, repviz.open_images(validation, **joined))
        elif split_seed is not None:
            parts = repviz.split(opened, (1 - held_out, held_out), seed=split_seed)
        if model != "autoencoder" and opened.classes:
            network["classes"] = len(opened.classes)
        start = repviz.open_model(model, weights=weights, seed=seed, **option.given(network))
        settings = recipe_settings(recipe or start.task, **option.given(decided))
        if show_augmentation:
            sheet = repviz.plot_augmentation(
                start, opened, settings, out=out.with_suffix(".png"), seed=seed, overwrite=overwrite
            )
            write({"sheet": str(sheet)}, as_json, [f"The changes: {sheet}"])
            return
        made = repviz.train(
            start, opened, out=out, epochs=epochs, held_out=parts, batch=batch, seed=seed,
            recipe=settings, overwrite=overwrite,
        )  # fmt: skip
    write_table(made.table, as_json, checkpoint=str(made.checkpoint))


def evaluate(
    checkpoints: Annotated[
        list[str], typer.Argument(help="Trained classifiers; several form an ensemble.")
    ],
    images: option.ImagesName,
    views: Annotated[
        str, typer.Option(help="Crops of each image: centre for one, ten for ten.")
    ] = "centre",
    seen: Annotated[
        bool, typer.Option("--seen", help="Include images that a model was trained on.")
    ] = False,
    precision: Annotated[str, typer.Option(help="Precision: fp32, tf32, bf16 or auto.")] = "fp32",
    model: Annotated[
        str | None,
        typer.Option(help="Your own network, where the checkpoint is of one: module:attribute."),
    ] = None,
    limit: option.Limit = None,
    label: option.Label = None,
    metadata: option.Metadata = None,
    key: option.Key = None,
    group: option.Group = None,
    seed: option.Seed = 0,
    as_json: option.Json = False,
) -> None:
    """Test classifiers, and their ensemble, on new images."""
    from repviz.training.machine import Machine

    with progress_bars():
        table = option.table(metadata, group)
        opened = repviz.open_images(
            images, limit=limit, label=label, metadata=table, key=key, seed=seed
        )
        made = repviz.evaluate(
            [repviz.open_checkpoint(path, model=model) for path in checkpoints],
            opened,
            views=views,
            seen=seen,
            machine=Machine(precision),
        )
    write_table(made.table, as_json, images=images)


def anatomy(
    model: Annotated[
        str, typer.Argument(help="Network: alexnet, torchvision:NAME, module:attribute, ...")
    ],
    variant: option.Variant = None,
    classes: option.Classes = None,
    bottleneck: option.Bottleneck = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the table to this CSV file.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Plot the shares to this PNG file.")] = None,
    differences: Annotated[
        bool,
        typer.Option("--differences", help="alexnet: list how the variant differs from 2012's."),
    ] = False,
    overwrite: option.Overwrite = False,
    as_json: option.Json = False,
) -> None:
    """Count parameters, neurons and multiply-adds by layer."""
    if differences:
        from repviz.models.alexnet_differences import differences as table_of

        checks.one_of("anatomy --differences", "model", model, ["alexnet"])
        write_table(table_of(variant or "paper"), as_json, model=model)
        return
    options = {"variant": variant, "classes": classes, "bottleneck": bottleneck}
    table = repviz.anatomy(repviz.open_model(model, **option.given(options)))
    if csv is not None:
        with reserved(csv := checks.path("anatomy", "csv", csv), overwrite=overwrite):
            durable.write_text(csv, table.to_csv(index=False))
    if figure is not None:
        with reserved(figure := checks.path("anatomy", "figure", figure), overwrite=overwrite):
            save_figure("anatomy", table[table["parameters"] > 0], figure)
    write_table(table, as_json, text=_counts(table), model=model, total=dict(table.attrs))


def _counts(table: Any) -> Any:
    """The columns of the anatomy that fit on a screen; the CSV and the JSON have all of them."""
    from repviz.number_format import count

    text = table[["layer", "kind", "kernel", "stride", "output"]].copy()
    for name in ("parameters", "neurons", "multiply_adds"):
        numbers = [count(number) if number else "" for number in table[name]]
        shares = [f"{100 * share:.1f}" if share else "" for share in table[f"share_{name}"]]
        for heading, column in ((name.replace("_", "-"), numbers), ("%", shares)):
            text.insert(len(text.columns), heading, column, allow_duplicates=True)
    return text
