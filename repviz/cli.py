"""The command line: each command is one library call, its result printed as text or as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

import repviz
from repviz import progress
from repviz.errors import InputError, RepvizError

app = typer.Typer(
    name="repviz",
    help="What does a network's representation hold? Extract, sweep, measure, report.",
    epilog="Start with: repviz study faces --images orl --out reports/faces",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ImagesName = Annotated[
    str, typer.Option("--images", help="An image source: orl, folder:PATH, array:FILE, ...")
]
Size = Annotated[int | None, typer.Option(help="Pixels a side (default: as they are).")]
Grey = Annotated[bool | None, typer.Option("--grey/--colour", help="Grey levels or colour.")]
Limit = Annotated[int | None, typer.Option(help="At most this many images, drawn with the seed.")]
Label = Annotated[str | None, typer.Option(help="The array or factor that serves as the label.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Weights = Annotated[str, typer.Option(help="random, default (pretrained), or a checkpoint.")]
Variant = Annotated[str | None, typer.Option(help="alexnet: paper, ungrouped, code2012, ...")]
Classes = Annotated[int | None, typer.Option(help="alexnet: how many classes.")]
Bottleneck = Annotated[int | None, typer.Option(help="autoencoder: size of the code.")]
SHOWN_AFTER = 1.0  # seconds
Sizes = Annotated[
    str | None, typer.Option(help="Sizes of the code, with commas (default: 2 to 64).")
]


@app.command()
def study(
    name: Annotated[str, typer.Argument(help="faces or bottleneck")] = "faces",
    images: ImagesName = "orl",
    out: Annotated[Path | None, typer.Option(help="Folder (default: reports/NAME).")] = None,
    size: Annotated[int | None, typer.Option(help="Pixels a side of the face space.")] = None,
    bottlenecks: Sizes = None,
    epochs: Annotated[int | None, typer.Option(help="faces: of AlexNet's training.")] = None,
    samples: Annotated[int | None, typer.Option(help="faces: random points a rung.")] = None,
    limit: Limit = None,
    label: Label = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """From images to an HTML report; run again, it goes on."""
    options = {
        "size": size,
        "bottlenecks": _numbers(bottlenecks),
        "epochs": epochs,
        "samples": samples,
    }
    with _progress():
        opened = repviz.open_images(images, limit=limit, label=label, seed=seed)
        folder = out or Path("reports") / name
        made = repviz.study(name, opened, out=folder, seed=seed, **_given(options))
    findings = made.result("findings")["sentence"].tolist()
    _print(
        {"study": str(made.folder), "report": str(made.report), "findings": findings},
        as_json,
        [*findings, "", f"Report: {made.report}"],
    )


@app.command()
def sweep(
    images: ImagesName,
    out: Annotated[Path, typer.Option(help="Folder of the sweep.")],
    bottlenecks: Sizes = None,
    engines: Annotated[str, typer.Option(help="Separated by commas.")] = "pca,conv,linear-start",
    size: Size = 64,
    grey: Grey = True,
    split: Annotated[
        str | None, typer.Option(help="By image or by label (people-disjoint).")
    ] = None,
    limit: Limit = None,
    label: Label = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Autoencoders at each bottleneck size, with PCA beside."""
    with _progress():
        made = repviz.sweep(
            repviz.open_images(images, size=size, grey=grey, limit=limit, label=label, seed=seed),
            bottlenecks=_numbers(bottlenecks),
            out=out,
            engines=engines.split(","),
            split=split,
            seed=seed,
        )
    _print_table(made.table, as_json, sweep=str(made.folder), report=str(made.report))


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="alexnet, autoencoder, torchvision:NAME, ...")],
    images: ImagesName,
    out: Annotated[Path, typer.Option(help="The checkpoint to write (.safetensors).")],
    weights: Weights = "random",
    variant: Variant = None,
    bottleneck: Bottleneck = None,
    epochs: Annotated[int | None, typer.Option(help="How many.")] = None,
    held_out: Annotated[float, typer.Option(help="Share of the images held out.")] = 0.3,
    batch: Annotated[int | None, typer.Option(help="Images a step.")] = None,
    limit: Limit = None,
    label: Label = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a model on images; keep a checkpoint."""
    options = {"variant": variant, "bottleneck": bottleneck}
    with _progress():
        opened = repviz.open_images(images, limit=limit, label=label, seed=seed)
        if model != "autoencoder" and opened.classes:
            options["classes"] = len(opened.classes)
        made = repviz.train(
            repviz.open_model(model, weights=weights, seed=seed, **_given(options)),
            opened,
            out=out,
            epochs=epochs,
            held_out=held_out,
            batch=batch,
            seed=seed,
        )
    _print_table(made.table, as_json, checkpoint=str(made.checkpoint))


@app.command()
def extract(
    model: Annotated[str, typer.Argument(help="alexnet, torchvision:NAME, module:attribute, ...")],
    images: ImagesName,
    out: Annotated[Path, typer.Option(help="Folder of the activations.")],
    layers: Annotated[str | None, typer.Option(help="Names or globs, with commas.")] = None,
    weights: Weights = "random",
    variant: Variant = None,
    classes: Classes = None,
    reduce: Annotated[str, typer.Option(help="none, or mean over space.")] = "none",
    batch: Annotated[int, typer.Option(help="Images at a time.")] = 64,
    strict: Annotated[bool, typer.Option(help="Stop at an unreadable image.")] = False,
    size: Size = None,
    grey: Grey = None,
    limit: Limit = None,
    label: Label = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Keep what a model's layers answer to images."""
    with _progress():
        acts = repviz.extract(
            repviz.open_model(
                model,
                weights=weights,
                seed=seed,
                **_given({"variant": variant, "classes": classes}),
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
    _print(
        {"activations": str(out), "layers": shapes, "unreadable": bad},
        as_json,
        [*lines, f"Activations: {out}"],
    )


@app.command()
def dimension(
    source: Annotated[Path, typer.Argument(help="A folder of activations, or a .npy matrix.")],
    layer: Annotated[str | None, typer.Option(help="Which layer of the folder.")] = None,
    method: Annotated[str, typer.Option(help="twonn, mle, ...: see `repviz list`.")] = "twonn",
    as_json: Json = False,
) -> None:
    """Estimate an intrinsic dimension, with its interval."""
    X: Any = _matrix(source, layer)
    got = repviz.dimension(X, method=method)
    values = {
        name: getattr(got, name) for name in ("value", "low", "high", "calibrated", "n", "method")
    }
    values["alarms"] = list(got.alarms)
    calibrated = "" if got.calibrated is None else f", calibrated {got.calibrated:.2f}"
    interval = f"{got.value:.2f} [{got.low:.2f}, {got.high:.2f}]"
    _print(values, as_json, [f"{method}: {interval}{calibrated} (n = {got.n})", *got.alarms])


@app.command()
def anatomy(
    model: Annotated[str, typer.Argument(help="alexnet, torchvision:NAME, module:attribute, ...")],
    variant: Variant = None,
    classes: Classes = None,
    bottleneck: Bottleneck = None,
    as_json: Json = False,
) -> None:
    """Count shapes, parameters, neurons and work by layer."""
    options = {"variant": variant, "classes": classes, "bottleneck": bottleneck}
    table = repviz.anatomy(repviz.open_model(model, **_given(options)))
    _print_table(table, as_json, model=model, total=dict(table.attrs))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A study folder.")],
    as_json: Json = False,
) -> None:
    """Write a study's HTML report again, from its tables."""
    path = repviz.write_report(folder)
    _print({"report": str(path)}, as_json, [f"Report: {path}"])


@app.command("list")
def catalog(
    family: Annotated[str | None, typer.Argument(help="One family only.")] = None,
    as_json: Json = False,
) -> None:
    """Show every source, model, layer, method and section."""
    families = repviz.catalog(family)
    lines = []
    for name, members in families.items():
        width = max(len(member) for member in members)
        lines += [name, *(f"  {member:<{width}}  {text}" for member, text in members.items()), ""]
    _print(families, as_json, lines[:-1])


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A folder of activations or of a study.")],
    as_json: Json = False,
) -> None:
    """Hash a folder's files again: are they as written?"""
    files = repviz.verify(folder)
    _print(
        {"folder": str(folder), "files": files, "sound": True}, as_json, [f"{files} files, sound"]
    )


