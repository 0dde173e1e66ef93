"""Commands that list the families and check folders on disk."""

from __future__ import annotations

from typing import Annotated

import typer

import repviz
from repviz.cli import options as option
from repviz.cli.output import write
from repviz.number_format import counted


def catalog(
    family: Annotated[str | None, typer.Argument(help="Show only this family.")] = None,
    as_json: option.Json = False,
) -> None:
    """List every source, model, method and section."""
    families = repviz.catalog(family)
    lines = []
    for name, members in families.items():
        width = max(len(member) for member in members)
        lines += [name, *(f"  {member:<{width}}  {text}" for member, text in members.items()), ""]
    write(families, as_json, lines[:-1])


def verify(
    folder: Annotated[
        str,
        typer.Argument(help="Activations (or their address), study, report, checkpoint, export."),
    ],
    as_json: option.Json = False,
) -> None:
    """Check that files on disk are as they were written."""
    files = repviz.verify(folder)
    write(
        {"folder": folder, "files": files, "sound": True},
        as_json,
        [f"{counted(files, 'file')}, sound"],
    )
