"""Removing the folders of a machine from texts of a manifest."""

from __future__ import annotations

import re
import shlex

# From the root, a home or a Windows drive up to the last component; not the "//" of a URL.
_FOLDERS = re.compile(
    r"(?<![\w./~])(?:~|[A-Za-z]:)?[/\\](?![/\\])(?:[^/\\'\"\n]+[/\\])+(?=[^\s/\\])"
)


def without_folders(text: str) -> str:
    """``text`` with each absolute path cut to its last component.

    A report is passed on; the folders of its images name the user and help no other reader.
    """
    return _FOLDERS.sub("", text)


def command_without_folders(command: str) -> str:
    """The same for each argument of a command line."""
    return shlex.join(without_folders(argument) for argument in shlex.split(command))
