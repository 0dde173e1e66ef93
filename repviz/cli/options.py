"""The options that several commands share, each worded once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from repviz.errors import InputError

ImagesName = Annotated[
    str, typer.Option("--images", help="An image source: orl, folder:PATH, array:FILE, ...")
]
Size = Annotated[int | None, typer.Option(help="Pixels a side (default: as they are).")]
Grey = Annotated[bool | None, typer.Option("--grey/--colour", help="Grey levels or colour.")]
Limit = Annotated[int | None, typer.Option(help="At most this many images, drawn with the seed.")]
Label = Annotated[str | None, typer.Option(help="The array or factor that serves as the label.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Weights = Annotated[
    str, typer.Option(help="random, default (pretrained), a published name, or a file.")
]
Variant = Annotated[str | None, typer.Option(help="alexnet: paper, ungrouped, code2012, ...")]
Classes = Annotated[int | None, typer.Option(help="alexnet: how many classes.")]
Bottleneck = Annotated[int | None, typer.Option(help="autoencoder: size of the code.")]
Sizes = Annotated[
    str | None, typer.Option(help="Sizes of the code, with commas (default: 2 to 64).")
]


def numbers(text: str | None) -> list[int] | None:
    """Whole numbers with commas between them, as a list."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--bottlenecks: must be whole numbers separated by commas, got '{text}'. "
            "Write for example 2,8,32."
        ) from None


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were written on the command line; the library knows its own defaults."""
    return {name: value for name, value in options.items() if value is not None}


def by_layer(text: str) -> str | dict[str, str]:
    """``mean``, or ``conv*=mean,fc*=none`` as a mapping of layers to reductions."""
    if "=" not in text:
        return text
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(pattern and written for pattern, _, written in pairs):
        raise InputError(
            f"--reduce: must be one reduction, or layer=reduction with commas between, got "
            f"'{text}'. Write for example conv*=mean,fc*=none."
        )
    return {pattern: written for pattern, _, written in pairs}
