"""Command-line options that several commands share, and functions that parse their values."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import repviz
from repviz.errors import InputError

ImagesName = Annotated[
    str, typer.Option("--images", help="An image source: orl, folder:PATH, array:FILE, ...")
]
Size = Annotated[
    str | None, typer.Option(help="Resize to this many pixels per side, or HEIGHTxWIDTH.")
]
Grey = Annotated[
    bool | None, typer.Option("--grey/--colour", help="Convert the images to grey or colour.")
]
Limit = Annotated[int | None, typer.Option(help="Use a random subset of this many images.")]
Label = Annotated[str | None, typer.Option(help="Array or factor to use as the label.")]
Metadata = Annotated[
    str | None, typer.Option(help="CSV of labels and factors, joined to the images by --key.")
]
Group = Annotated[
    str | None,
    typer.Option(help="Metadata column that groups images (a person): kept together in splits."),
]
Key = Annotated[
    str | None, typer.Option(help="Metadata column with the image names (default: first).")
]
Seed = Annotated[int, typer.Option(help="Random seed.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Cluster = Annotated[
    str | None, typer.Option(help="Run on a Ray cluster: auto, local or its address.")
]
Device = Annotated[
    str,
    typer.Option(
        help="Where networks run while activations are extracted: cpu, cuda, cuda:1 or auto; "
        "trainings take the GPU there is."
    ),
]
Cpus = Annotated[
    float | None, typer.Option(help="--cluster: CPUs, and threads, of each task (default: 1).")
]
Gpus = Annotated[
    float | None, typer.Option(help="--cluster: GPUs of each task, or a fraction (default: 0).")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Weights = Annotated[
    str, typer.Option(help="Weights: random, default (pretrained), a name, or a file.")
]
Variant = Annotated[
    str | None,
    typer.Option(
        help="alexnet: which of the networks of that name: paper, ungrouped, code2012, ..."
    ),
]
Classes = Annotated[int | None, typer.Option(help="alexnet: number of classes, its outputs.")]
Bottleneck = Annotated[int | None, typer.Option(help="autoencoder: code size.")]
Sizes = Annotated[str | None, typer.Option(help="Code sizes: 2,8,32 or 1:16 or 2:256:log.")]


def numbers(text: str | None, *, option: str = "--bottlenecks") -> list[int] | None:
    """Whole numbers: one by one, ``1:16`` for all from 1 to 16, ``2:256:log`` for 2, 4, 8, ..."""
    if text is None:
        return None
    found: list[int] = []
    try:
        for part in text.split(","):
            first, *rest = part.split(":")
            found += [int(first)] if not rest else _span(int(first), *rest)
    except (ValueError, TypeError):
        raise InputError(
            f"{option}: must be whole numbers separated by commas, or ranges, got '{text}'. For "
            "example: 2,8,32 or 1:16 or 2:256:log."
        ) from None
    return found


def size(text: str, *, option: str = "--size") -> int | tuple[int, int]:
    """A side in pixels, or height and width: ``64`` or ``96x84``."""
    try:
        sides = [int(side) for side in text.split("x")]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2):
        raise InputError(
            f"{option}: must be a number of pixels, or height x width, got '{text}'. For example: "
            "64 or 96x84."
        )
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def side(text: str | None) -> int | tuple[int, int] | None:
    """The parsed value of ``--size``, or None."""
    return None if text is None else size(text)


def _span(first: int, last: str, step: str = "1") -> list[int]:
    end = int(last)
    if not 1 <= first <= end:
        raise ValueError
    if step != "log":
        return list(range(first, end + 1, int(step)))
    sizes = []
    while first <= end:
        sizes.append(first)
        first *= 2
    return sizes


def table(metadata: str | None, group: str | None) -> Any:
    """The metadata table of ``--metadata`` and ``--group``; None where neither was given."""
    if group is None:
        return metadata
    if metadata is None:
        raise InputError(
            f"--group: must come with --metadata, got --group {group} alone. Leave it out, or "
            "give --metadata."
        )
    return repviz.Metadata(metadata, group=group)


def part(rank: str | None, of: int | None) -> tuple[int, int] | str | None:
    """``(rank, size)`` of ``--rank`` and ``--of``; None where neither was given."""
    if rank == "auto" and of is None:
        return rank
    if rank is None and of is None:
        return None
    if rank is None or of is None or not rank.isdecimal():
        raise InputError(
            "--rank, --of: must be the number of this part and the number of all parts, or 'auto', "
            f"got rank {rank} and of {of}. For example: --rank 0 --of 4."
        )
    return int(rank), of


def tasks(
    cluster: str | None, cpus: float | None, gpus: float | None, *, device: str = "auto"
) -> dict[str, Any]:
    """The keyword arguments of a cluster call, from ``--cluster``, ``--cpus`` and ``--gpus``."""
    if cluster is not None and device != "auto":
        raise InputError(
            "--device: must be auto with --cluster, whose tasks run on the GPUs that --gpus gives "
            f"them, got '{device}'. For example: --cluster auto --gpus 1."
        )
    keywords = given({"address": cluster, "cpus": cpus, "gpus": gpus})
    if cluster is None and keywords:
        raise InputError(
            "--cpus, --gpus: --cluster must name the cluster whose tasks have them, got none. For "
            "example: --cluster auto --gpus 1."
        )
    return keywords


def given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that are not None: the others keep the library's defaults."""
    return {name: value for name, value in options.items() if value is not None}


def named_values(written: list[str]) -> dict[str, Any]:
    """``["k=20", "average=mean"]`` as a dict; values that look like numbers become numbers."""
    found: dict[str, Any] = {}
    for text in written:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InputError(
                f"--option: must be NAME=VALUE, got '{text}'. For example: --option k=20."
            )
        found[name] = _value(value)
    return found


def _value(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def by_layer(text: str) -> list[str] | dict[str, list[str]]:
    """``mean,max`` (all layers), or ``conv*=mean,fc*=none`` as a dict of layers to reductions."""
    parts = text.split(",")
    if "=" not in text:
        return parts
    pairs = [part.partition("=") for part in parts]
    if not all(pattern and written for pattern, _, written in pairs):
        raise InputError(
            "--reduce: must be one reduction, or layer=reduction pairs separated by commas, got "
            f"'{text}'. For example: conv*=mean,fc*=none."
        )
    table: dict[str, list[str]] = {}
    for pattern, _, written in pairs:
        table.setdefault(pattern, []).append(written)
    return table


def ablations(written: list[str]) -> dict[str, str]:
    """``["conv3=mean"]`` as a mapping of layers to ablations."""
    pairs = [text.rpartition("=") for text in written]
    for text, (layer, _, kind) in zip(written, pairs, strict=True):
        if not (layer and kind):
            raise InputError(
                f"--ablate: must be LAYER=mean or LAYER=zero, got '{text}'. For example: --ablate "
                "conv3=mean."
            )
    return {layer: kind for layer, _, kind in pairs}
