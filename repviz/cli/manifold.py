"""Commands about the shape of a matrix of activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

import repviz
from repviz import checks
from repviz.cli import options as option
from repviz.cli.output import write, write_table
from repviz.errors import InputError

if TYPE_CHECKING:
    from repviz.manifold.dimension import Dimension

Source = Annotated[str, typer.Argument(help="A folder of activations, or a .npy matrix.")]
Layer = Annotated[str | None, typer.Option(help="Layer of the folder (default: last).")]
Groups = Annotated[
    str | None,
    typer.Option(help="Column of the row index that groups dependent rows, such as label."),
]
_NUMBERS = ("value", "low", "high", "calibrated", "calibrated_low", "calibrated_high")


def dimension(
    source: Source,
    layer: Layer = None,
    method: Annotated[
        str, typer.Option(help="Estimator: twonn, gride, mle, ...; see repviz list estimators.")
    ] = "twonn",
    groups: Groups = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", help="Estimator option such as k=20; may be repeated."),
    ] = None,
    as_json: option.Json = False,
) -> None:
    """Estimate the intrinsic dimension, with intervals."""
    more = option.named_values(options or [])
    got = repviz.dimension(
        _matrix("dimension", source, layer), method=method, groups=_column(source, groups), **more
    )
    values: dict[str, Any] = {name: getattr(got, name) for name in (*_NUMBERS, "n", "method")}
    values["warnings"] = list(got.warnings)
    line = f"{method}: {_calibrated(got)}, {_raw(got)} (n = {got.n})"
    write(values, as_json, [line, *got.warnings])


def scales(
    source: Source,
    layer: Layer = None,
    groups: Groups = None,
    as_json: option.Json = False,
) -> None:
    """Estimate the intrinsic dimension at each scale."""
    got = repviz.scale_curve(_matrix("scales", source, layer), groups=_column(source, groups))
    rows: list[dict[str, Any]] = []
    lines = []
    for m, one in zip(got.m, got.estimates, strict=True):
        numbers = {name: getattr(one, name) for name in _NUMBERS}
        rows.append({"m": int(m), "distance": one.scale, **numbers})
        at = f"neighbours {m} and {2 * m}, {one.scale:.3g} away"
        lines.append(f"{at}: {_calibrated(one)}, {_raw(one)}")
    first, last = got.plateau
    lines.append(
        f"plateau: {got.dimension:.2f} [{got.low:.2f}, {got.high:.2f}] from m = {first} to {last}"
    )
    values = {
        "dimension": got.dimension,
        "low": got.low,
        "high": got.high,
        "plateau": [first, last],
        "scales": rows,
        "warnings": list(got.warnings),
    }
    write(values, as_json, [*lines, *got.warnings])


def similarity(
    one: Annotated[str, typer.Argument(help="A folder of activations, or a .npy matrix.")],
    other: Annotated[str, typer.Argument(help="Another one, of the same images.")],
    layer: Layer = None,
    other_layer: Annotated[
        str | None, typer.Option(help="Layer of the second folder (default: --layer).")
    ] = None,
    method: Annotated[str, typer.Option(help="Measure: cka, procrustes or mutual-knn.")] = "cka",
    permutations: Annotated[
        int | None, typer.Option(help="Permutations for the null distribution.")
    ] = None,
    k: Annotated[int | None, typer.Option(help="mutual-knn: number of neighbours.")] = None,
    all_layers: Annotated[
        bool, typer.Option("--all-layers", help="Every layer of one with every layer of other.")
    ] = False,
    seed: option.Seed = 0,
    as_json: option.Json = False,
) -> None:
    """Compare two representations of the same images."""
    given = option.given({"permutations": permutations, "k": k})
    if all_layers:
        sides = (_layers("similarity", source) for source in (one, other))
        found = repviz.layer_similarity(*sides, method=method, seed=seed, **given)
        write_table(found.table(), as_json, n=found.n, best=" and ".join(found.best))
        return
    first = _matrix("similarity", one, layer)
    second = _matrix("similarity", other, other_layer or layer)
    got = repviz.similarity(first, second, method=method, seed=seed, **given)
    values = {name: getattr(got, name) for name in ("value", "null", "p", "n", "method", "seed")}
    line = f"{method}: {got.value:.3f}; 95 % of shuffles below {got.null:.3f} (n = {got.n})"
    write({**values, "warnings": list(got.warnings)}, as_json, [line, *got.warnings])


def _layers(who: str, source: str) -> Any:
    """All layers of a folder of activations, or one matrix."""
    return (
        _matrix(who, source, None) if source.endswith(".npy") else repviz.open_activations(source)
    )


def _matrix(who: str, source: str, layer: str | None) -> Any:
    if not source.endswith(".npy"):
        acts = repviz.open_activations(source)
        return acts[layer or acts.layers[-1]]
    from repviz.activations.imports import read_matrix

    return read_matrix(who, checks.path(who, "the matrix", source))


def _column(source: str, name: str | None) -> Any:
    """A column of a folder's rows, or nothing where none is asked for."""
    if name is None:
        return None
    if source.endswith(".npy"):
        raise InputError(
            f"--groups: {source} must be a folder of activations, whose row index has columns, "
            "got a matrix. Leave --groups out, or call repviz.dimension(X, groups=...) in Python."
        )
    rows = repviz.open_activations(source).rows
    column = rows[checks.one_of("--groups", f"column of {source}", name, rows.columns)]
    lacking = int((column.isna() | (column == "")).sum())
    if lacking:
        raise InputError(
            f"--groups: every row of {source} must have a value in column '{name}', got {lacking} "
            f"of {len(column)} without one. Choose another column."
        )
    return column.to_numpy()


def _raw(got: Dimension) -> str:
    """The raw value with its interval: sampling error alone."""
    return f"raw {got.value:.2f} [{got.low:.2f}, {got.high:.2f}]"


def _calibrated(got: Dimension) -> str:
    """The calibrated value with its interval: sampling and model error."""
    return f"calibrated {got.calibrated:.2f} [{got.calibrated_low:.2f}, {got.calibrated_high:.2f}]"
