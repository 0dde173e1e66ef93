"""Commands that end in a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import repviz
from repviz.cli import options as option
from repviz.cli.output import progress_bars, write, write_table
from repviz.errors import InputError


def study(
    name: Annotated[str, typer.Argument(help="faces, layers, bottleneck, network")] = "faces",
    images: option.ImagesName = "orl",
    out: Annotated[Path | None, typer.Option(help="Folder (default: reports/NAME).")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side of the face space.")] = None,
    bottlenecks: option.Sizes = None,
    epochs: Annotated[int | None, typer.Option(help="faces: of AlexNet's training.")] = None,
    samples: Annotated[int | None, typer.Option(help="faces: random points a rung.")] = None,
    model: Annotated[str | None, typer.Option(help="layers: a model, as for extract.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="network: the checkpoint; layers: default, or a checkpoint."),
    ] = None,
    photographs: Annotated[
        bool | None, typer.Option(help="network: whether the report may show the images.")
    ] = None,
    limit: option.Limit = None,
    label: option.Label = None,
    seed: option.Seed = 0,
    as_json: option.Json = False,
) -> None:
    """From images to an HTML report; run again, it goes on."""
    options = {
        "size": size,
        "bottlenecks": option.numbers(bottlenecks),
        "epochs": epochs,
        "samples": samples,
        "model": model,
        "weights": weights,
        "photographs": photographs,
    }
    with progress_bars():
        opened = repviz.open_images(images, limit=limit, label=label, seed=seed)
        folder = out or Path("reports") / name
        made = repviz.study(name, opened, out=folder, seed=seed, **option.given(options))
    findings = made.result("findings")["sentence"].tolist()
    write(
        {"study": str(made.folder), "report": str(made.report), "findings": findings},
        as_json,
        [*findings, "", f"Report: {made.report}"],
    )


def sweep(
    source: Annotated[
        str | None, typer.Argument(help="An image source, or a folder of activations.")
    ] = None,
    images: Annotated[str | None, typer.Option(help="The same, as an option.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the sweep.")] = Path("reports/sweep"),
    bottlenecks: option.Sizes = None,
    engines: Annotated[
        str, typer.Option("--engines", "--engine", help="Separated by commas.")
    ] = "pca,pca-augmented,conv,linear-start",
    criteria: Annotated[str | None, typer.Option(help="psnr:25,person,...: `repviz list`.")] = None,
    audit: Annotated[str | None, typer.Option(help="Sizes to train separately, beside.")] = None,
    layer: Annotated[str | None, typer.Option(help="Of activations: which layer.")] = None,
    mirror: Annotated[bool, typer.Option(help="Whether mirror images count as images.")] = True,
    shift: Annotated[
        float | None,
        typer.Option(help="Farthest move, share of a side (default: 1/32; 0 for drawn faces)."),
    ] = None,
    effort: Annotated[float, typer.Option(help="Training time, times the usual.")] = 1.0,
    size: option.Size = 64,
    grey: option.Grey = True,
    split: Annotated[
        str | None, typer.Option(help="By image or by label (people-disjoint).")
    ] = None,
    limit: option.Limit = None,
    label: option.Label = None,
    seed: Annotated[str, typer.Option(help="Of everything random; several with commas.")] = "0",
    as_json: option.Json = False,
) -> None:
    """Autoencoders at each bottleneck size, with PCA beside."""
    given = source or images
    if given is None:
        raise InputError("sweep: images must be named, got none. Write --images orl, for example.")
    seeds = option.numbers(seed, option="--seed") or [0]
    fixed = {
        "layer": layer,
        "split": split,
        "mirror": mirror,
        "shift": shift,
        "effort": effort,
        "audit": option.numbers(audit, option="--audit"),
    }
    with progress_bars():
        acts = (Path(given) / "layers").is_dir()
        made = repviz.sweep(
            given
            if acts
            else repviz.open_images(
                given, size=size, grey=grey, limit=limit, label=label, seed=seeds[0]
            ),
            bottlenecks=option.numbers(bottlenecks),
            out=out,
            engines=engines.split(","),
            criteria=criteria.split(",") if criteria else (),
            seed=seeds,
            setup=repviz.SweepSetup(**option.given(fixed)),
        )
    told = {"sweep": str(made.folder), "report": str(made.report)}
    for extra in ("audit", "choices"):
        if (made.folder / "results" / f"{extra}.csv").is_file():
            told[extra] = "\n" + made.result(extra).to_string(index=False)
    write_table(made.table, as_json, **told)


def encoder(
    folder: Annotated[Path, typer.Argument(help="A finished sweep.")],
    bottleneck: Annotated[int, typer.Option(help="Which size of its code.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    engine: Annotated[str, typer.Option(help="Which engine.")] = "linear-start",
    to: Annotated[str, typer.Option(help="repviz, torchscript or onnx.")] = "repviz",
    as_json: option.Json = False,
) -> None:
    """The encoder of one size of a sweep alone, for `repviz extract` or any other program."""
    sweep = repviz.open_study(folder)
    path = repviz.export_encoder(sweep, out, bottleneck=bottleneck, engine=engine, to=to)
    use = f"repviz extract autoencoder --weights {path} --images ..." if to == "repviz" else to
    write({"encoder": str(path), "kind": to}, as_json, [f"The encoder: {path} ({use})"])


def report(
    folder: Annotated[Path, typer.Argument(help="A study folder.")],
    as_json: option.Json = False,
) -> None:
    """Write a study's HTML report again, from its tables."""
    path = repviz.write_report(folder)
    write({"report": str(path)}, as_json, [f"Report: {path}"])
