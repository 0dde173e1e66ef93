"""The command line: each command makes one library call and prints its result as text or JSON."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from importlib.metadata import version
from inspect import isfunction
from types import FrameType
from typing import Annotated, Any

import typer
import typer.core

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


CLOSED_PIPE = 128 + signal.SIGPIPE  # as shells report it


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"repviz {version('repviz-toolkit')}")
        raise typer.Exit


def _everywhere(
    context: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print results and errors, no progress.")
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="Versions, a line per step, and where an error arose."
        ),
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
    output.VERBOSE.set(verbose)
    if private:
        context.with_resource(provenance.private())


class Ended(Exception):
    """Raised for Ctrl-C, a signal or a closed pipe, for which typer would exit silently."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Commands(typer.core.TyperGroup):
    """The typer group of all commands; :func:`main` turns exceptions into exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command and return its result.

        Raises
        ------
        Ended
            It did not come to its end.
        """
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt as stop:
            raise Ended(128 + getattr(stop, "signal", signal.SIGINT)) from stop
        except BrokenPipeError as closed:  # the reader of our output (head, less) went away
            raise Ended(CLOSED_PIPE) from closed
        return result


def app() -> Any:
    """The group of all commands; those of studies and sweeps are built when they are called."""
    plain = typer.Typer(
        name="repviz",
        cls=Commands,
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
    group.params += typer.main.get_install_completion_arguments()
    return group


class Signalled(KeyboardInterrupt):
    """SIGTERM or SIGHUP: handled as Ctrl-C is, so that finished work is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number


def _end(number: int, frame: FrameType | None) -> None:
    raise Signalled(number)


def _silence() -> None:
    """Nothing that is still to be flushed reaches a pipe without a reader."""
    for stream in (sys.stdout, sys.stderr):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def main() -> None:
    """Run the command line: exit 0 when done, 2 with one sentence when refused.

    Ended by a signal, it exits with 128 and the signal's number; by a closed pipe, with 141.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # not under nohup
            signal.signal(number, _end)
    for stream in (sys.stdout, sys.stderr):  # a stream that takes ASCII alone gets codes
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Threads that wait sleep: spinning, they take the processor from whatever else runs, and on a
    # busy machine small networks train twenty times slower. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app()()
    except RepvizError as error:
        if output.VERBOSE.get():
            traceback.print_exc()
        print(f"repviz: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except Ended as ended:
        if ended.code == CLOSED_PIPE:
            _silence()
        else:
            print(
                "repviz: stopped. Finished work is kept; run the same command again to continue.",
                file=sys.stderr,
            )
        raise SystemExit(ended.code) from None
