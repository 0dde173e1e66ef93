#!/usr/bin/env python3
"""Write docs/commands.md: every command with its arguments and options, as the program has them.

python scripts/commands_page.py
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from repviz import cli
from repviz.cli.signatures import LazyCommand

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
HEAD = """\
# Commands

Every command with its arguments, in capitals, and its options, as `repviz COMMAND -h` prints them
(`python scripts/commands_page.py` writes this page). Where no default is given, nothing is done, or
the function of that name in the [reference](reference.md) decides by the images and the network."""
DEFAULT = re.compile(r"([^(]*) \(default: ([^()]+)\)([^(]*)")


def page() -> str:
    """The page, from the commands as they are now."""
    return "\n\n".join([HEAD, *_sections("repviz", cli.app())]) + "\n"


def _sections(name: str, command: Any) -> Iterator[str]:
    """One section for a command, and one for each command within it."""
    command = command.build() if isinstance(command, LazyCommand) else command
    rows = "\n".join(_row(one) for one in command.params)
    yield f"## {name}\n\n{command.help}"
    if rows:
        yield f"| argument or option | default | what it does |\n|---|---|---|\n{rows}"
    if hasattr(command, "list_commands"):
        for one in command.list_commands(None):
            yield from _sections(f"{name} {one}", command.get_command(None, one))


def _row(parameter: Any) -> str:
    """A line of the table: how it is written, its default, and its help."""
    text, default = parameter.help or "", parameter.default
    if found := DEFAULT.fullmatch(text):  # options read off a function name it in their help
        text, default = found[1] + found[3], found[2]
    elif parameter.required:
        default = "required"
    elif default is None or isinstance(default, bool):
        default = ""
    return f"| {_written(parameter)} | {_plain(str(default))} | {_plain(text)} |"


def _written(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`" + " ..." * (parameter.nargs == -1)
    names = [*parameter.opts, *parameter.secondary_opts]
    return ", ".join(f"`{name}`" for name in names)


def _plain(text: str) -> str:
    """The text with nothing in it that Markdown would read as a sign."""
    return re.sub(r"([|*_<`])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
