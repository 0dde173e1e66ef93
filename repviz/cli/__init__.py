"""The command line: each command is one library call, its result printed as text or as JSON."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import typer

from repviz.cli import activations, folders, manifold, models, studies
from repviz.errors import RepvizError

# In the order of `repviz --help`: the order of the work.
COMMANDS: dict[str, Callable[..., None]] = {
    "study": studies.study,
    "sweep": studies.sweep,
    "encoder": studies.encoder,
    "train": models.train,
    "evaluate": models.evaluate,
    "layers": activations.layers,
    "extract": activations.extract,
    "export": activations.export,
    "import": activations.bring,
    "dimension": manifold.dimension,
    "scales": manifold.scales,
    "similarity": manifold.similarity,
    "anatomy": models.anatomy,
    "report": studies.report,
    "list": folders.catalog,
    "verify": folders.verify,
}

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

for name, command in COMMANDS.items():
    app.command(name)(command)


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
    except KeyboardInterrupt as stop:
        print("repviz: stopped. What is finished is kept; run again to go on.", file=sys.stderr)
        raise SystemExit(128 + getattr(stop, "signal", signal.SIGINT)) from None
    except BrokenPipeError:  # the reader of our output (head, less) went away: nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