def main() -> None:
    """Run the command line: exit 0 when done, 2 with one sentence when refused."""
    # Threads that wait sleep: spinning, they take the processor from whatever else runs, and on a
    # busy machine small networks train twenty times slower. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app()
    except RepvizError as error:
        print(f"repviz: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("repviz: stopped. What is finished is kept; run again to go on.", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:  # the reader of our output (head, less) went away: nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--bottlenecks: must be whole numbers separated by commas, got '{text}'. "
            "Write for example 2,8,32."
        ) from None


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _matrix(source: Path, layer: str | None) -> Any:
    if source.suffix != ".npy":
        acts = repviz.open_activations(source)
        return acts[layer or acts.layers[-1]]
    import numpy as np

    try:
        return np.load(source, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"{source}: this is no readable .npy file of numbers ({error})."
        ) from error


def _print(values: dict[str, Any], as_json: bool, lines: list[str]) -> None:
    print(json.dumps(values, ensure_ascii=False) if as_json else "\n".join(lines))


def _print_table(table: Any, as_json: bool, **values: Any) -> None:
    rows = json.loads(table.to_json(orient="records", double_precision=15))
    lines = [table.to_string(index=False), ""]
    lines += [f"{name}: {value}" for name, value in values.items()]
    _print({**values, "rows": rows}, as_json, lines)


@contextmanager
def _progress() -> Iterator[None]:
    """Within the block, bars with rate and time left, on standard error."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Any:
            unit = task.fields["unit"]
            return "" if task.speed is None else f"{task.speed:,.1f} {unit}/s"

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    bars = Progress(
        TextColumn("  {task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )

    class Bars:
        @contextmanager
        def task(self, label: str, total: int, unit: str) -> Iterator[progress.Advance]:
            number, start = bars.add_task(label, total=total, unit=unit), time.monotonic()
            try:
                yield lambda done: bars.update(number, advance=done)
            finally:
                bars.remove_task(number)
            seconds = time.monotonic() - start
            if seconds > SHOWN_AFTER and not console.is_terminal:  # a log file has no bars
                self.say(f"  {label}: {total} {unit} in {seconds:.1f} s")

        def say(self, sentence: str) -> None:
            console.print(sentence, markup=False)

    with bars, progress.shown_by(Bars()), warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: console.print(f"{message}", markup=False)
        yield


if __name__ == "__main__":
    main()
