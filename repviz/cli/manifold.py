"""Commands about the shape of a matrix of activations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import repviz
from repviz.cli import options as option
from repviz.cli.output import write
from repviz.errors import InputError


def dimension(
    source: Annotated[Path, typer.Argument(help="A folder of activations, or a .npy matrix.")],
    layer: Annotated[str | None, typer.Option(help="Which layer of the folder.")] = None,
    method: Annotated[str, typer.Option(help="twonn, mle, ...: see `repviz list`.")] = "twonn",
    as_json: option.Json = False,
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
    write(values, as_json, [f"{method}: {interval}{calibrated} (n = {got.n})", *got.alarms])


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
