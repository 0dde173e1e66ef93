"""The command line: each command is one library call, its result printed as text or as JSON."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from inspect import isfunction
from typing import Annotated, Any

import typer

from repviz import provenance
from repviz.cli import activations, folders, manifold, models, output, studies
from repviz.errors import RepvizError

# In the order of `repviz --help`: the order of the work.
COMMANDS: dict[str, Any] = {
    "study": studies.study,
    "sweep": studies.sweep,
    "featuremaps": studies.featuremaps,
    "encoder": studies.encoder,
    "train": models.train,
    "evaluate": models.evaluate,
    "layers": activations.layers,
    "extract": activations.extract,
    "export": activations.export,
    "import": activations.import_matrix,
    "dimension": manifold.dimension,
    "scales": manifold.scales,
    "similarity": manifold.similarity,
    "anatomy": models.anatomy,
    "report": studies.report,
    "list": folders.catalog,
    "verify": folders.verify,
}


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"repviz {version('repviz-toolkit')}")
        raise typer.Exit


def _everywhere(
    context: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print results and errors, no progress.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="Record no command, machine or path in files.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    output.QUIET.set(quiet)
    if private:
        context.with_resource(provenance.private())


def app() -> Any:
    """The group of all commands. Those that are no function here are built once they are named."""
    plain = typer.Typer(
        name="repviz",
        help="What does a network's representation hold? Extract, sweep, measure, report.",
        epilog="Start with: repviz study faces --images orl --out reports/faces",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    plain.callback()(_everywhere)
    functions = {name: entry for name, entry in COMMANDS.items() if isfunction(entry)}
    for name, function in functions.items():
        plain.command(name)(function)
    group = typer.main.get_group(plain)
    built = group.commands
    group.commands = {name: built.get(name, entry) for name, entry in COMMANDS.items()}
    return group


def main() -> None:
    """Run the command line: exit 0 when done, 2 with one sentence when refused."""
    # Threads that wait sleep: spinning, they take the processor from whatever else runs, and on a
    # busy machine small networks train twenty times slower. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app()()
    except RepvizError as error:
        print(f"repviz: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt as stop:
        print("repviz: stopped. Finished work is kept; run again to continue.", file=sys.stderr)
        raise SystemExit(128 + getattr(stop, "signal", signal.SIGINT)) from None
    except BrokenPipeError:  # the reader of our output (head, less) went away: nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
